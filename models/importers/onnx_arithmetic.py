"""Arithmetic of imported ONNX graphs: constants of each channel, sums and products of values."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from models.importers.errors import ConversionError
from models.importers.onnx_activations import product
from models.importers.onnx_file import OnnxNode
from models.importers.values import Value


def _binary(reader: Any, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    """Read a sum, difference, product or quotient of an ONNX graph."""
    first, second = inputs
    if isinstance(first, Value) and isinstance(second, Value):
        return [_of_values(reader, node, first, second)]
    value, constant = (first, second) if isinstance(first, Value) else (second, first)
    is_second = isinstance(first, Value)
    value, numbers = _by_channel(reader, value, np.asarray(constant, np.float64))
    one, zero = np.ones(()), np.zeros(())
    match node.operator:
        case "Add":
            return [reader.graph.scaled(value, one, numbers)]
        case "Mul":
            return [reader.graph.scaled(value, numbers, zero)]
        case "Sub":
            scale, shift = (one, -numbers) if is_second else (-one, numbers)
            return [reader.graph.scaled(value, np.asarray(scale), np.asarray(shift))]
        case _ if is_second and (numbers != 0).all():
            return [reader.graph.scaled(value, np.asarray(1 / numbers), zero)]
    msg = "a constant divided by values cannot be declared"
    raise ConversionError(msg)


def _of_values(reader: Any, node: OnnxNode, first: Value, second: Value) -> Value:
    if node.operator == "Add":
        found: Value = reader.graph.merged([first, second], "add", "")
        return found
    if node.operator == "Mul":
        return product(reader.graph, first, second)
    msg = "the difference or quotient of two computed values cannot be declared"
    raise ConversionError(msg)


def _by_channel(reader: Any, value: Value, constant: np.ndarray) -> tuple[Value, np.ndarray]:
    """Return a constant of an ONNX graph with a number for each channel, or one for all."""
    if not np.isfinite(constant).all():
        msg = "a constant is not finite"
        raise ConversionError(msg)
    if constant.size == 1:
        return value, constant.reshape(())
    places = [place for place, size in enumerate(constant.shape) if size > 1]
    axis = places[0] - constant.ndim + len(value.axes)
    if len(places) != 1 or axis < 0 or "C" not in value.labels[axis]:
        msg = f"a constant of shape {constant.shape} cannot be declared, only a number a channel"
        raise ConversionError(msg)
    if value.labels[axis] != "C":
        value = reader.graph.flattened(value, axis)
    if value.shape[axis] != constant.size:
        msg = f"{constant.size} constants do not fit {value.shape[axis]} channels"
        raise ConversionError(msg)
    return value, constant.reshape(-1)


def _concat(reader: Any, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    values = [one for one in inputs if isinstance(one, Value)]
    if len(values) < len(inputs):
        msg = "constants among the channels cannot be declared"
        raise ConversionError(msg)
    axis = int(node.attributes["axis"]) % len(values[0].axes)
    if all(value.is_last and value.labels[axis] == "" for value in values):
        first = values[0]
        return [Value(first.layer, first.axes, is_last=True, stack=tuple(values))]
    if "C" not in values[0].labels[axis]:
        label = values[0].labels[axis] or "an axis of size 1"
        msg = f"values joined along {label} cannot be declared"
        raise ConversionError(msg)
    return [reader.graph.merged(values, "concat", "")]


def _extreme(reader: Any, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    """Read the maximum of values and 0, another way to write a ReLU in ONNX."""
    values = [one for one in inputs if isinstance(one, Value)]
    constants = [one for one in inputs if not isinstance(one, Value)]
    if node.operator == "Max" and len(values) == 1 and not any(map(np.any, constants)):
        return [reader.graph.activation(values[0], "relu")]
    msg = "a minimum or maximum cannot be declared, except that of values and 0, relu"
    raise ConversionError(msg)


ARITHMETIC_LAYERS: Mapping[str, Any] = {
    "Add": _binary,
    "Sub": _binary,
    "Mul": _binary,
    "Div": _binary,
    "Concat": _concat,
    "Max": _extreme,
    "Min": _extreme,
}
"""Arithmetic of ONNX, with the function that reads each operator."""
