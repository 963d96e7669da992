"""Layer lines of a declaration, written from operations: the inverse of parsing."""

from models.declaration.operations import (
    SLOPES,
    Activation,
    Conv,
    Dense,
    Dropout,
    Embed,
    Flatten,
    GlobalPool,
    Merge,
    Norm,
    Operation,
    Padding,
    Pool,
    Recurrent,
)


def line_of(operation: Operation) -> str:  # noqa: C901, PLR0911 - one case for each operation
    """Write an operation as a layer line without name and source, which `parse_line` reads."""
    match operation:
        case Conv():
            return _written_conv(operation)
        case Pool():
            return _written_pool(operation)
        case GlobalPool(kind):
            return "globalpool" if kind == "avg" else "globalpool max"
        case Norm(kind, epsilon):
            words = ["norm", *(["layer"] if kind == "layer" else [])]
            return " ".join(words + ([f"eps {epsilon!r}"] if epsilon != Norm.epsilon else []))
        case Dense(units, bias):
            return f"dense {units}" + ("" if bias else " nobias")
        case Dropout(rate):
            return f"dropout {rate!r}"
        case Flatten():
            return "flatten"
        case Embed(units):
            return f"embed {units}"
        case Recurrent(cell, units, activation):
            return f"{cell} {units}" + (" relu" if activation == "relu" else "")
        case Activation(function, slope):
            return f"{function} {slope!r}" if slope != SLOPES.get(function, 0.0) else function
        case Merge(kind, others):
            return " ".join((kind, *others))


def _written_conv(conv: Conv) -> str:
    default = Conv(conv.filters)
    words = [f"conv {conv.filters}"]
    words += [f"{conv.kernel[0]}x{conv.kernel[1]}"] if conv.kernel != default.kernel else []
    words += _written_pair("stride", conv.stride, (1, 1))
    words += _written_padding(conv.padding, "same")
    words += _written_pair("dilation", conv.dilation, (1, 1))
    words += [f"groups {conv.groups}"] if conv.groups > 1 else []
    return " ".join(words + ([] if conv.bias else ["nobias"]))


def _written_pool(pool: Pool) -> str:
    words = ["pool"] + ([f"{pool.kernel[0]}x{pool.kernel[1]}"] if pool.kernel != (2, 2) else [])
    words += _written_pair("stride", pool.stride, pool.kernel)
    words += [pool.kind] if pool.kind != "max" else []
    words += _written_padding(pool.padding, "valid")
    words += ["ceil"] if pool.ceil else []
    return " ".join(words + (["countpad"] if pool.count_padding else []))


def _written_pair(name: str, pair: tuple[int, int], default: tuple[int, int]) -> list[str]:
    rows, columns = pair
    if pair == default:
        return []
    return [f"{name} {rows}" if rows == columns else f"{name} {rows}x{columns}"]


def _written_padding(padding: Padding, default: str) -> list[str]:
    if isinstance(padding, str):
        return [] if padding == default else [padding]
    numbers = padding[:1] if len(set(padding)) == 1 else padding
    return [f"pad {' '.join(map(str, numbers))}"]
