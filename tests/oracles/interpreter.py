"""Any declared network in NumPy and float64, from the meaning of its layer lines.

Neither JAX nor the code of our networks is used: of `models` only the parsed lines are read. Values
have the names of the trace; maps are [row, column, channel], values of a sequence [step, unit].
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from math import erf, sqrt
from typing import NamedTuple

import numpy as np

from models.declaration.declaration import Declaration, ImageSpec, SequenceSpec
from models.declaration.operations import (
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
    Pool,
    Recurrent,
)
from tests.oracles.window_positions import Along, along

Values = dict[str, np.ndarray]


class Step(NamedTuple):
    """One computation: its name, its operation, and the names of the values that it reads."""

    name: str
    operation: Operation
    inputs: tuple[str, ...]
    is_last: bool


def steps(declaration: Declaration) -> Iterator[Step]:
    """Yield the computations of a declaration.

    A layer without a name is called by its kind and its number among the layers of that kind; a
    last dense layer is `output`. A last softmax or sigmoid only makes probabilities of logits.
    """
    lines = list(declaration.layers)
    last = lines[-1].operation
    if isinstance(last, Activation) and last.function in {"softmax", "log_softmax", "sigmoid"}:
        lines.pop()
    numbers: Counter[str] = Counter()
    before = "input"
    for line in lines:
        operation = line.operation
        word = line.text.rpartition(":")[2].split()[0]
        numbers[word] += 1
        is_last = line is lines[-1]
        derived = "output" if is_last and word == "dense" else f"{word}{numbers[word]}"
        others = operation.others if isinstance(operation, Merge) else ()
        name = line.name or derived
        yield Step(name, operation, (line.source or before, *others), is_last)
        before = name


def interpret(
    declaration: Declaration,
    parameters: Mapping[str, np.ndarray],
    given: np.ndarray,
    states: Mapping[str, np.ndarray] | None = None,
) -> Values:
    """Return every value of the trace by its name, `logits` among them.

    Args:
        parameters: Values by name, such as `conv1.kernel`, in any float type.
        given: Image [row, column, channel] as the network reads it; indices of symbols; or rows of
            features.
        states: Initial states by name, such as `hidden` or `lstm1.cell`; zeros without them.
    """
    wide = {name: np.asarray(value, np.float64) for name, value in parameters.items()}
    outputs = {"input": _encoded(declaration.input, given)}
    trace: Values = {}
    chain = list(steps(declaration))
    is_stacked = sum(isinstance(one.operation, Recurrent) for one in chain) > 1
    for one in chain:
        read = [outputs[name] for name in one.inputs]
        own = _own(wide, one.name)
        if isinstance(one.operation, Recurrent):
            prefix = f"{one.name}." if is_stacked else ""
            start = {key.removeprefix(prefix): value for key, value in (states or {}).items()}
            values = _recurrent(one.operation, own, read[0], start)
            trace |= {prefix + name: value for name, value in values.items()}
            outputs[one.name] = values["hidden"]
            continue
        outputs[one.name] = value = _computed(one.operation, own, read)
        if one.is_last and value.shape[-1] == 1:
            trace |= {one.name: value, "logits": np.concatenate([0 * value, value], axis=-1)}
        elif one.is_last:
            trace["logits"] = value
        elif not isinstance(one.operation, Dropout | Flatten):
            trace[one.name] = value
    return trace


def _own(parameters: Values, layer: str) -> Values:
    """The parameters of one layer, by their names within it."""
    return {
        name.removeprefix(f"{layer}."): value
        for name, value in parameters.items()
        if name.startswith(f"{layer}.")
    }


def _encoded(spec: ImageSpec | SequenceSpec, given: np.ndarray) -> np.ndarray:
    if isinstance(spec, SequenceSpec) and spec.encoding == "embed":
        return np.asarray(given, int)
    if isinstance(spec, SequenceSpec) and spec.encoding == "one-hot":
        return np.eye(len(spec.alphabet))[np.asarray(given, int)]
    wide = np.asarray(given, np.float64)
    return wide[:, None] if isinstance(spec, SequenceSpec) and spec.encoding == "number" else wide


def _computed(  # noqa: C901, PLR0911 - one case for each layer
    operation: Operation, own: Values, read: list[np.ndarray]
) -> np.ndarray:
    """Compute a layer that is not recurrent."""
    value = read[0]
    match operation:
        case Conv():
            return _convolved(operation, own, value)
        case Pool():
            return _pooled(operation, value)
        case GlobalPool(kind):
            return value.mean((0, 1)) if kind == "avg" else value.max((0, 1))
        case Norm(kind, epsilon):
            if kind == "batch":
                mean, variance = own["mean"], own["var"]
            else:
                mean = value.mean(-1, keepdims=True)
                variance = ((value - mean) ** 2).mean(-1, keepdims=True)
            return (value - mean) / np.sqrt(variance + epsilon) * own["scale"] + own["bias"]
        case Dense():
            return value @ own["kernel"] + own.get("bias", 0.0)
        case Flatten():
            return value.ravel()
        case Embed():
            return own["embedding"][value]
        case Activation(function, slope):
            return activate(function, slope, value)
        case Merge("add"):
            return sum(read[1:], value)
        case Merge():
            return np.concatenate(read, axis=-1)
    return value


def axes(operation: Conv | Pool, sides: tuple[int, ...]) -> tuple[Along, Along]:
    """Positions that the windows of a layer read, along rows and along columns."""
    return along(operation, 0, sides[0]), along(operation, 1, sides[1])


def _patches(rows: Along, columns: Along, maps: np.ndarray, outside: float) -> np.ndarray:
    """Every window of maps, [row, column, row of the window, column of it, channel]."""
    inside = (rows.inside[:, :, None, None] & columns.inside)[..., None]
    at = rows.clipped[:, :, None, None], columns.clipped
    return np.where(inside, maps[at], outside).transpose(0, 2, 1, 3, 4)


def _convolved(conv: Conv, own: Values, maps: np.ndarray) -> np.ndarray:
    patches = _patches(*axes(conv, maps.shape), maps, 0.0)
    inputs, outputs = maps.shape[-1] // conv.groups, conv.filters // conv.groups
    made = [
        np.tensordot(
            patches[..., group * inputs : (group + 1) * inputs],
            own["kernel"][..., group * outputs : (group + 1) * outputs],
            3,
        )
        for group in range(conv.groups)
    ]
    return np.concatenate(made, axis=-1) + own.get("bias", 0.0)


def _pooled(pool: Pool, maps: np.ndarray) -> np.ndarray:
    rows, columns = axes(pool, maps.shape)
    if pool.kind == "max":
        return _patches(rows, columns, maps, -np.inf).max((2, 3))
    total = _patches(rows, columns, maps, 0.0).sum((2, 3))
    counts = [one.padded if pool.count_padding else one.inside for one in (rows, columns)]
    return total / np.outer(*(each.sum(1) for each in counts))[..., None]


def sigmoid(value: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-x), by tanh, which does not overflow."""
    return (1 + np.tanh(value / 2)) / 2


SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805

FUNCTIONS: Mapping[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "relu": lambda x, _: np.where(x > 0, x, 0),
    "relu6": lambda x, _: np.clip(x, 0, 6),
    "leaky_relu": lambda x, slope: np.where(x > 0, x, slope * x),
    "elu": lambda x, alpha: np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1)),
    "selu": lambda x, _: SELU_SCALE * FUNCTIONS["elu"](x, SELU_ALPHA),
    "gelu": lambda x, _: x * (1 + np.vectorize(erf)(x / sqrt(2))) / 2,
    "gelu_tanh": lambda x, _: x * (1 + np.tanh(sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2,
    "silu": lambda x, _: x * sigmoid(x),
    "mish": lambda x, _: x * np.tanh(np.logaddexp(0, x)),
    "sigmoid": lambda x, _: sigmoid(x),
    "hard_sigmoid": lambda x, _: np.clip(x / 6 + 0.5, 0, 1),
    "hard_swish": lambda x, _: x * np.clip(x + 3, 0, 6) / 6,
    "tanh": lambda x, _: np.tanh(x),
    "softplus": lambda x, _: np.logaddexp(0, x),
    "softsign": lambda x, _: x / (1 + np.abs(x)),
    "exp": lambda x, _: np.exp(x),
}


def activate(function: str, slope: float, value: np.ndarray) -> np.ndarray:
    """Apply an activation function to each value."""
    return FUNCTIONS[function](value, slope)


def _recurrent(
    layer: Recurrent, own: Values, rows: np.ndarray, start: Mapping[str, np.ndarray]
) -> Values:
    """Run a recurrent layer and return its values, [step, unit]."""
    cell = np.asarray(start.get("cell", np.zeros(layer.units)), np.float64)
    hidden = np.asarray(start.get("hidden", np.zeros(layer.units)), np.float64)
    made: list[Values] = []
    for row in rows:
        if layer.cell == "lstm":
            made.append(_lstm(own, row, cell, hidden))
            cell = made[-1]["cell"]
        elif layer.cell == "gru":
            made.append(_gru(own, row, hidden))
        else:
            made.append({"hidden": _rnn(layer, own, row, hidden)})
        hidden = made[-1]["hidden"]
    return {name: np.array([one[name] for one in made]) for name in made[0]}


def _lstm(own: Values, row: np.ndarray, cell: np.ndarray, hidden: np.ndarray) -> Values:
    sums = row @ own["dense_i.kernel"] + hidden @ own["dense_h.kernel"] + own["dense_h.bias"]
    i, f, g, o = np.split(sums, 4)
    made = {"input_gate": sigmoid(i), "forget_gate": sigmoid(f), "candidate": np.tanh(g)}
    made["output_gate"] = sigmoid(o)
    made["cell"] = made["forget_gate"] * cell + made["input_gate"] * made["candidate"]
    made["hidden"] = made["output_gate"] * np.tanh(made["cell"])
    return made


def _gru(own: Values, row: np.ndarray, hidden: np.ndarray) -> Values:
    read = np.split(row @ own["dense_i.kernel"] + own["dense_i.bias"], 3)
    kept = np.split(hidden @ own["dense_h.kernel"], 3)
    reset, update = sigmoid(read[0] + kept[0]), sigmoid(read[1] + kept[1])
    candidate = np.tanh(read[2] + reset * (kept[2] + own["dense_h.bias"]))
    after = (1 - update) * candidate + update * hidden
    names = ("reset_gate", "update_gate", "candidate", "hidden")
    return dict(zip(names, (reset, update, candidate, after), strict=True))


def _rnn(layer: Recurrent, own: Values, row: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    sums = row @ own["dense_i.kernel"] + hidden @ own["dense_h.kernel"] + own["dense_h.bias"]
    return np.maximum(sums, 0) if layer.activation == "relu" else np.tanh(sums)
