"""Ties in max-pooling: pixels whose gradient depends on the rule for equal maxima."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int

from models.architecture import INPUT, Architecture, Node
from models.declaration.operations import Conv, Pool
from models.runtime.cancellation import raise_if_cancelled
from models.windows import ReceptiveField, Windows, windows
from probes.cnn.images import Image
from probes.cnn.layer_values import read_value

OUTSIDE = np.float32(-1e30)
"""Value of positions beyond the border where maps are padded in a pooling layer's input.

No pixel has this index: it means none.
"""

Mask = Bool[np.ndarray, "_ _"]


class _Side(NamedTuple):
    """One axis of a max-pooling layer: its windows, and the fields of the values that they read."""

    windows: Windows
    field: ReceptiveField
    pixels: int

    @property
    def starts(self) -> Int[np.ndarray, " values"]:
        """First pixel in the field of each value that is pooled; below 0 beyond the border."""
        return np.arange(self.windows.inputs) * self.field.jump - self.field.before

    @property
    def padding(self) -> tuple[int, int]:
        """Pixels beyond the border that the fields of tied values cover, at both ends."""
        last = int(self.starts[-1]) + self.field.size
        return self.field.before, max(0, last - self.pixels)


def tied_pixels(architecture: Architecture, images: Sequence[Image]) -> Mask:
    """Pixels read by a tied max-pooling window: one where several values read equal pixels.

    Such values are equal for any weights, so a gradient has no single value there: the programs
    give it to the first of them, in row order, as PyTorch does. Pools of whole maps are left out.

    Args:
        architecture: Architecture of the network.
        images: Two ends of a straight path, whose ties hold all along it, or a single image;
            values that the network reads.
    """
    found = np.zeros(images[0].shape[:2], np.bool_)
    for node in architecture.nodes:
        if isinstance(node.operation, Pool) and node.operation.kind == "max":
            found |= _tied(architecture, node, images)
    return found


def _tied(architecture: Architecture, node: Node, images: Sequence[Image]) -> Mask:
    """Pixels that the tied windows of one max-pooling layer read."""
    sides = _sides(architecture, node, images[0].shape[:2])
    outside = np.float32(0) if _pads_pixels_alone(architecture, node) else OUTSIDE
    around = [side.padding for side in sides]
    padded = [_padded(image, around, outside) for image in images]
    tied = np.zeros([side.windows.inputs for side in sides], np.bool_)
    for offset in _offsets(sides):
        raise_if_cancelled()
        together = np.outer(*(_together(*one) for one in zip(sides, offset, strict=True)))
        rows, columns = np.nonzero(together & _equal_fields(sides, padded, offset))
        tied[rows, columns] = True
        tied[rows + offset[0], columns + offset[1]] = True
    return _covered(sides, tied)


def _sides(architecture: Architecture, node: Node, shape: tuple[int, ...]) -> tuple[_Side, _Side]:
    """Return both axes of a max-pooling layer, rows first."""
    read = read_value(architecture, node.inputs[0])
    if read == INPUT:
        fields = tuple(ReceptiveField(1, 1, 0, ()) for _ in shape)
        inputs = shape
    else:
        layer = architecture.layers[read]
        fields, inputs = layer.receptive_field or (), layer.shape
    rows, columns = (
        _Side(windows(node.operation, axis, inputs[axis]), fields[axis], shape[axis])  # type: ignore[arg-type]
        for axis in (0, 1)
    )
    return rows, columns


def _pads_pixels_alone(architecture: Architecture, node: Node) -> bool:
    """Whether only pixels are padded with zeros before a max-pooling layer, and no feature maps.

    A zero of the padding is then equal to a pixel of that value.
    """
    waiting = list(node.inputs)
    while waiting:
        name = waiting.pop()
        if name == INPUT:
            continue
        one = architecture.node(name)
        if isinstance(one.operation, Conv | Pool) and (
            one.inputs[0] != INPUT or isinstance(one.operation, Pool)
        ):
            shape = _read_shape(architecture, one)
            axes = [windows(one.operation, axis, shape[axis]) for axis in (0, 1)]
            if any(axis.before or axis.after for axis in axes):
                return False
        waiting += one.inputs
    return True


def _read_shape(architecture: Architecture, node: Node) -> tuple[int, ...]:
    image = architecture.image
    if node.inputs[0] == INPUT:
        return (image.height, image.width, image.channels)
    return architecture.node(node.inputs[0]).shape


def _padded(
    image: Image, around: list[tuple[int, int]], outside: np.float32
) -> Float32[np.ndarray, "rows columns *channels"]:
    """Return an image with the positions beyond its border that fields of tied values cover."""
    ends = [*around, *[(0, 0)] * (image.ndim - len(around))]
    return np.pad(image, ends, constant_values=outside)


Offset = tuple[int, int]
"""Offset of a value of a max-pooling window from another one, in rows and columns."""


def _offsets(sides: tuple[_Side, _Side]) -> Iterator[Offset]:
    """Yield the offsets of two values of a max-pooling window, each pair in one direction."""
    height, width = (side.windows.size for side in sides)
    yield from ((0, right) for right in range(1, width))
    yield from product(range(1, height), range(1 - width, width))


def _together(side: _Side, distance: int) -> Bool[np.ndarray, " values"]:
    """Tell of each value along one axis whether a window has it and that at a distance too."""
    inputs = side.windows.inputs
    starts = np.arange(side.windows.count) * side.windows.stride - side.windows.before
    first = np.maximum(starts, 0) + max(0, -distance)
    last = np.minimum(starts + side.windows.size, inputs) - max(0, distance)
    # Each window adds 1 from its first value on, and takes it off behind its last one.
    ends = np.zeros(inputs + 1, np.int64)
    np.add.at(ends, first[first < last], 1)
    np.add.at(ends, last[first < last], -1)
    return np.asarray(ends[:-1].cumsum() > 0)


def _equal_fields(sides: tuple[_Side, _Side], padded: Sequence[np.ndarray], offset: Offset) -> Mask:
    """Tell for each value of a pooled map whether the field at an offset has equal pixels.

    By sums over rectangles: comparing all pixels of all fields would take too long for large ones.
    """
    down, right = (side.field.jump * at for side, at in zip(sides, offset, strict=True))
    height, width = padded[0].shape[:2]
    if abs(down) >= height or abs(right) >= width:
        return np.zeros([side.windows.inputs for side in sides], np.bool_)
    differs = np.zeros((height, width), np.bool_)
    near = (
        slice(max(0, -down), height - max(0, down)),
        slice(max(0, -right), width - max(0, right)),
    )
    far = (
        slice(max(0, down), height - max(0, -down)),
        slice(max(0, right), width - max(0, -right)),
    )
    for image in padded:
        unequal = image[near] != image[far]
        differs[near] |= unequal if unequal.ndim == 2 else unequal.any(axis=-1)  # noqa: PLR2004
    sums = np.pad(differs.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    # Fields of values whose partner is beyond the map are cut off, and never asked for.
    top, left = (side.starts + side.field.before for side in sides)
    bottom, last = top + sides[0].field.size, left + sides[1].field.size
    count = (
        sums[np.ix_(bottom, last)]
        - sums[np.ix_(top, last)]
        - sums[np.ix_(bottom, left)]
        + sums[np.ix_(top, left)]
    )
    return np.asarray(count == 0)


def _covered(sides: tuple[_Side, _Side], tied: Mask) -> Mask:
    """Return the pixels in the fields of tied values of a pooled map."""
    shape = [side.pixels + sum(side.padding) for side in sides]
    ends = np.zeros((shape[0] + 1, shape[1] + 1), np.int64)
    rows, columns = np.nonzero(tied)
    top = sides[0].starts[rows] + sides[0].field.before
    left = sides[1].starts[columns] + sides[1].field.before
    bottom, last = top + sides[0].field.size, left + sides[1].field.size
    # Each field adds 1 within its rectangle once its corners are summed along both axes.
    for at, sign in (
        ((top, left), 1),
        ((bottom, last), 1),
        ((top, last), -1),
        ((bottom, left), -1),
    ):
        np.add.at(ends, at, sign)
    covered = ends.cumsum(axis=0).cumsum(axis=1) > 0
    (above, _), (before, _) = (side.padding for side in sides)
    return covered[above : above + sides[0].pixels, before : before + sides[1].pixels]
