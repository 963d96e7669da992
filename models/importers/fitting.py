"""Parameters of one declared layer from the tensors of one layer of an imported file."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from models.architecture import Architecture, Node
from models.declaration.operations import (
    Activation,
    Conv,
    Dense,
    Dropout,
    Embed,
    Flatten,
    Merge,
    Norm,
    Recurrent,
)
from models.importers.errors import ConversionError
from models.importers.groups import Group
from models.importers.recurrent import (
    CELL_NAMES,
    cell_parameters,
    sources,
    transformation_of,
)
from models.importers.values import check_answers, joined_rows

NORM_NAMES = {
    "scale": ("scale", "gamma", "weight"),
    "bias": ("bias", "beta"),
    "mean": ("mean", "running_mean", "moving_mean"),
    "var": ("var", "running_var", "moving_variance"),
}
"""Names of a normalisation's parameters in Flax, Keras and PyTorch."""


class Fitted(NamedTuple):
    """Value of one parameter from an imported file: array, tensors' names and transformation."""

    values: np.ndarray
    theirs: tuple[str, ...]
    transformation: str


Orders = Mapping[str, np.ndarray | None]
"""Order of each layer's vector in PyTorch, as indices of it; None where it is ours."""


def channel_first_orders(architecture: Architecture) -> Orders:
    """Return the order of values after a flatten in an imported channel-first network.

    Our flatten has the order row, column, channel; that of PyTorch channel, row, column. Later
    layers keep it up to the next dense layer.

    Raises:
        ConversionError: Vectors of different orders are added, or the answers have such an order.
    """
    orders: dict[str, np.ndarray | None] = {}
    shapes: dict[str, tuple[int, ...]] = {node.name: node.shape for node in architecture.nodes}
    if architecture.family == "image":
        image = architecture.image
        shapes["input"] = (image.height, image.width, image.channels)
    for node in architecture.nodes:
        inner = [orders.get(name) for name in node.inputs]
        match node.operation:
            case Flatten() if len(shapes[node.inputs[0]]) == 3:  # noqa: PLR2004 - maps
                rows, columns, channels = shapes[node.inputs[0]]
                indices = np.arange(rows * columns * channels)
                first = indices.reshape(channels, rows, columns).transpose(1, 2, 0).reshape(-1)
                orders[node.name] = None if np.array_equal(first, indices) else first
            case Activation() | Dropout() | Norm():
                orders[node.name] = inner[0]
            case Merge(kind) if any(one is not None for one in inner):
                sizes = [shapes[name][-1] for name in node.inputs]
                orders[node.name] = joined_rows(inner, sizes, kind)
            case _:
                orders[node.name] = None
    check_answers(orders[architecture.nodes[-1].name])
    return orders


def fit(
    node: Node, group: Group, shapes: Mapping[str, tuple[int, ...]], orders: Orders
) -> dict[str, Fitted] | None:
    """Return the parameters of a declared layer from an imported layer; None if it does not fit.

    Args:
        shapes: Shape of each of the layer's parameters, by its name in the layer.
        orders: Order of vectors in PyTorch, of `channel_first_orders`.
    """
    found: dict[str, Fitted] | None
    match node.operation:
        case Conv():
            found = _conv(group, shapes["kernel"])
        case Dense():
            found = _dense(group, orders.get(node.inputs[0]))
        case Norm():
            found = _norm(group, shapes, orders.get(node.inputs[0]))
        case Embed():
            found = _embedding(group)
        case Recurrent(cell):
            found = _recurrent(cell, group)
        case _:
            return None
    if found is None:
        return None
    if "bias" in shapes and "bias" not in found:
        found["bias"] = Fitted(np.zeros(shapes["bias"], np.float32), (), "zeros, for it has none")
    if {name: one.values.shape for name, one in found.items()} != dict(shapes):
        return None
    return found


def _one(group: Group, name: str) -> Fitted:
    return Fitted(group.tensors[name], (group.names[name],), "as it is")


def _bias(group: Group) -> dict[str, Fitted]:
    return {"bias": _one(group, "bias")} if "bias" in group.tensors else {}


def is_kind(  # noqa: PLR0911 - one case for each operation
    node: Node, group: Group
) -> bool:
    """Return whether an imported layer may be one of a declared layer's kind, of any size."""
    tensors = group.tensors
    if not set(tensors) <= _known(node):
        return False
    match node.operation:
        case Conv():
            return any(_rank(group, name) == 4 for name in ("weight", "kernel"))  # noqa: PLR2004
        case Dense():
            return any(_rank(group, name) == 2 for name in ("weight", "kernel"))  # noqa: PLR2004
        case Norm(kind):
            has_mean = any(name in tensors for name in NORM_NAMES["mean"])
            return has_mean == (kind == "batch") and all(one.ndim == 1 for one in tensors.values())
        case Embed():
            return len(tensors) == 1 and next(iter(tensors.values())).ndim == 2  # noqa: PLR2004
        case Recurrent(cell):
            try:
                return _recurrent(cell, group) is not None
            except (ConversionError, ValueError):
                return False
        case _:
            return False


def _known(node: Node) -> set[str]:
    """Return the names of parameters that an imported layer of a declared one's kind may have."""
    match node.operation:
        case Norm():
            return {name for names in NORM_NAMES.values() for name in names}
        case Embed():
            return {"embedding", "embeddings", "weight"}
        case Recurrent():
            return set(CELL_NAMES)
        case _:
            return {"weight", "kernel", "bias"}


def _rank(group: Group, name: str) -> int:
    return group.tensors[name].ndim if name in group.tensors else 0


def _conv(group: Group, shape: tuple[int, ...]) -> dict[str, Fitted] | None:
    """Return the parameters of a convolution: PyTorch's OIHW, Flax's and Keras's HWIO."""
    if _rank(group, "weight") == 4:  # noqa: PLR2004
        kernel = group.tensors["weight"].transpose(2, 3, 1, 0)
        return {"kernel": Fitted(kernel, (group.names["weight"],), "OIHW to HWIO")} | _bias(group)
    if _rank(group, "kernel") != 4:  # noqa: PLR2004
        return None
    kernel = group.tensors["kernel"]
    if kernel.shape == shape:
        return {"kernel": _one(group, "kernel")} | _bias(group)
    rows, columns, channels, filters = kernel.shape
    if shape != (rows, columns, 1, channels * filters):
        return None
    whole = Fitted(kernel.reshape(shape), (group.names["kernel"],), "depthwise to groups")
    return {"kernel": whole} | _bias(group)


def _dense(group: Group, order: np.ndarray | None) -> dict[str, Fitted] | None:
    """Return the parameters of a dense layer; PyTorch's rows after a flatten are permuted."""
    if _rank(group, "kernel") == 2:  # noqa: PLR2004
        return {"kernel": _one(group, "kernel")} | _bias(group)
    if _rank(group, "weight") != 2:  # noqa: PLR2004
        return None
    kernel, transformation = group.tensors["weight"].T, "transposed"
    if order is not None:
        if kernel.shape[0] != len(order):
            return None
        kernel, transformation = kernel[order], "transposed, rows C·H·W to H·W·C"
    return {"kernel": Fitted(kernel, (group.names["weight"],), transformation)} | _bias(group)


def _norm(
    group: Group, shapes: Mapping[str, tuple[int, ...]], order: np.ndarray | None
) -> dict[str, Fitted] | None:
    """Return the parameters of a normalisation; those without scale have ones."""
    found: dict[str, Fitted] = {}
    is_torch = "weight" in group.tensors or "running_mean" in group.tensors
    for ours, names in NORM_NAMES.items():
        for name in names:
            if name in group.tensors:
                found[ours] = _one(group, name)
                if is_torch and order is not None and len(order) == len(found[ours].values):
                    permuted = found[ours].values[order]
                    found[ours] = Fitted(permuted, found[ours].theirs, "C·H·W to H·W·C")
    if "scale" not in found:
        found["scale"] = Fitted(np.ones(shapes["scale"], np.float32), (), "ones, for it has none")
    return found


def _embedding(group: Group) -> dict[str, Fitted] | None:
    for name in ("embedding", "embeddings", "weight"):
        if name in group.tensors:
            return {"embedding": _one(group, name)}
    return None


def _recurrent(cell: str, group: Group) -> dict[str, Fitted] | None:
    """Return the parameters of a declared recurrent layer from those of an imported one."""
    found = cell_parameters(cell, group.tensors)
    if found is None:
        return None
    text = transformation_of(cell, group.tensors)
    return {
        name: Fitted(values, tuple(group.names[one] for one in sources(name, group.tensors)), text)
        for name, values in found.items()
    }
