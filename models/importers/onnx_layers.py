"""Layers of imported ONNX graphs: each operator as a layer of the graph that is built."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from models.declaration.operations import Conv, Norm, Padding, Pool, Recurrent
from models.importers.errors import ConversionError
from models.importers.graph_layer import Origin
from models.importers.groups import as_float32
from models.importers.onnx_activations import ACTIVATION_LAYERS
from models.importers.onnx_arithmetic import ARITHMETIC_LAYERS
from models.importers.onnx_axes import AXES_LAYERS, check_padding
from models.importers.onnx_constants import axes_of
from models.importers.onnx_file import OnnxNode
from models.importers.onnx_reader import OnnxReader, TimeFirst, scope_of
from models.importers.recurrent import recurrent_parameters
from models.importers.values import Factor, Value
from models.windows import windows

Layer = Callable[[OnnxReader, OnnxNode, list[Any]], Sequence[Value]]

UNKNOWN: Mapping[str, str] = {
    "ConvTranspose": "transposed convolutions cannot be declared",
    "Resize": "upsampling cannot be declared",
    "Upsample": "upsampling cannot be declared",
    "InstanceNormalization": "instance and group normalisation cannot be declared",
    "GroupNormalization": "instance and group normalisation cannot be declared",
    "PRelu": "PRelu cannot be declared: leaky_relu has a fixed slope",
    "Attention": "attention cannot be declared",
    "If": "branches cannot be declared",
    "Loop": "loops cannot be declared: export recurrent layers as LSTM, GRU or RNN",
    "Scan": "loops cannot be declared: export recurrent layers as LSTM, GRU or RNN",
    "QuantizeLinear": "quantised networks cannot be declared: export float32",
    "DequantizeLinear": "quantised networks cannot be declared: export float32",
    "ArgMax": "the network must end with a value for each class, not with a choice",
    "TopK": "the network must end with a value for each class, not with a choice",
    "Split": "a part of the channels cannot be read",
}
"""Operators of ONNX that cannot be imported, with the reason."""


def _weight(node: OnnxNode, inputs: list[Any], place: int) -> np.ndarray | None:
    """Return a constant input of an ONNX node in float32; None where it is left out."""
    if len(inputs) <= place or inputs[place] is None:
        return None
    if isinstance(inputs[place], Value):
        msg = "its weights are not constant, which cannot be declared"
        raise ConversionError(msg)
    return as_float32(node.inputs[place], inputs[place])


def _needed(node: OnnxNode, inputs: list[Any], place: int) -> np.ndarray:
    found = _weight(node, inputs, place)
    if found is None:
        msg = f"input {place} is missing"
        raise ConversionError(msg)
    return found


def _origin(node: OnnxNode, names: Mapping[str, tuple[int, str]]) -> Origin:
    """Return the origin of an imported layer: our parameter, its place and transformation."""
    tensors = {
        ours: ((node.inputs[place],), text)
        for ours, (place, text) in names.items()
        if len(node.inputs) > place and node.inputs[place]
    }
    return Origin(scope_of(node, node.inputs[1] if len(node.inputs) > 1 else ""), tensors)


def _maps(value: Any) -> Value:
    """Return a value of an ONNX graph that must be maps with channels first."""
    if not isinstance(value, Value):
        msg = "its input must be maps"
        raise ConversionError(msg)
    if len(value.axes) == 3:  # noqa: PLR2004
        msg = (
            "1-D convolutions and pools cannot be declared; sequences are read by lstm, gru or rnn"
        )
        raise ConversionError(msg)
    if len(value.axes) != 4 or value.labels[:2] not in {("N", "C"), ("", "C")}:  # noqa: PLR2004
        msg = f"maps of axes N, C, H and W are needed, not {', '.join(value.labels)}"
        raise ConversionError(msg)
    return value


def _pair(node: OnnxNode, name: str) -> tuple[int, int]:
    rows, columns = node.attributes.get(name, (1, 1))
    return int(rows), int(columns)


def _padding(node: OnnxNode) -> Padding:
    """Return the padding of an ONNX node."""
    rule = node.attributes.get("auto_pad", "NOTSET")
    if rule == "VALID":
        return "valid"
    if rule in {"SAME_UPPER", "SAME_LOWER"}:
        return "same"
    top, left, bottom, right = (int(one) for one in node.attributes.get("pads", (0, 0, 0, 0)))
    check_padding(top, left, bottom, right)
    return top, bottom, left, right


def _lower(node: OnnxNode, operation: Conv | Pool, sides: tuple[int, ...]) -> Padding:
    """Return the padding of an ONNX node whose odd rest goes to the low end (SAME_LOWER)."""
    if node.attributes.get("auto_pad") != "SAME_LOWER":
        return operation.padding
    rows, columns = (windows(operation, axis, side) for axis, side in enumerate(sides))
    return rows.after, rows.before, columns.after, columns.before


def _conv(reader: OnnxReader, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    value = _maps(inputs[0])
    kernel, bias = _needed(node, inputs, 1).transpose(2, 3, 1, 0), _weight(node, inputs, 2)
    rows, columns, _, filters = kernel.shape
    conv = Conv(
        filters,
        (rows, columns),
        _pair(node, "strides"),
        _padding(node),
        _pair(node, "dilations"),
        int(node.attributes.get("group", 1)),
        bias is not None,
    )
    conv = replace(conv, padding=_lower(node, conv, value.shape[2:]))
    parameters = {"kernel": kernel} | ({} if bias is None else {"bias": bias})
    origin = _origin(node, {"kernel": (1, "OIHW to HWIO"), "bias": (2, "as it is")})
    return [reader.graph.conv(value, conv, parameters, origin)]


def _pool(kind: Literal["max", "avg"]) -> Layer:
    def read(reader: OnnxReader, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
        value = _maps(inputs[0])
        if _pair(node, "dilations") != (1, 1):
            msg = "pools with dilation cannot be declared"
            raise ConversionError(msg)
        has_ceil = bool(node.attributes.get("ceil_mode", 0))
        counts = bool(node.attributes.get("count_include_pad", 0))
        size, stride = _pair(node, "kernel_shape"), _pair(node, "strides")
        pool = Pool(kind, size, stride, _padding(node), has_ceil, counts)
        pool = replace(pool, padding=_lower(node, pool, value.shape[2:]))
        return [reader.graph.pool(value, pool, Origin())]

    return read


def _global_pool(kind: Literal["avg", "max"]) -> Layer:
    def read(reader: OnnxReader, _: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
        value = _maps(inputs[0])
        return [reader.graph.global_pool(value, kind, Origin(), keeps_axes=True)]

    return read


def _reduce(kind: Literal["avg", "max"]) -> Layer:
    def read(reader: OnnxReader, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
        value = inputs[0]
        axes = [axis % len(value.axes) for axis in axes_of(node, inputs) or range(len(value.axes))]
        keeps = bool(node.attributes.get("keepdims", 1))
        labels = {value.labels[axis] for axis in axes}
        if labels <= {""}:
            for axis in () if keeps else sorted(axes, reverse=True):
                value = value.without(axis)
            return [value]
        if labels != {"H", "W"}:
            msg = f"a mean or maximum over {', '.join(sorted(labels))} cannot be declared"
            raise ConversionError(msg)
        return [reader.graph.global_pool(value, kind, Origin(), keeps_axes=keeps)]

    return read


def _batch_norm(reader: OnnxReader, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    if node.attributes.get("training_mode", 0):
        msg = "batch normalisation is in training mode: export after model.eval()"
        raise ConversionError(msg)
    names = ("scale", "bias", "mean", "var")
    parameters = {name: _needed(node, inputs, i + 1) for i, name in enumerate(names)}
    norm = Norm("batch", _epsilon(node))
    origin = _origin(node, {name: (i + 1, "as it is") for i, name in enumerate(names)})
    axis = next(i for i, label in enumerate(inputs[0].labels) if "C" in label)
    return [reader.graph.norm(inputs[0], norm, parameters, origin, axis)]


def _epsilon(node: OnnxNode) -> float:
    """Return the epsilon of an ONNX normalisation, as it was written before float32."""
    return float(f"{node.attributes.get('epsilon', 1e-5):.6g}")


def _layer_norm(reader: OnnxReader, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    value = inputs[0]
    axis = int(node.attributes.get("axis", -1)) % len(value.axes)
    if axis != len(value.axes) - 1 or value.labels[axis] != "C":
        msg = "layer normalisation over rows and columns cannot be declared, only over channels"
        raise ConversionError(msg)
    scale, bias = _needed(node, inputs, 1), _weight(node, inputs, 2)
    parameters = {"scale": scale, "bias": np.zeros_like(scale) if bias is None else bias}
    origin = _origin(node, {"scale": (1, "as it is"), "bias": (2, "as it is")})
    return [reader.graph.norm(value, Norm("layer", _epsilon(node)), parameters, origin, axis)]


def _gemm(reader: OnnxReader, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    attributes = node.attributes
    if not isinstance(inputs[0], Value) or attributes.get("transA", 0):
        msg = "its first input must be the values, not transposed"
        raise ConversionError(msg)
    kernel, bias = _needed(node, inputs, 1), _weight(node, inputs, 2)
    kernel = (kernel.T if attributes.get("transB", 0) else kernel) * attributes.get("alpha", 1.0)
    parameters = {"kernel": kernel}
    if bias is not None:
        summand = bias.reshape(-1) * attributes.get("beta", 1.0)
        parameters["bias"] = np.broadcast_to(summand, kernel.shape[1:])
    text = "transposed" if attributes.get("transB", 0) else "as it is"
    origin = _origin(node, {"kernel": (1, text), "bias": (2, "as it is")})
    return [reader.graph.dense(inputs[0], parameters, origin)]


def _matmul(reader: OnnxReader, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    if not isinstance(inputs[0], Value) or isinstance(inputs[1], Value):
        msg = "products of two computed values, as in attention, cannot be declared"
        raise ConversionError(msg)
    kernel = _needed(node, inputs, 1)
    if kernel.ndim != 2:  # noqa: PLR2004
        msg = f"its kernel must be a matrix, not of {kernel.ndim} axes"
        raise ConversionError(msg)
    origin = _origin(node, {"kernel": (1, "as it is")})
    return [reader.graph.dense(inputs[0], {"kernel": kernel}, origin)]


CELLS: Mapping[str, tuple[Literal["lstm", "gru", "rnn"], str]] = {
    "LSTM": ("lstm", "iofg"),
    "GRU": ("gru", "zrn"),
    "RNN": ("rnn", "h"),
}
"""Cell and order of gates of each recurrent operator of ONNX."""


def _recurrent(reader: OnnxReader, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    cell, order = CELLS[node.operator]
    value = _sequence(node, inputs[0])
    _check_recurrent(node, inputs, value.shape[value.axis("T")])
    kernels = _needed(node, inputs, 1)[0].T, _needed(node, inputs, 2)[0].T
    both = _weight(node, inputs, 3)
    biases = (None, None) if both is None else tuple(np.split(both[0], 2))
    parameters = recurrent_parameters(cell, *kernels, (biases[0], biases[1]), order)
    units = kernels[1].shape[0]
    activation = _activation(node, cell)
    theirs = tuple(name for name in node.inputs[1:4] if name)
    text = f"transposed, gates {' '.join(order)} to ours, biases added"
    origin = Origin(scope_of(node, ""), dict.fromkeys(parameters, (theirs, text)))
    found = reader.graph.recurrent(value, Recurrent(cell, units, activation), parameters, origin)
    return _states(node, found, units)


def _states(node: OnnxNode, found: Value, units: int) -> list[Value]:
    """Return the outputs of a recurrent ONNX node: all hidden values, and the last ones."""
    batch, steps = (found.axes[found.labels.index(label)] for label in "NT")
    channels = (Factor("C", units),)
    is_batch_first = node.attributes.get("layout", 0)
    every = (batch, steps, (), channels) if is_batch_first else (steps, (), batch, channels)
    last = (batch, (), channels) if is_batch_first else ((), batch, channels)
    return [Value(found.layer, every), Value(found.layer, last, is_last=True)]


def _sequence(node: OnnxNode, given: Any) -> Value:
    """Return the input of a recurrent ONNX node, whose axes are steps, batch and features."""
    wanted = ("N", "T") if node.attributes.get("layout", 0) else ("T", "N")
    labels = given.labels[:2] if isinstance(given, Value) else ()
    if labels == wanted[::-1]:
        raise TimeFirst
    if not isinstance(given, Value) or labels != wanted:
        msg = f"its input must be a sequence, not of axes {', '.join(labels)}"
        raise ConversionError(msg)
    return given


def _check_recurrent(node: OnnxNode, inputs: list[Any], steps: int) -> None:
    """Refuse recurrent ONNX layers that cannot be declared, over a number of steps."""
    attributes = node.attributes
    if attributes.get("direction", "forward") != "forward":
        msg = (
            "bidirectional and reverse layers cannot be declared: a step of a trace would depend "
            "on later steps"
        )
        raise ConversionError(msg)
    if node.operator == "GRU" and not attributes.get("linear_before_reset", 0):
        msg = (
            "a GRU that resets before the product (linear_before_reset = 0, in Keras "
            "reset_after=False) cannot be declared: train it with reset_after=True"
        )
        raise ConversionError(msg)
    if attributes.get("clip") or attributes.get("input_forget", 0):
        msg = "clipped and coupled gates cannot be declared"
        raise ConversionError(msg)
    if len(inputs) > 7 and inputs[7] is not None:  # noqa: PLR2004
        msg = "peephole connections cannot be declared"
        raise ConversionError(msg)
    units = inputs[2].shape[-1]
    for state in inputs[5:7]:
        if state is not None and (isinstance(state, Value) or np.any(state)):
            msg = "its initial state must be zeros"
            raise ConversionError(msg)
        if state is not None and state.shape[-1] != units:
            msg = "projected LSTMs (proj_size) cannot be declared"
            raise ConversionError(msg)
    lengths = inputs[4] if len(inputs) > 4 else None  # noqa: PLR2004
    if isinstance(lengths, Value) or (lengths is not None and (lengths != steps).any()):
        msg = "lengths of sequences cannot be declared, only those of all steps: every step is read"
        raise ConversionError(msg)


def _activation(node: OnnxNode, cell: str) -> Literal["tanh", "relu"]:
    """Return the activation of a recurrent ONNX layer."""
    default = {"lstm": ["Sigmoid", "Tanh", "Tanh"], "gru": ["Sigmoid", "Tanh"], "rnn": ["Tanh"]}
    found = [
        one.decode() if isinstance(one, bytes) else one
        for one in node.attributes.get("activations", default[cell])
    ]
    if cell == "rnn" and found == ["Relu"]:
        return "relu"
    if found != default[cell]:
        msg = f"activations {', '.join(found)} of a recurrent layer cannot be declared"
        raise ConversionError(msg)
    return "tanh"


LAYERS: Mapping[str, Layer] = {
    "Conv": _conv,
    "MaxPool": _pool("max"),
    "AveragePool": _pool("avg"),
    "GlobalAveragePool": _global_pool("avg"),
    "GlobalMaxPool": _global_pool("max"),
    "ReduceMean": _reduce("avg"),
    "ReduceMax": _reduce("max"),
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
    **ACTIVATION_LAYERS,
    **ARITHMETIC_LAYERS,
    **AXES_LAYERS,
}
"""Operators of ONNX that can be imported, with the function that reads each."""
