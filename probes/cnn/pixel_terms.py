"""Terms of one value of a feature map: the sum that it comes from, and the layers after that.

input ── sum ── value ── steps ── output
         │               └── activations, normalisations, maxima of windows, branches
         └── a convolution's products and bias, the mean of a window, or several layers
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int

from models.architecture import INPUT, Architecture, Node
from models.cnn.mean_counts import mean_counts
from models.declaration.operations import Activation, Conv, Merge, Pool
from models.windows import windows
from probes.cnn.images import channel_first, network_image
from probes.cnn.layer_values import nodes_of_values, read_value
from probes.declaration import Parameters, ProbeContext

Values = Mapping[str, np.ndarray]
"""Maps that the terms of a pixel are read from, channel first, by the layer; `input` too."""


class Place(NamedTuple):
    """Place of one value of a feature map."""

    layer: str
    channel: int
    y: int
    x: int

    def value(self, values: Values) -> float:
        """Return the value at a place of a feature map."""
        return float(values[self.layer][self.channel, self.y, self.x])


class Step(NamedTuple):
    """Step to a pixel's value from the value that its layer reads: any layer but a sum."""

    node: Node
    place: Place
    source: Place


class Path(NamedTuple):
    """Path from the value of a pixel back to the sum that it comes from.

    Attributes:
        steps: Layers after the sum, the last one first.
        place: Place of the sum's value.
        node: Layer that computes the sum; None where the value comes from the image itself.
    """

    steps: tuple[Step, ...]
    place: Place
    node: Node | None

    @property
    def has_winner(self) -> bool:
        """Whether the pixel's value is the maximum of a window."""
        return any(isinstance(step.node.operation, Pool) for step in self.steps)


def is_sum(node: Node) -> bool:
    """Return whether a layer computes a pixel's value as a sum: of products, a window or layers."""
    match node.operation:
        case Conv() | Merge("add") | Pool("avg"):
            return True
        case _:
            return False


def needed(architecture: Architecture, layer: str) -> list[str]:
    """Return the layers whose values the terms of a pixel in a layer's maps may read."""
    found: dict[str, None] = {}
    summed: dict[str, None] = {}
    after = activation_after(architecture, layer)
    waiting = [layer, *([after.name] if after else [])]
    while waiting:
        value = waiting.pop()
        if value == INPUT or value in found:
            continue
        found[value] = None
        node = nodes_of_values(architecture)[value]
        read = [read_value(architecture, name) for name in node.inputs]
        if is_sum(node):
            # Their values are terms; where they come from is not followed.
            summed |= dict.fromkeys(name for name in read if name != INPUT)
        else:
            waiting += read
    return list(found | summed)


def activation_after(architecture: Architecture, layer: str) -> Node | None:
    """Return the activation that reads a convolution's pixels first; None where none does."""
    node = nodes_of_values(architecture)[layer]
    if not isinstance(node.operation, Conv):
        return None
    readers = (one for one in architecture.nodes if node.name in one.inputs)
    reader = next(readers, None)
    is_traced = reader is not None and isinstance(reader.operation, Activation)
    return reader if is_traced and reader is not None and reader.value == reader.name else None


def values_of(context: ProbeContext[Parameters]) -> Values:
    """Return the maps that the terms of a pixel are read from."""
    architecture = context.model.architecture
    image = channel_first(network_image(architecture, context.input.row["image"]))
    return {**context.outputs, INPUT: image}


def path_to(architecture: Architecture, values: Values, place: Place) -> Path:
    """Return the path from a pixel's value back to the sum that it comes from."""
    steps: list[Step] = []
    while place.layer != INPUT:
        node = nodes_of_values(architecture)[place.layer]
        if is_sum(node):
            return Path(tuple(steps), place, node)
        steps.append(Step(node, place, _source(architecture, values, node, place)))
        place = steps[-1].source
    return Path(tuple(steps), place, None)


def _source(architecture: Architecture, values: Values, node: Node, place: Place) -> Place:
    """Return the place of the value from which a layer computes a pixel."""
    read = read_value(architecture, node.inputs[0])
    if isinstance(node.operation, Pool):
        window = window_of(values[read], node.operation, place)
        return place._replace(layer=read, y=window.winner[0], x=window.winner[1])
    channel = place.channel
    if isinstance(node.operation, Merge):
        # Branches one after another: the channel is one of the branch that its number falls in.
        for name in node.inputs:
            read = read_value(architecture, name)
            if channel < len(values[read]):
                break
            channel -= len(values[read])
    return place._replace(layer=read, channel=channel)


@dataclass(frozen=True, eq=False)
class Window:
    """Window of a pool over one channel, behind one pixel of its map.

    Attributes:
        values: Values of the map in the window, without the padding.
        rows: Row of each of them in the map.
        columns: Column of each of them in the map.
        count: Number of values that a mean divides by, with padding where the layer counts it.
    """

    values: Float32[np.ndarray, "rows columns"]
    rows: Int[np.ndarray, " rows"]
    columns: Int[np.ndarray, " columns"]
    count: int

    @property
    def winner(self) -> tuple[int, int]:
        """Row and column of the window's first maximum, in the map."""
        row, column = np.unravel_index(self.values.argmax(), self.values.shape)
        return int(self.rows[row]), int(self.columns[column])

    @property
    def mean(self) -> float:
        """Exact mean of the window's values, rounded once."""
        return math.fsum(self.values.ravel().tolist()) / self.count


def window_of(
    maps: Float32[np.ndarray, "channels height width"], operation: Pool, place: Place
) -> Window:
    """Return the window of a pool behind one pixel of its map."""
    axes = [windows(operation, axis, side) for axis, side in enumerate(maps.shape[1:])]
    (top, bottom), (left, right) = axes[0].span(place.y), axes[1].span(place.x)
    inside = maps[place.channel, top : bottom + 1, left : right + 1]
    counts = [
        mean_counts(operation, axis, along.inputs)[at]
        for axis, (along, at) in enumerate(zip(axes, (place.y, place.x), strict=True))
    ]
    rows, columns = np.arange(top, bottom + 1), np.arange(left, right + 1)
    return Window(np.ascontiguousarray(inside), rows, columns, math.prod(counts))


@dataclass(frozen=True, eq=False)
class Arithmetic:
    """Terms of the convolution sum behind one pixel of a feature map.

    The product of two float32 numbers is exact in float64, and `math.fsum` rounds once: `total` is
    the exact sum, and `rounding` the error of float32 arithmetic.

    Attributes:
        patch: Part of the input under the kernel; zeros beyond the border.
        inside: 1 where the patch lies within the input, 0 beyond its border.
        kernel: Kernel of the output channel.
        bias: Bias of the output channel; 0 for a layer without.
        value: Value of the feature map before the nonlinearity.
        rows: Row of the input for each row of the patch; below 0 in the padding.
        columns: Column of the input for each column of the patch.
        first: First input channel of the patch, above 0 in the later groups of channels.
    """

    patch: Float32[np.ndarray, "inputs rows columns"]
    inside: Float32[np.ndarray, "rows columns"]
    kernel: Float32[np.ndarray, "inputs rows columns"]
    bias: float
    value: float
    rows: Int[np.ndarray, " rows"]
    columns: Int[np.ndarray, " columns"]
    first: int

    @property
    def products(self) -> Float[np.ndarray, "inputs rows columns"]:
        """Exact products of patch and kernel in the convolution sum of a feature map's pixel."""
        return np.asarray(np.multiply(self.patch, self.kernel, dtype=np.float64))

    @property
    def contributions(self) -> Float[np.ndarray, " inputs"]:
        """Contribution of each input channel to the convolution sum of a feature map's pixel."""
        return np.array([math.fsum(one) for one in self.products.reshape(len(self.patch), -1)])

    @property
    def total(self) -> float:
        """Convolution sum of a feature map's pixel: all products and the bias, rounded once."""
        return math.fsum([*self.products.ravel().tolist(), self.bias])

    @property
    def rounding(self) -> float:
        """Rounding error of a feature map's pixel: float32 value minus exact convolution sum."""
        return self.value - self.total


def arithmetic(
    context: ProbeContext[Parameters], values: Values, node: Node, place: Place
) -> Arithmetic:
    """Collect the terms of a pixel's convolution sum: patch, kernel, bias and value."""
    architecture, weights = context.model.architecture, context.model.weights
    operation = node.operation
    if not isinstance(operation, Conv):
        msg = f"{node.name} is no convolution"
        raise TypeError(msg)
    maps = values[read_value(architecture, node.inputs[0])]
    axes = [windows(operation, axis, side) for axis, side in enumerate(maps.shape[1:])]
    rows, columns = (
        at * axis.stride - axis.before + np.arange(axis.size) * axis.dilation
        for axis, at in zip(axes, (place.y, place.x), strict=True)
    )
    kernel = np.ascontiguousarray(
        weights[f"{node.name}.kernel"][..., place.channel].transpose(2, 0, 1)
    )
    first = place.channel // (operation.filters // operation.groups) * len(kernel)
    bias = weights.get(f"{node.name}.bias")
    whole = np.ones((1, *maps.shape[1:]), np.float32)
    return Arithmetic(
        patch=_patch(maps[first : first + len(kernel)], rows, columns),
        inside=_patch(whole, rows, columns)[0],
        kernel=kernel,
        bias=0.0 if bias is None else float(bias[place.channel]),
        value=place.value(values),
        rows=rows,
        columns=columns,
        first=first,
    )


def _patch(
    maps: Float32[np.ndarray, "channels height width"],
    rows: Int[np.ndarray, " rows"],
    columns: Int[np.ndarray, " columns"],
) -> Float32[np.ndarray, "channels rows columns"]:
    """Return the patch behind a pixel in all channels, with zeros beyond the border."""
    height, width = maps.shape[1:]
    inside = np.outer((rows >= 0) & (rows < height), (columns >= 0) & (columns < width))
    taken = maps[:, np.clip(rows, 0, height - 1)][:, :, np.clip(columns, 0, width - 1)]
    return np.where(inside, taken, np.float32(0))
