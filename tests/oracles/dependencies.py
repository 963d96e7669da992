"""Shapes, parameter counts and receptive fields of any declared network, by brute force."""

from collections.abc import Iterator, Mapping
from math import prod

import numpy as np

from models.declaration.declaration import Declaration, ImageSpec
from models.declaration.operations import (
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
from tests.oracles.interpreter import axes, steps

Masks = dict[str, np.ndarray]
"""Pixels that each value of a map depends on, by the map's name."""


def dependencies(declaration: Declaration) -> Masks:
    """Return the pixels that each value of each map depends on, by the map's name.

    The axes are row and column of the value, then row and column of the image.
    """
    spec = declaration.input
    assert isinstance(spec, ImageSpec)
    size = spec.height * spec.width
    own = np.eye(size, dtype=bool).reshape(spec.height, spec.width, spec.height, spec.width)
    found: dict[str, np.ndarray | None] = {"input": own}
    for one in steps(declaration):
        read = [found[name] for name in one.inputs]
        found[one.name] = None if any(mask is None for mask in read) else _read(one.operation, read)
    del found["input"]
    return {
        "logits" if one.is_last else one.name: mask
        for one in steps(declaration)
        if (mask := found[one.name]) is not None and not isinstance(one.operation, Dropout)
    }


def _read(operation: Operation, masks: list[np.ndarray]) -> np.ndarray | None:
    match operation:
        case Conv() | Pool():
            rows, columns = axes(operation, masks[0].shape)
            inside = (rows.inside[:, :, None, None] & columns.inside)[..., None, None]
            at = rows.clipped[:, :, None, None], columns.clipped
            return (masks[0][at] & inside).any((1, 3))
        case GlobalPool() | Flatten() | Dense():
            return None
        case Merge():
            return np.any(masks, axis=0)
    return masks[0]


def places(mask: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield row and column of each value of a map."""
    yield from np.ndindex(*mask.shape[:2])


def extent(mask: np.ndarray, axis: int) -> tuple[int, int]:
    """First and last row (0) or column (1) of the image in a value's dependencies; else 0, -1."""
    found = np.flatnonzero(mask.any(1 - axis))
    return (int(found[0]), int(found[-1])) if found.size else (0, -1)


def shapes(declaration: Declaration) -> dict[str, tuple[int, ...]]:
    """Return the shape of each layer's output by its name, without steps of a sequence."""
    spec = declaration.input
    if isinstance(spec, ImageSpec):
        found = {"input": (spec.height, spec.width, spec.channels)}
    else:
        width = len(spec.alphabet) if spec.encoding == "one-hot" else spec.features
        found = {"input": () if spec.encoding == "embed" else (width,)}
    for one in steps(declaration):
        found[one.name] = _shape(one.operation, [found[name] for name in one.inputs])
    return found


def _shape(operation: Operation, read: list[tuple[int, ...]]) -> tuple[int, ...]:
    *sides, channels = read[0] or (0,)
    match operation:
        case Conv() | Pool():
            counts = [len(one.positions) for one in axes(operation, (*sides,))]
            return (*counts, operation.filters if isinstance(operation, Conv) else channels)
        case GlobalPool():
            return (channels,)
        case Flatten():
            return (prod(read[0]),)
        case Dense(units) | Embed(units) | Recurrent(_, units):
            return (units,)
        case Merge("concat"):
            return (*sides, sum(shape[-1] for shape in read))
    return read[0]


def parameter_shapes(declaration: Declaration) -> dict[str, tuple[int, ...]]:
    """Return the shape of each parameter by its name."""
    outputs = shapes(declaration)
    symbols = len(getattr(declaration.input, "alphabet", ()))
    found: dict[str, tuple[int, ...]] = {}
    for one in steps(declaration):
        inputs = outputs[one.inputs[0]]
        for name, shape in _parameters(one.operation, inputs[-1] if inputs else symbols).items():
            found[f"{one.name}.{name}"] = shape
    return found


def _parameters(  # noqa: PLR0911 - one case for each layer
    operation: Operation, inputs: int
) -> Mapping[str, tuple[int, ...]]:
    match operation:
        case Conv():
            rows, columns = operation.kernel
            kernel = (rows, columns, inputs // operation.groups, operation.filters)
            return {"kernel": kernel} | ({"bias": kernel[-1:]} if operation.bias else {})
        case Dense(units, bias):
            return {"kernel": (inputs, units)} | ({"bias": (units,)} if bias else {})
        case Norm(kind):
            own = {"scale": (inputs,), "bias": (inputs,)}
            return own | ({"mean": (inputs,), "var": (inputs,)} if kind == "batch" else {})
        case Embed(units):
            return {"embedding": (inputs, units)}
        case Recurrent("gru", n):
            own = {"dense_i.kernel": (inputs, 3 * n), "dense_i.bias": (3 * n,)}
            return own | {"dense_h.kernel": (n, 3 * n), "dense_h.bias": (n,)}
        case Recurrent(cell, n):
            sums = 4 * n if cell == "lstm" else n
            own = {"dense_i.kernel": (inputs, sums), "dense_h.kernel": (n, sums)}
            return own | {"dense_h.bias": (sums,)}
    return {}


def count(declaration: Declaration) -> int:
    """Return the number of parameters."""
    return sum(prod(shape) for shape in parameter_shapes(declaration).values())
