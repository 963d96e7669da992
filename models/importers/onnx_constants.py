"""Constant part of an ONNX graph, mostly computations with shapes, in NumPy."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from models.importers.errors import ConversionError, printable
from models.importers.limits import MAX_ELEMENTS
from models.importers.onnx_file import OnnxNode

Array = np.ndarray
Computation = Callable[[OnnxNode, Sequence[Any]], Any]


def axes_of(node: OnnxNode, inputs: Sequence[Any], place: int = 1) -> list[int] | None:
    """Return the axes of an ONNX node, an attribute in old files and an input in new ones."""
    if len(inputs) > place and isinstance(inputs[place], np.ndarray):
        return [int(one) for one in inputs[place].reshape(-1)]
    axes = node.attributes.get("axes")
    return None if axes is None else [int(one) for one in axes]


def slices_of(node: OnnxNode, inputs: Sequence[Any]) -> list[tuple[int, slice]]:
    """Return the axis and the range of each axis that an ONNX Slice cuts."""
    if len(inputs) == 1:
        starts, ends = node.attributes["starts"], node.attributes["ends"]
        axes, steps = node.attributes.get("axes"), None
    else:
        starts, ends = inputs[1], inputs[2]
        axes = inputs[3] if len(inputs) > 3 else None  # noqa: PLR2004
        steps = inputs[4] if len(inputs) > 4 else None  # noqa: PLR2004
    starts, ends = [int(one) for one in starts], [int(one) for one in ends]
    axes = range(len(starts)) if axes is None else [int(one) for one in axes]
    steps = [1] * len(starts) if steps is None else [int(one) for one in steps]
    return [
        (axis, slice(start, None if end < -(2**31) else end, step))
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True)
    ]


def _slice(node: OnnxNode, inputs: Sequence[Any]) -> Array:
    index = [slice(None)] * inputs[0].ndim
    for axis, part in slices_of(node, inputs):
        index[axis] = part
    return np.asarray(inputs[0][tuple(index)])


def _constant(node: OnnxNode, _: Sequence[Any]) -> Array:
    for value in node.attributes.values():
        return np.asarray(value)
    msg = f"constant {printable(node.name)} has no value"
    raise ConversionError(msg)


def _reshape(node: OnnxNode, inputs: Sequence[Any]) -> Array:
    sizes = reshape_sizes(node, inputs[0].shape, inputs[1])
    return np.asarray(inputs[0].reshape(sizes))


def reshape_sizes(node: OnnxNode, shape: tuple[int, ...], sizes: Array) -> list[int]:
    """Return the sizes of an ONNX Reshape, in which 0 keeps a size."""
    keeps = not node.attributes.get("allowzero", 0)
    return [
        shape[place] if size == 0 and keeps and place < len(shape) else int(size)
        for place, size in enumerate(sizes)
    ]


def _cast(node: OnnxNode, inputs: Sequence[Any]) -> Array:
    from onnx import helper  # noqa: PLC0415 - an optional requirement

    return np.asarray(inputs[0].astype(helper.tensor_dtype_to_np_dtype(node.attributes["to"])))


def _squeeze(node: OnnxNode, inputs: Sequence[Any]) -> Array:
    axes = axes_of(node, inputs)
    return np.asarray(np.squeeze(inputs[0], None if axes is None else tuple(axes)))


def _unsqueeze(node: OnnxNode, inputs: Sequence[Any]) -> Array:
    return np.expand_dims(inputs[0], tuple(axes_of(node, inputs) or ()))


def _expanded(value: Array, sizes: Array) -> Array:
    """Return a constant of a larger shape, which takes no memory."""
    shape = np.broadcast_shapes(value.shape, tuple(int(size) for size in sizes))
    return np.broadcast_to(value, shape)


def _constant_of_shape(node: OnnxNode, inputs: Sequence[Any]) -> Array:
    value = np.asarray(node.attributes.get("value", np.zeros(1, np.float32)))
    return np.broadcast_to(value.reshape(()), tuple(int(size) for size in inputs[0]))


def _gather(node: OnnxNode, inputs: Sequence[Any]) -> Array:
    indices = inputs[1].astype(np.int64)
    return np.asarray(np.take(inputs[0], indices, axis=node.attributes.get("axis", 0)))


def _transpose(node: OnnxNode, inputs: Sequence[Any]) -> Array:
    return np.asarray(np.transpose(inputs[0], node.attributes.get("perm")))


def _divide(_: OnnxNode, inputs: Sequence[Any]) -> Array:
    first, second = inputs
    return np.asarray(first // second if first.dtype.kind in "iu" else first / second)


COMPUTATIONS: Mapping[str, Computation] = {
    "Constant": _constant,
    "Slice": _slice,
    "Reshape": _reshape,
    "Cast": _cast,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Expand": lambda _, inputs: _expanded(inputs[0], inputs[1]),
    "ConstantOfShape": _constant_of_shape,
    "Gather": _gather,
    "Transpose": _transpose,
    "Concat": lambda node, inputs: np.concatenate(inputs, node.attributes["axis"]),
    "Identity": lambda _, inputs: inputs[0],
    "CastLike": lambda _, inputs: inputs[0].astype(inputs[1].dtype),
    "Shape": lambda _, inputs: np.asarray(inputs[0].shape, np.int64),
    "Size": lambda _, inputs: np.asarray(inputs[0].size, np.int64),
    "Add": lambda _, inputs: inputs[0] + inputs[1],
    "Sub": lambda _, inputs: inputs[0] - inputs[1],
    "Mul": lambda _, inputs: inputs[0] * inputs[1],
    "Div": _divide,
    "Neg": lambda _, inputs: -inputs[0],
    "Sqrt": lambda _, inputs: np.sqrt(inputs[0]),
    "Reciprocal": lambda _, inputs: 1 / inputs[0],
    "Pow": lambda _, inputs: np.power(inputs[0], inputs[1]).astype(inputs[0].dtype),
    "Equal": lambda _, inputs: inputs[0] == inputs[1],
    "Where": lambda _, inputs: np.where(inputs[0], inputs[1], inputs[2]),
    "Max": lambda _, inputs: np.maximum.reduce(inputs),
    "Min": lambda _, inputs: np.minimum.reduce(inputs),
    "MatMul": lambda _, inputs: inputs[0] @ inputs[1],
    "ReduceProd": lambda _, inputs: np.prod(inputs[0], keepdims=True),
}
"""Operators of ONNX that are computed where all their inputs are constants."""


VIEWS = {
    "Slice",
    "Squeeze",
    "Unsqueeze",
    "Expand",
    "ConstantOfShape",
    "Transpose",
    "Identity",
    "Shape",
    "Size",
    "Constant",
}
"""Operators of ONNX whose constants take no memory of their own, however large."""


def compute(node: OnnxNode, inputs: Sequence[Any]) -> Array:
    """Compute an ONNX node whose inputs are constants.

    Raises:
        ConversionError: The operator is not known, fails, or gives too many values.
    """
    if node.operator not in COMPUTATIONS:
        msg = f"node {printable(node.name)}: {node.operator} of constants cannot be imported"
        raise ConversionError(msg)
    try:
        _check_size(node, inputs)
        return np.asarray(COMPUTATIONS[node.operator](node, inputs))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        msg = f"node {printable(node.name)}: {node.operator} of constants fails: {printable(error)}"
        raise ConversionError(msg) from error


def _check_size(node: OnnxNode, inputs: Sequence[Any]) -> None:
    """Check the number of values that an ONNX node of constants makes."""
    size = 0 if node.operator in VIEWS else _size(node, inputs)
    if size > MAX_ELEMENTS:
        msg = f"it gives {size:,} values; at most {MAX_ELEMENTS:,} are allowed"
        raise ConversionError(msg)


def _size(node: OnnxNode, inputs: Sequence[Any]) -> int:
    """Return the largest number of values that an ONNX node of constants makes."""
    shapes: list[tuple[int, ...]] = [one.shape for one in inputs if one is not None]
    sizes = [prod(shape) for shape in shapes]
    match node.operator:
        case "Gather":
            axis = int(node.attributes.get("axis", 0))
            return sizes[1] * (sizes[0] // max(shapes[0][axis], 1))
        case "MatMul":
            return max(sizes[0] // max(shapes[0][-1], 1) * sizes[1], *sizes)
        case "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Equal" | "Where" | "Max" | "Min":
            return prod(np.broadcast_shapes(*shapes))
        case _:
            return sum(sizes)
