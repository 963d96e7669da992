"""Layers of imported Keras models: each class as a layer of the graph that is built."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from models.declaration.operations import Conv, Norm, Pool, Recurrent
from models.importers.errors import ConversionError, printable
from models.importers.keras_activations import ACTIVATION_LAYERS, activated
from models.importers.keras_reader import KerasLayer, KerasReader
from models.importers.onnx_axes import padded
from models.importers.recurrent import keras_cell
from models.importers.values import INPUT, Value

Layer = Callable[[KerasReader, KerasLayer, list[Value]], Value]

REFUSED: Mapping[str, str] = {
    "Bidirectional": "bidirectional layers: a step of a trace would depend on later steps",
    "Masking": "masks: every step of a sequence is read",
    "Conv1D": "1-D convolutions; sequences are read by LSTM, GRU and SimpleRNN",
    "Conv2DTranspose": "transposed convolutions",
    "UpSampling2D": "upsampling",
    "PReLU": "PReLU; LeakyReLU has a fixed slope",
    "MultiHeadAttention": "attention",
    "Attention": "attention",
    "GroupNormalization": "group normalisation",
    "Lambda": "functions of their own (Lambda), which are code",
    "Multiply": "products of values",
}
"""Classes of Keras that cannot be imported, with the end of a sentence."""

KEPT = ("SpatialDropout2D", "GaussianDropout", "GaussianNoise", "AlphaDropout", "Identity",
        "ActivityRegularization", "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation",
        "RandomContrast", "RandomBrightness")  # fmt: skip
"""Classes of Keras that change no answer: they are for training."""


def unknown(kind: str) -> ConversionError:
    """Return the error of a Keras layer that cannot be imported."""
    if kind in REFUSED:
        return ConversionError(f"Lightwell has no {REFUSED[kind]}")
    msg = f"{printable(kind)} cannot be declared; known are {', '.join(sorted(LAYERS))}"
    return ConversionError(msg)


def _check_format(layer: KerasLayer) -> None:
    if layer.config.get("data_format") not in {None, "channels_last"}:
        msg = "channels_first is not read: build the model with channels_last"
        raise ConversionError(msg)


def _pair(layer: KerasLayer, name: str, default: Any = (1, 1)) -> tuple[int, int]:
    value = layer.config.get(name, default)
    rows, columns = (value, value) if isinstance(value, int) else value
    return int(rows), int(columns)


def _rule(layer: KerasLayer) -> Literal["same", "valid"]:
    rule = layer.config.get("padding", "valid")
    if rule not in {"same", "valid"}:
        msg = f"padding {printable(rule)} cannot be declared"
        raise ConversionError(msg)
    return "same" if rule == "same" else "valid"


def _variables(layer: KerasLayer, *roles: str) -> dict[str, np.ndarray]:
    """Return the variables of a Keras layer by their roles."""
    if len(layer.variables) != len(roles):
        msg = f"the weights have {len(layer.variables)} of its variables, and it has {len(roles)}"
        raise ConversionError(msg)
    return dict(zip(roles, layer.variables, strict=True))


def _with_bias(layer: KerasLayer, *roles: str) -> dict[str, np.ndarray]:
    return _variables(layer, *roles, *(["bias"] if layer.flag("use_bias", default=True) else []))


def _conv(reader: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
    _check_format(layer)
    found = _with_bias(layer, "kernel")
    return _convolved(reader, layer, read[0], found, int(layer.config.get("groups", 1)))


def _depthwise(reader: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
    _check_format(layer)
    found = _with_bias(layer, "kernel")
    channels = found["kernel"].shape[2]
    return _convolved(reader, layer, read[0], _as_groups(found), channels)


def _as_groups(found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the parameters of a depthwise Keras layer as those of a grouped convolution."""
    rows, columns, channels, multiplier = found["kernel"].shape
    return found | {"kernel": found["kernel"].reshape(rows, columns, 1, channels * multiplier)}


def _convolved(
    reader: KerasReader,
    layer: KerasLayer,
    value: Value,
    parameters: dict[str, np.ndarray],
    groups: int,
) -> Value:
    rows, columns, _, filters = parameters["kernel"].shape
    stride, dilation = _pair(layer, "strides"), _pair(layer, "dilation_rate")
    has_bias = "bias" in parameters
    conv = Conv(filters, (rows, columns), stride, _rule(layer), dilation, groups, has_bias)
    found = reader.graph.conv(value, conv, parameters, layer.origin(*parameters))
    return activated(reader, found, layer.config.get("activation"))


def _separable(reader: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
    _check_format(layer)
    found = _with_bias(layer, "depthwise", "pointwise")
    first = _as_groups({"kernel": found["depthwise"]})
    channels = found["depthwise"].shape[2]
    bare = replace(layer, config={**layer.config, "activation": "linear"})
    inner = replace(bare, name=f"{layer.name}_depthwise")
    value = _convolved(reader, inner, read[0], first, channels)
    second = {"kernel": found["pointwise"]}
    second |= {"bias": found["bias"]} if "bias" in found else {}
    whole = {**layer.config, "strides": 1, "dilation_rate": 1, "padding": "valid"}
    return _convolved(reader, replace(layer, config=whole), value, second, 1)


def _pool(kind: Literal["max", "avg"]) -> Layer:
    def read_pool(reader: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
        _check_format(layer)
        size = _pair(layer, "pool_size", (2, 2))
        stride = _pair(layer, "strides", size) if layer.config.get("strides") else size
        pool = Pool(kind, size, stride, _rule(layer))
        return reader.graph.pool(read[0], pool, layer.origin())

    return read_pool


def _global_pool(kind: Literal["avg", "max"]) -> Layer:
    def read_pool(reader: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
        _check_format(layer)
        keeps = layer.flag("keepdims")
        return reader.graph.global_pool(read[0], kind, layer.origin(), keeps_axes=keeps)

    return read_pool


def _norm_axis(layer: KerasLayer, value: Value) -> int:
    """Return the axis of a Keras normalisation, which must be the last."""
    axis = layer.config.get("axis", -1)
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    if not isinstance(axis, int) or axis % len(value.axes) != len(value.axes) - 1:
        msg = f"a normalisation over axis {axis} cannot be declared, only over the channels"
        raise ConversionError(msg)
    return len(value.axes) - 1


def _batch_norm(reader: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
    axis = _norm_axis(layer, read[0])
    roles = _affine_roles(layer)
    found = _variables(layer, *roles, "mean", "var")
    return _normalised(reader, layer, read[0], found, ("batch", axis))


def _affine_roles(layer: KerasLayer) -> list[str]:
    flags = {"scale": layer.flag("scale", default=True), "bias": layer.flag("center", default=True)}
    return [role for role, is_there in flags.items() if is_there]


def _normalised(
    reader: KerasReader,
    layer: KerasLayer,
    value: Value,
    found: dict[str, np.ndarray],
    place: tuple[Literal["batch", "layer"], int],
) -> Value:
    """Add a Keras normalisation, with ones and zeros for a scale and a bias that it has not."""
    kind, axis = place
    size = (value.shape[axis],)
    parameters = {"scale": np.ones(size, np.float32), "bias": np.zeros(size, np.float32)} | found
    norm = Norm(kind, float(layer.config.get("epsilon", 1e-3)))
    return reader.graph.norm(value, norm, parameters, layer.origin(*found), axis)


def _layer_norm(reader: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
    if layer.flag("rms_scaling"):
        msg = "rms_scaling cannot be declared"
        raise ConversionError(msg)
    found = _variables(layer, *_affine_roles(layer))
    place = ("layer", _norm_axis(layer, read[0]))
    return _normalised(reader, layer, read[0], found, ("layer", place[1]))


def _dense(reader: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
    found = _with_bias(layer, "kernel")
    value = reader.graph.dense(read[0], found, layer.origin(*found))
    return activated(reader, value, layer.config.get("activation"))


def _dropout(reader: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
    return reader.graph.dropout(read[0], float(layer.config.get("rate", 0.5)), layer.name)


def _same(_: KerasReader, __: KerasLayer, read: list[Value]) -> Value:
    return read[0]


def _flatten(_: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
    _check_format(layer)
    return read[0].reshaped((read[0].shape[0], -1))


def _reshape(_: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
    return read[0].reshaped((read[0].shape[0], *layer.config["target_shape"]))


def _permute(_: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
    return read[0].transposed((0, *layer.config["dims"]))


def _zero_padding(_: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
    _check_format(layer)
    rows, columns = layer.config["padding"]
    pairs = [(one, one) if isinstance(one, int) else (one[0], one[1]) for one in (rows, columns)]
    return padded(read[0], {"H": pairs[0], "W": pairs[1]})


def _rescaling(reader: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
    scale, offset = (
        np.asarray(layer.config.get(name, default), np.float64).reshape(-1)
        for name, default in (("scale", 1.0), ("offset", 0.0))
    )
    return reader.graph.scaled(read[0], scale.squeeze(), offset.squeeze())


def _normalization(reader: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
    """Read a Keras normalisation of the input by a known mean and variance."""
    if layer.flag("invert"):
        msg = "an inverted normalisation cannot be declared"
        raise ConversionError(msg)
    mean, variance = layer.config.get("mean"), layer.config.get("variance")
    if mean is None or variance is None:
        if len(layer.variables) < 2:  # noqa: PLR2004 - mean and variance
            msg = "it has no mean and variance: call its adapt before saving"
            raise ConversionError(msg)
        mean, variance = layer.variables[:2]
    mean = np.asarray(mean, np.float64).reshape(-1)
    scale = 1 / np.maximum(np.sqrt(np.asarray(variance, np.float64).reshape(-1)), 1e-7)
    return reader.graph.scaled(read[0], scale.squeeze(), (-mean * scale).squeeze())


def _embedding(reader: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
    if layer.flag("mask_zero"):
        msg = "mask_zero makes masks, which cannot be declared: every step of a sequence is read"
        raise ConversionError(msg)
    if read[0].layer != INPUT or read[0].labels != ("N", "T"):
        msg = "an embedding must read the symbols of the input"
        raise ConversionError(msg)
    table = _variables(layer, "embedding")["embedding"]
    reader.symbols = table.shape[0]
    return reader.graph.embedded(read[0], table, layer.origin("embedding"))


def _recurrent(cell: Literal["lstm", "gru", "rnn"]) -> Layer:
    def read_cell(reader: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
        _check_recurrent(layer, cell)
        inner = replace(layer, variables=reader.file.variables(f"{layer.path}/cell"))
        parameters = keras_cell(cell, _with_bias(inner, "kernel", "recurrent_kernel"))
        if parameters is None or read[0].labels != ("N", "T", "C"):
            msg = "it must read a sequence, with kernels of its number of gates"
            raise ConversionError(msg)
        units = parameters["dense_h.kernel"].shape[0]
        activation = layer.config.get("activation", "tanh")
        recurrent = Recurrent(cell, units, "relu" if activation == "relu" else "tanh")
        theirs = {
            ours: (
                (f"{layer.name}/{role}",),
                "gates z r h to r z n" if cell == "gru" else "as it is",
            )
            for ours, role in (
                ("dense_i.kernel", "kernel"),
                ("dense_h.kernel", "recurrent_kernel"),
                ("dense_i.bias", "bias"),
                ("dense_h.bias", "bias"),
            )
        }
        origin = replace(layer.origin(), tensors=theirs)
        value = reader.graph.recurrent(read[0], recurrent, parameters, origin)
        if layer.flag("return_sequences"):
            return value
        return replace(value.without_steps(1).without(1), is_last=True)

    return read_cell


def _check_recurrent(layer: KerasLayer, cell: str) -> None:
    """Refuse recurrent Keras layers that cannot be declared."""
    for name in ("go_backwards", "return_state"):
        if layer.flag(name):
            msg = f"{name} cannot be declared"
            raise ConversionError(msg)
    if cell == "gru" and not layer.flag("reset_after", default=True):
        msg = (
            "a GRU with reset_after=False cannot be declared: train it with reset_after=True, the "
            "default of Keras"
        )
        raise ConversionError(msg)
    wanted = {"activation": {"tanh"}, "recurrent_activation": {"sigmoid"}}
    if cell == "rnn":
        wanted = {"activation": {"tanh", "relu"}}
    for name, allowed in wanted.items():
        found = layer.config.get(name, min(allowed))
        if found not in allowed:
            msg = f"{name} {printable(found)} cannot be declared, only {' or '.join(allowed)}"
            raise ConversionError(msg)


def _time_distributed(reader: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
    """Read a Keras layer that is applied to every step, as all layers of ours are."""
    inner = layer.config["layer"]
    kind = str(inner.get("class_name"))
    if kind not in {"Dense", "Activation", "Dropout", "LayerNormalization", "ReLU", "LeakyReLU"}:
        msg = f"{printable(kind)} of each step cannot be declared"
        raise ConversionError(msg)
    path = f"{layer.path}/layer"
    found = KerasLayer(kind, layer.name, inner["config"], path, reader.file.variables(path))
    return LAYERS[kind](reader, found, read)


def _add(reader: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
    _check_several(read)
    return reader.graph.merged(read, "add", layer.name)


def _average(reader: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
    _check_several(read)
    value = reader.graph.merged(read, "add", layer.name)
    return reader.graph.scaled(value, np.asarray(1 / len(read)), np.asarray(0.0))


def _concatenate(reader: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
    _check_several(read)
    if layer.config.get("axis", -1) % len(read[0].axes) != len(read[0].axes) - 1:
        msg = "values joined along another axis than the channels cannot be declared"
        raise ConversionError(msg)
    return reader.graph.merged(read, "concat", layer.name)


def _check_several(read: list[Value]) -> None:
    if len(read) < 2:  # noqa: PLR2004
        msg = "a constant among its inputs cannot be declared"
        raise ConversionError(msg)


LAYERS: Mapping[str, Layer] = {
    "Conv2D": _conv,
    "DepthwiseConv2D": _depthwise,
    "SeparableConv2D": _separable,
    "MaxPooling2D": _pool("max"),
    "AveragePooling2D": _pool("avg"),
    "GlobalAveragePooling2D": _global_pool("avg"),
    "GlobalMaxPooling2D": _global_pool("max"),
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "Dense": _dense,
    "Dropout": _dropout,
    **dict.fromkeys(KEPT, _same),
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Permute": _permute,
    "ZeroPadding2D": _zero_padding,
    "Rescaling": _rescaling,
    "Normalization": _normalization,
    "Embedding": _embedding,
    "LSTM": _recurrent("lstm"),
    "GRU": _recurrent("gru"),
    "SimpleRNN": _recurrent("rnn"),
    "TimeDistributed": _time_distributed,
    "Add": _add,
    "Average": _average,
    "Concatenate": _concatenate,
    **ACTIVATION_LAYERS,
}
"""Classes of Keras that can be imported, with the function that reads each."""
