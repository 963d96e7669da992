"""Shapes of declared layers: output, receptive field, parameters and operations of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from models.architecture import CELL_WEIGHTS, Fields, Kind, Shapes
from models.declaration.declaration import Declaration, ImageSpec
from models.declaration.operations import (
    Activation,
    Conv,
    Dense,
    Dropout,
    Embed,
    Flatten,
    GlobalPool,
    LayerError,
    Merge,
    Norm,
    Operation,
    Pool,
    Recurrent,
)
from models.windows import behind, united, windows

ONLY_LAST = {"softmax", "log_softmax"}
"""Activations that an architecture has nowhere but at its end."""


@dataclass(frozen=True)
class Source:
    """Output of a layer that another one reads, while an architecture is derived.

    Attributes:
        parameters: Layer whose kernel the values come from; empty if there is none.
    """

    name: str
    shape: tuple[int, ...]
    fields: Fields | None
    parameters: str = ""


def shown(shape: tuple[int, ...]) -> str:
    """Return the shape of an architecture's layer for a sentence."""
    if len(shape) == 1:
        return f"{shape[0]} values"
    rows, columns, channels = shape
    return f"{channels} maps of {rows} x {columns}"


NAMES: Mapping[type, Callable[[Any], str]] = {
    Activation: lambda one: str(one.function),
    Conv: lambda _: "conv",
    Pool: lambda _: "pool",
    GlobalPool: lambda _: "globalpool",
    Norm: lambda _: "norm",
    Dense: lambda _: "dense",
    Dropout: lambda _: "dropout",
    Flatten: lambda _: "flatten",
    Embed: lambda _: "embed",
    Recurrent: lambda one: str(one.cell),
    Merge: lambda one: str(one.kind),
}
"""Kind of a declared layer in its derived name."""


def kind_of(operation: Operation) -> Kind:
    """Return the kind of a layer's values in the trace."""
    match operation:
        case Conv() | Dense():
            return "pre_activation"
        case Norm():
            return "normalised"
        case Pool() | GlobalPool():
            return "pooled"
        case Embed():
            return "embedding"
        case Merge():
            return "merged"
        case _:
            return "post_activation"


def check_family(operation: Operation, declaration: Declaration) -> None:
    """Check that a layer is one of those for the network's input."""
    if isinstance(declaration.input, ImageSpec):
        if isinstance(operation, Recurrent | Embed):
            msg = "an image has no steps: recurrent layers and embed are for sequences"
            raise LayerError(msg)
    elif isinstance(operation, Conv | Pool | GlobalPool | Flatten):
        msg = "a sequence has no maps: use lstm, gru, rnn, dense, norm, activations, add, concat"
        raise LayerError(msg)


def output_of(  # noqa: C901, PLR0911 - one case for each operation
    operation: Operation, sources: list[Source]
) -> tuple[tuple[int, ...], Fields | None]:
    """Return the shape and the receptive field of a layer's output.

    Raises:
        LayerError: The layer does not fit what it reads.
    """
    read = sources[0]
    if not isinstance(operation, Embed) and any(source.shape == () for source in sources):
        msg = (
            "with the encoding embed only embed reads the input: put a line such as embed 16 first"
        )
        raise LayerError(msg)
    match operation:
        case Conv() | Pool():
            return _windowed(operation, read)
        case GlobalPool():
            _need_maps(operation, read)
            return read.shape[-1:], None
        case Flatten():
            return (prod(read.shape),), None
        case Dense(units):
            if len(read.shape) > 1:
                msg = (
                    f"dense reads one vector, and {shown(read.shape)} came in: put flatten or "
                    "globalpool before it"
                )
                raise LayerError(msg)
            return (units,), None
        case Recurrent(_, units):
            return (units,), None
        case Embed(units):
            if read.shape != ():
                msg = 'embed is the first layer, and needs input.encoding "embed"'
                raise LayerError(msg)
            return (units,), None
        case Activation(function) if function in ONLY_LAST:
            msg = f"{function} is possible as the last layer only, after dense"
            raise LayerError(msg)
        case Merge(kind):
            return _merged(kind, sources)
        case _:
            return read.shape, read.fields


def _need_maps(operation: Operation, read: Source) -> None:
    if len(read.shape) == 1:
        name = NAMES[type(operation)](operation)
        msg = f"{name} reads maps, and {shown(read.shape)} came in: put it before flatten and dense"
        raise LayerError(msg)


def _windowed(operation: Conv | Pool, read: Source) -> tuple[tuple[int, ...], Fields | None]:
    """Return the output of a convolution or a pool."""
    _need_maps(operation, read)
    *sides, channels = read.shape
    if isinstance(operation, Conv):
        for name, count in (("input channels", channels), ("filters", operation.filters)):
            if count % operation.groups:
                msg = f"groups must divide the {count} {name}, and {operation.groups} does not"
                raise LayerError(msg)
        channels = operation.filters
    rows, columns = (windows(operation, axis, side) for axis, side in enumerate(sides))
    fields = read.fields and (behind(read.fields[0], rows), behind(read.fields[1], columns))
    return (rows.count, columns.count, channels), fields


def _merged(kind: str, sources: list[Source]) -> tuple[tuple[int, ...], Fields | None]:
    """Return the output of `add` or `concat`."""
    shapes = [source.shape for source in sources]
    same = shapes if kind == "add" else [shape[:-1] for shape in shapes]
    ways = " by conv, pool or dense" + (", or use concat" if kind == "add" else "")
    for source, shape in zip(sources, same, strict=True):
        if shape != same[0]:
            msg = (
                f"{kind} merges layers of one size, and {sources[0].name} gives "
                f"{shown(shapes[0])}, {source.name} {shown(source.shape)}: "
                f"give one of them the size of the other{ways}"
            )
            raise LayerError(msg)
    channels = shapes[0][-1] if kind == "add" else sum(shape[-1] for shape in shapes)
    fields = [source.fields for source in sources if source.fields is not None]
    if len(fields) < len(sources):
        return (*shapes[0][:-1], channels), None
    rows, columns = ([each[axis] for each in fields] for axis in (0, 1))
    return (*shapes[0][:-1], channels), (united(rows), united(columns))


def parameters_of(operation: Operation, read: tuple[int, ...], symbols: int) -> Shapes:
    """Return the shape of each parameter of a layer.

    Args:
        read: Shape of its input, without batch and steps.
        symbols: Size of the alphabet, of which an embedding has a vector each.
    """
    match operation:
        case Conv(filters, kernel, groups=groups, bias=bias):
            shapes = {"kernel": (*kernel, read[-1] // groups, filters)}
            return shapes | ({"bias": (filters,)} if bias else {})
        case Dense(units, bias):
            return {"kernel": (read[-1], units)} | ({"bias": (units,)} if bias else {})
        case Norm(kind):
            names = ("scale", "bias", "mean", "var") if kind == "batch" else ("scale", "bias")
            return dict.fromkeys(names, read[-1:])
        case Embed(units):
            return {"embedding": (symbols, units)}
        case Recurrent(cell, units):
            return _recurrent_parameters(cell, read[-1], units)
        case _:
            return {}


def _recurrent_parameters(cell: str, inputs: int, units: int) -> Shapes:
    """Return the shapes of a recurrent layer's parameters, in the layout of Flax.

    The gates of an LSTM (i, f, g, o) and of a GRU (r, z, n) share the last axis.
    """
    gates = len(CELL_WEIGHTS[cell])
    shapes = {"dense_i.kernel": (inputs, gates * units), "dense_h.kernel": (units, gates * units)}
    if cell == "gru":
        # The candidate multiplies its recurrent sum by the reset gate, so that its bias is apart.
        return shapes | {"dense_i.bias": (gates * units,), "dense_h.bias": (units,)}
    return shapes | {"dense_h.bias": (gates * units,)}


def flops_of(operation: Operation, read: tuple[int, ...], shape: tuple[int, ...]) -> int:
    """Count the floating-point operations of a layer, a multiplication and an addition as two."""
    match operation:
        case Conv(_, kernel, groups=groups):
            return 2 * prod(kernel) * (read[-1] // groups) * prod(shape)
        case Dense(units):
            return 2 * read[-1] * units
        case Recurrent():
            kernels = _recurrent_parameters(operation.cell, read[-1], operation.units)
            return 2 * sum(prod(one) for one in kernels.values())
        case Pool(_, kernel):
            return prod(kernel) * prod(shape)
        case _:
            return prod(shape)
