"""Foreground of an image: the strokes of its digit, light on zero, without the rest.

planes -> plane of strongest contrast -> raster -> digit -> residue within its strokes
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Shaped

from api.requests.background import block_means, raster_block
from api.requests.contrast import Channel, strongest_plane
from api.requests.digit_search import FoundDigit, find_digit
from api.requests.marks import dilated
from api.requests.planes import Planes

JPEG_NOISE = 16.0  # grey levels of the artifacts that JPEG leaves around a stroke
MARGIN = 2  # pixels of the raster around the strokes, for their soft edges
FOREGROUND_SIDE = 224  # pixels of a foreground's longer side, eight for each of the network's
DRAWING_SIDE = 112  # pixels; a drawing up to this size keeps its faintest edges


class Box(NamedTuple):
    """Bounding box of the foreground of an image, in pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def long_side(self) -> int:
        """Longer side of the foreground's bounding box, in pixels."""
        return max(self.right - self.left, self.bottom - self.top)

    def moved(self, x: int, y: int) -> "Box":
        """Return the foreground's bounding box, translated by `x` to the right and `y` down."""
        return self._replace(
            left=self.left + x, top=self.top + y, right=self.right + x, bottom=self.bottom + y
        )


@dataclass(frozen=True)
class Foreground:
    """Foreground of an image: its digit, light on zero, cut out of the image.

    Attributes:
        values: Grey levels of the strokes, 0 to 255; 0 is background.
        left: First column of `values` in pixels of the planes.
        top: First row of `values` in pixels of the planes.
        block: Pixels of the planes per pixel of `values`, along each side.
        digit: Marks of the image, and the background that was subtracted.
        channel: Plane in which the digit was searched.
    """

    values: Float32[np.ndarray, "height width"]
    left: int
    top: int
    block: int
    digit: FoundDigit
    channel: Channel

    def in_planes(self, box: Box) -> Box:
        """Convert a box in pixels of the foreground's `values` to pixels of the planes."""
        scaled = Box(*(self.block * edge for edge in box))
        return scaled.moved(self.left, self.top)


def extract_foreground(planes: Planes) -> Foreground | None:
    """Extract the foreground of an image: find its digit, and subtract the background around it.

    Returns:
        None where nothing stands out from the background.
    """
    plane, channel = strongest_plane(planes)
    block = raster_block(plane.shape)
    digit = find_digit(block_means(plane, block))
    if digit is None:
        return None
    if digit.cropped:
        return _cut_out(plane, digit, channel, planes)
    return Foreground(_whole(digit, planes), 0, 0, 1, digit, channel)


def _whole(digit: FoundDigit, planes: Planes) -> Float32[np.ndarray, "height width"]:
    """Return the foreground of a small image: all that differs from its background."""
    return _without_floor(np.maximum(digit.residue.values, 0), digit, planes)


def _cut_out(
    plane: Shaped[np.ndarray, "height width"], digit: FoundDigit, channel: Channel, planes: Planes
) -> Foreground:
    """Cut the strokes of a digit out of its image, at the resolution that the network needs."""
    block = raster_block(plane.shape)
    rows, columns = _span(digit.mask, 0), _span(digit.mask, 1)
    # The level at a stroke's soft edges is its own; further out other marks begin.
    mask = dilated(digit.mask[rows, columns])
    background = digit.residue.background[rows, columns]
    top, left = rows.start * block, columns.start * block
    cut = plane[top : rows.stop * block, left : columns.stop * block]
    grey = cut.astype(np.float32)
    residue = (_enlarged(background, block, grey) - grey) * np.float32(digit.residue.sign)
    values = _without_floor(np.where(_enlarged(mask, block, grey), residue, 0), digit, planes)
    reduction = max(1, -(-max(values.shape) // FOREGROUND_SIDE))
    return Foreground(block_means(values, reduction), left, top, reduction, digit, channel)


def _enlarged(
    raster: Shaped[np.ndarray, "rows columns"], block: int, like: Shaped[np.ndarray, "height width"]
) -> Shaped[np.ndarray, "height width"]:
    """Return a part of a raster with `block` pixels for each one, cut to the size of an image."""
    height, width = like.shape
    # Columns first, in one copy of each row: an index of every pixel would take thrice as long.
    return raster.repeat(block, axis=1)[:, :width].repeat(block, axis=0)[:height]


def _span(mask: Bool[np.ndarray, "height width"], axis: int) -> slice:
    """Return the slice of a digit's rows or columns, with a margin."""
    occupied = np.asarray(mask.any(axis=1 - axis))
    found = np.flatnonzero(occupied)
    return slice(max(int(found[0]) - MARGIN, 0), min(int(found[-1]) + 1 + MARGIN, len(occupied)))


def _without_floor(
    residue: Float32[np.ndarray, "height width"], digit: FoundDigit, planes: Planes
) -> Float32[np.ndarray, "height width"]:
    """Subtract the floor of grain, artifacts and faint shadows from a residue, its level kept."""
    level, grain = digit.level, digit.residue.grain
    # A small clean drawing keeps its faintest edges; a larger one loses them with its specks; on a
    # grainy background a closing leaves shadows, removed only by a share of the digit's level.
    share = level / 5 if grain > 1 else level / 16 if max(residue.shape) > DRAWING_SIDE else 0.0
    floor = np.float32(min(max(4 * grain, JPEG_NOISE if planes.lossy else 0, share), level / 2))
    gain = np.float32(level) / (np.float32(level) - floor)
    return np.minimum(np.maximum(residue - floor, 0) * gain, 255)


def foreground_box(values: Float32[np.ndarray, "height width"]) -> Box | None:
    """Return the bounding box of a foreground without its faintest pixels; None where it is 0."""
    visible = values > values.max() / 32
    rows, columns = np.flatnonzero(visible.any(axis=1)), np.flatnonzero(visible.any(axis=0))
    if not len(rows):
        return None
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
