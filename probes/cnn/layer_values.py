"""Values of an image network's layers: their signs, and the layers that they are computed from."""

from collections.abc import Iterator
from functools import lru_cache

from models.architecture import INPUT, Architecture, Node
from models.cnn.layout import LINEAR_KINDS, layout_of
from models.declaration.operations import (
    Activation,
    Dropout,
    Flatten,
    GlobalPool,
    Merge,
    Norm,
    Pool,
)

NON_NEGATIVE = frozenset({"relu", "relu6", "sigmoid", "hard_sigmoid", "softplus", "exp"})
"""Activation functions of layers whose values are never below zero."""


@lru_cache(maxsize=256)
def signed_layers(architecture: Architecture) -> frozenset[str]:
    """Return the layers of a network whose values can be below zero, for any weights."""
    # Images of MNIST are intensities; mean and standard deviation of others make them signed.
    signed = {INPUT: not layout_of(architecture).is_mnist}
    for node in architecture.nodes:
        match node.operation:
            case Activation(function):
                signed[node.name] = function not in NON_NEGATIVE
            case Pool() | GlobalPool() | Dropout() | Flatten() | Merge():
                signed[node.name] = any(signed[name] for name in node.inputs)
            case _:
                signed[node.name] = True
    found = {node.value for node in architecture.nodes if node.value and signed[node.name]}
    return frozenset({*found, "logits"})


@lru_cache(maxsize=256)
def nodes_of_values(architecture: Architecture) -> dict[str, Node]:
    """Return the layer that computes each value of a network's trace, by the value's name."""
    found = {node.value: node for node in architecture.nodes if node.value is not None}
    # Two classes of one unit: its logit is the last value but one.
    return {"logits": architecture.nodes[-1], **found}


def read_value(architecture: Architecture, name: str) -> str:
    """Return the value that a layer's output is: its own, or that of the layer before a dropout.

    Args:
        name: Name of a layer, or `input`.
    """
    while name != INPUT:
        node = architecture.node(name)
        if node.value is not None:
            return node.value
        (name,) = node.inputs
    return INPUT


def before_nonlinearity(architecture: Architecture, value: str) -> str | None:
    """Return the nearest value before a nonlinearity that a layer's value comes from.

    It is the value itself if that is linear. None where only the image is read, or where maps are
    flattened in between: a unit is then a position of a map, and no channel.
    """
    while value != INPUT and architecture.layers[value].kind not in LINEAR_KINDS:
        name = nodes_of_values(architecture)[value].inputs[0]
        if _flattens(architecture, name):
            return None
        value = read_value(architecture, name)
    return None if value == INPUT else value


def _flattens(architecture: Architecture, name: str) -> bool:
    """Tell whether maps are flattened between the value that a layer's output is and the layer."""
    while name != INPUT and (node := architecture.node(name)).value is None:
        (name,) = node.inputs
        if isinstance(node.operation, Flatten) and len(_shape(architecture, name)) > 1:
            return True
    return False


def chain(architecture: Architecture, value: str, end: str) -> Iterator[Node]:
    """Yield the layers from a value back to an earlier one, without that of the earlier value."""
    while value != end:
        node = nodes_of_values(architecture)[value]
        yield node
        value = read_value(architecture, node.inputs[0])


def flattened_shape(architecture: Architecture, name: str) -> tuple[int, ...] | None:
    """Return the shape of the maps that a dense layer reads flattened; None if it reads a vector.

    Args:
        name: Name of a layer with a kernel.
    """
    before = architecture.node(name).inputs[0]
    while before != INPUT:
        node = architecture.node(before)
        before = node.inputs[0]
        if isinstance(node.operation, Flatten):
            shape = _shape(architecture, before)
            return shape if len(shape) > 1 else None
        # These keep the order of the flattened values.
        if not isinstance(node.operation, Dropout | Activation | Norm):
            return None
    return None


def _shape(architecture: Architecture, name: str) -> tuple[int, ...]:
    if name != INPUT:
        return architecture.node(name).shape
    image = architecture.image
    return (image.height, image.width, image.channels)
