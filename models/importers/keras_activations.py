"""Activations of imported Keras models: by name, as layers, and at the end."""

from collections.abc import Mapping
from typing import Any

from models.importers.errors import ConversionError, printable
from models.importers.keras_reader import KerasLayer, KerasReader
from models.importers.values import Value

FUNCTIONS: Mapping[str, tuple[str, float]] = {
    "relu": ("relu", 0.0),
    "relu6": ("relu6", 0.0),
    "leaky_relu": ("leaky_relu", 0.2),
    "elu": ("elu", 1.0),
    "selu": ("selu", 0.0),
    "gelu": ("gelu", 0.0),
    "silu": ("silu", 0.0),
    "swish": ("silu", 0.0),
    "mish": ("mish", 0.0),
    "sigmoid": ("sigmoid", 0.0),
    "hard_sigmoid": ("hard_sigmoid", 0.0),
    "hard_silu": ("hard_swish", 0.0),
    "hard_swish": ("hard_swish", 0.0),
    "tanh": ("tanh", 0.0),
    "softplus": ("softplus", 0.0),
    "softsign": ("softsign", 0.0),
    "exponential": ("exp", 0.0),
}
"""Activation function and slope of a declaration for each name in Keras."""


def activated(reader: KerasReader, value: Value, activation: Any, name: str = "") -> Value:
    """Return an imported value after an activation that a Keras layer names.

    Raises:
        ConversionError: No layer line says it.
    """
    if isinstance(activation, dict):
        kind, config = str(activation.get("class_name")), activation.get("config")
        if kind in ACTIVATION_LAYERS and isinstance(config, dict):
            found: Value = ACTIVATION_LAYERS[kind](
                reader, KerasLayer(kind, name, config, ""), [value]
            )
            return found
        activation = config if isinstance(config, str) else kind
    if activation in {None, "linear"}:
        return value
    if activation in {"softmax", "log_softmax"}:
        reader.suffix = str(activation)
        return value
    if activation not in FUNCTIONS:
        msg = f"activation {printable(activation)} cannot be declared"
        raise ConversionError(msg)
    function, slope = FUNCTIONS[activation]
    return reader.graph.activation(value, function, slope, name)


def _activation(reader: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
    return activated(reader, read[0], layer.config.get("activation"), layer.name)


def _relu(reader: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
    most = layer.config.get("max_value")
    slope = float(layer.config.get("negative_slope") or 0.0)
    if layer.config.get("threshold") or most not in {None, 6} or (most and slope):
        msg = "a ReLU with a threshold, or a limit other than 6, cannot be declared"
        raise ConversionError(msg)
    if slope:
        return reader.graph.activation(read[0], "leaky_relu", slope, layer.name)
    return reader.graph.activation(read[0], "relu" if most is None else "relu6", 0.0, layer.name)


def _leaky(reader: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
    slope = float(layer.config.get("negative_slope", layer.config.get("alpha", 0.3)))
    return reader.graph.activation(read[0], "leaky_relu", slope, layer.name)


def _elu(reader: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
    slope = float(layer.config.get("alpha", 1.0))
    return reader.graph.activation(read[0], "elu", slope, layer.name)


def _softmax(reader: KerasReader, layer: KerasLayer, read: list[Value]) -> Value:
    if layer.config.get("axis", -1) not in {-1, len(read[0].axes) - 1}:
        msg = "a softmax is possible over classes only"
        raise ConversionError(msg)
    return activated(reader, read[0], "softmax")


ACTIVATION_LAYERS: Mapping[str, Any] = {
    "Activation": _activation,
    "ReLU": _relu,
    "LeakyReLU": _leaky,
    "ELU": _elu,
    "Softmax": _softmax,
}
"""Classes of Keras for activations, with the function that reads each."""
