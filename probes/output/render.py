"""Figures as PNG pictures, and where in them each value stands."""

import math

import numpy as np
from jaxtyping import UInt8

from probes.figures.figures import Figure
from probes.output.drawing import canvas
from probes.output.drawing.layout import page
from probes.output.drawing.marks import Area, Block, Length, pixel, walk

MOST_PIXELS = 16_000_000
"""No picture has more pixels; one that would is drawn at the next smaller scale that fits, below 1
too. The rest of its values are then left out, not averaged: a colour always means a value."""

DEFAULT_SCALE = 1


def render(figure: Figure, scale: int = DEFAULT_SCALE) -> bytes:
    """Draw a figure as a PNG: the same figure, the same bytes.

    The pixels of a map's cell have exactly the colour that its value has in the colour map, and
    are never mixed with others (but for an overlay, which is there to be seen through). What is not
    finite is hatched, or a gap in a line.

    Args:
        figure: Any figure.
        scale: Multiplies every length, text too; 1 to 4. A picture of many maps at scale 1 is as
            large as a slide. Lowered where the picture would exceed `MOST_PIXELS`.
    """
    block = page(figure)
    return canvas.encode(canvas.paint(block, _fitting(block, scale)))


def place(figure: Figure, scale: int = DEFAULT_SCALE) -> list[Area]:
    """Return where the values of each tensor stand in the picture that `render` draws.

    Maps have one area for each tile or matrix, which their rows and columns share out evenly; bars
    one each; lines and points that of their plot.
    """
    block = page(figure)
    factor = _fitting(block, scale)
    return [_scaled(area, x, y, factor) for x, y, part in walk(block) for area in part.areas]


def _scaled(area: Area, x: Length, y: Length, factor: Length) -> Area:
    left, top = pixel((x + area.x) * factor), pixel((y + area.y) * factor)
    right = pixel((x + area.x + area.width) * factor)
    bottom = pixel((y + area.y + area.height) * factor)
    return Area(area.tensor, area.index, left, top, right - left, bottom - top)


def _fitting(block: Block, scale: Length) -> Length:
    """Return the scale, or the greatest smaller one at which the picture is not too large."""
    most = math.sqrt(MOST_PIXELS / (block.width * block.height))
    if scale <= most:
        return float(scale)
    return float(math.floor(most)) if most >= 1 else most


def picture(image: UInt8[np.ndarray, "height width"]) -> bytes:
    """Return a grey picture as a PNG of just its own pixels, without a frame."""
    return canvas.encode(np.repeat(image[..., None], 3, axis=-1))
