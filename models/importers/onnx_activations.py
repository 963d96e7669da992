"""Activations of imported ONNX graphs, also where they are written as several nodes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from models.declaration.operations import Activation
from models.importers.errors import ConversionError
from models.importers.graph import Graph
from models.importers.onnx_file import OnnxNode
from models.importers.values import IDENTITY, Value

SIMPLE = {
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Exp": "exp",
    "HardSwish": "hard_swish",
    "Mish": "mish",
}
"""Operators of ONNX that are an activation without attributes."""

PARTS = {"sigmoid": "silu", "hard_sigmoid": "hard_swish"}
"""Activations of an ONNX graph that x is multiplied by, with the name of the product."""

ERF = "erf"
"""Mark of a layer erf(x / √2), a part of GELU in an ONNX graph that no line says alone."""


def _simple(reader: Any, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    return [reader.graph.activation(inputs[0], SIMPLE[node.operator])]


def _float(node: OnnxNode, name: str, default: float) -> float:
    """Return an attribute of an ONNX node, as it was written before float32."""
    return float(f"{float(node.attributes.get(name, default)):.7g}")


def _leaky(reader: Any, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    slope = _float(node, "alpha", 0.01)
    if slope < 0:
        msg = "a slope below 0 cannot be declared"
        raise ConversionError(msg)
    return [reader.graph.activation(inputs[0], "leaky_relu", slope)]


def _elu(reader: Any, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    return [reader.graph.activation(inputs[0], "elu", _float(node, "alpha", 1.0))]


def _fixed(function: str, expected: Mapping[str, float]) -> Any:
    """Return the reader of an ONNX activation whose attributes must have certain values."""

    def read(reader: Any, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
        for name, value in expected.items():
            default = {"HardSigmoid": {"alpha": 0.2, "beta": 0.5}}.get(node.operator, expected)
            if abs(float(node.attributes.get(name, default[name])) - value) > 1e-5:  # noqa: PLR2004
                msg = f"{name} must be {value:g}, that of {function}"
                raise ConversionError(msg)
        return [reader.graph.activation(inputs[0], function)]

    return read


def _gelu(reader: Any, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    is_tanh = node.attributes.get("approximate", "none") == "tanh"
    return [reader.graph.activation(inputs[0], "gelu_tanh" if is_tanh else "gelu")]


def _clip(reader: Any, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    least, most = (
        inputs[place].item()
        if len(inputs) > place and inputs[place] is not None
        else node.attributes.get(name, default)
        for place, name, default in ((1, "min", -np.inf), (2, "max", np.inf))
    )
    value, graph = inputs[0], reader.graph
    if (least, most) == (0, 6):
        affine = value.affine
        if affine is not None and (affine.scale == 1).all() and (affine.shift == 3).all():  # noqa: PLR2004
            bare = _bare(value)
            found = graph.activation(bare, "hard_sigmoid")
            return [graph.scaled(found, np.asarray(6.0), np.asarray(0.0))]
        return [graph.activation(value, "relu6")]
    if least == 0 and most > 1e30:  # noqa: PLR2004
        return [graph.activation(value, "relu")]
    if least < -1e30 and most > 1e30:  # noqa: PLR2004
        return [value]
    msg = f"a clip to {least:g} and {most:g} cannot be declared: relu and relu6 can"
    raise ConversionError(msg)


def _softmax(reader: Any, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    value = inputs[0]
    axis = int(node.attributes.get("axis", -1)) % len(value.axes)
    if value.labels[axis] != "C" or reader.graph.shape(value) != (value.shape[axis],):
        msg = "a softmax is possible over classes only, at the end"
        raise ConversionError(msg)
    if node.outputs[0] not in reader.file.outputs[:1]:
        msg = "a softmax within the network, as in attention, cannot be declared"
        raise ConversionError(msg)
    reader.suffix = "softmax" if node.operator == "Softmax" else "log_softmax"
    return [value]


def _erf(reader: Any, _: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    value = inputs[0]
    affine = value.affine or IDENTITY
    if not np.allclose(affine.scale, np.sqrt(0.5), rtol=1e-5) or affine.shift.any():
        msg = "erf is known as a part of GELU only"
        raise ConversionError(msg)
    bare = _bare(value)
    return [reader.graph.activation(bare, ERF)]


def product(graph: Graph, first: Value, second: Value) -> Value:
    """Return the product of two values of an ONNX graph that is an activation.

    Raises:
        ConversionError: It is none of SiLU, hard-swish, Mish and GELU.
    """
    for value, factor in ((first, second), (second, first)):
        found = graph.operation(factor)
        if not isinstance(found, Activation):
            continue
        affine = factor.affine or IDENTITY
        read = graph.layers[factor.layer].inputs[0]
        if found.function == ERF and read == value.layer and (affine.scale == affine.shift).all():
            return _scaled(graph, value, "gelu", np.asarray(2 * affine.scale))
        if affine.shift.any():
            continue
        key = graph.computing_layer(value)
        function = PARTS.get(found.function) if read == key else None
        if found.function == "tanh" and _is_softplus(graph, read, key):
            function = "mish"
        if function is not None:
            return graph.scaled(graph.activation(value, function), affine.scale, np.asarray(0.0))
    msg = "the product of two computed values cannot be declared, except in silu, mish and gelu"
    raise ConversionError(msg)


def _is_softplus(graph: Graph, key: str, read: str | None) -> bool:
    """Return whether a layer of an ONNX graph is the softplus of another."""
    layer = graph.layers.get(key)
    return (
        layer is not None and layer.operation == Activation("softplus") and layer.inputs == [read]
    )


def _bare(value: Value) -> Value:
    """Return an ONNX value without its factor and summand."""
    return replace(value, affine=None)


def _scaled(graph: Graph, value: Value, function: str, scale: np.ndarray) -> Value:
    """Return an activation of an ONNX value times a factor, with the value's own factor."""
    own = value.affine or IDENTITY
    if own.shift.any():
        msg = "the product of two computed values cannot be declared"
        raise ConversionError(msg)
    bare = _bare(value)
    whole = np.asarray(scale * own.scale)
    return graph.scaled(graph.activation(bare, function), whole, np.asarray(0.0))


ACTIVATION_LAYERS: Mapping[str, Any] = {
    **dict.fromkeys(SIMPLE, _simple),
    "LeakyRelu": _leaky,
    "Elu": _elu,
    "Selu": _fixed("selu", {"alpha": 1.67326319, "gamma": 1.05070102}),
    "HardSigmoid": _fixed("hard_sigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "Gelu": _gelu,
    "Clip": _clip,
    "Softmax": _softmax,
    "LogSoftmax": _softmax,
    "Erf": _erf,
}
"""Activations of ONNX, with the function that reads each."""
