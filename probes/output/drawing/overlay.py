"""Drawing of overlays: a map over the image that it was computed from."""

from dataclasses import replace

import numpy as np
from jaxtyping import UInt8

from probes.figures.colormaps import DIVERGING
from probes.figures.figures import Box, Overlay, Tensor
from probes.output.drawing.axes import frame
from probes.output.drawing.colour_bar import colour_bar
from probes.output.drawing.marks import RGB, WHITE, Area, Block, Mark, Picture, Rectangle, outline
from probes.output.drawing.room import AMPLE, Room
from probes.output.drawing.shading import (
    Shaded,
    colour_rule,
    is_photograph,
    one_channel,
    shade,
)

_HIGHER = 20
"""Pixels by which an overlay may be higher than the rows of a heatmap."""
_DARK: RGB = (20, 20, 20)


def overlay_block(figure: Overlay, room: Room = AMPLE) -> Block:
    """Draw an overlay: the image in grey or in RGB, the map over it, and the boxes."""
    below, above = _flat(one_channel(figure.picture)), _flat(figure.tensor)
    rows, columns = below.values.shape
    cell = max(1, (room.rows + _HIGHER) // max(rows, columns))
    size = (columns * cell, rows * cell)
    grey, shaded = _ground(figure.picture, below), shade(above)
    marks: list[Mark] = [
        outline(0, 0, *size),
        Picture(0, 0, *size, grey.pixels, grey.missing),
        Picture(0, 0, *size, shaded.pixels, shaded.missing, _opacity(shaded)),
    ]
    for box in figure.boxes:
        marks += _around(box, (rows, columns), cell)
    areas = tuple(Area(each.name, (), 0, 0, *size) for each in (below, above))
    data = Block(*size, tuple(marks), areas)
    return frame(data, None, None, colour_bar(shaded, size[1]))


def _ground(picture: Tensor, grey: Tensor) -> Shaded:
    """Shade the image below an overlay's map in grey; RGB pictures have their own colours."""
    if is_photograph(picture):
        return shade(picture)
    return shade(replace(grey, colour=replace(colour_rule(grey), map="gray")))


def _flat(tensor: Tensor) -> Tensor:
    """Return the map that an overlay draws: a tensor's first along y and x or its last two axes."""
    values, axes = tensor.values, list(tensor.axes)
    if {"y", "x"} <= set(axes):
        values = np.moveaxis(values, (axes.index("y"), axes.index("x")), (-2, -1))
    flat = values.reshape(-1, *values.shape[-2:])[0]
    colour = tensor.colour
    if colour and isinstance(colour.vmin, tuple) and isinstance(colour.vmax, tuple):
        colour = replace(colour, vmin=colour.vmin[0], vmax=colour.vmax[0])
    return Tensor(tensor.name, tensor.kind, ("y", "x"), flat, colour=colour)


def _opacity(shaded: Shaded) -> UInt8[np.ndarray, "rows columns"]:
    """Return an overlay's opacity: low near the map's low end, or near zero for signed values."""
    positions = shaded.positions
    strength = np.abs(2 * positions - 1) if shaded.colour.map == DIVERGING else positions
    # Values that are not finite are hatched, which must be visible.
    covered = np.where(shaded.missing, 1.0, strength)
    return np.round(255 * (0.15 + 0.65 * covered)).astype(np.uint8)


def _around(box: Box, shape: tuple[int, int], cell: int) -> list[Mark]:
    """Draw a box of an overlay as a light line in a dark one, visible on any colour, clipped."""
    top, left = max(box.top, 0), max(box.left, 0)
    bottom, right = min(box.bottom, shape[0] - 1) + 1, min(box.right, shape[1] - 1) + 1
    if top >= bottom or left >= right:
        return []
    x, y, width, height = left * cell, top * cell, (right - left) * cell, (bottom - top) * cell
    return [
        Rectangle(x - 1, y - 1, width + 2, height + 2, _DARK, border=4),
        Rectangle(x, y, width, height, WHITE, border=2),
    ]
