"""Render figures as PNG, and locate the values of each tensor in the picture."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np
from jaxtyping import UInt8

from probes.figures.figures import Figure
from probes.output.drawing import canvas
from probes.output.drawing.layout import page
from probes.output.drawing.marks import Area, Block, Length, pixel, walk

MOST_PIXELS = 16_000_000
"""Pixel limit of a rendered picture; a larger one is drawn at the next smaller scale, also below 1.
Values are then left out, not averaged, so that each colour still is that of a value."""

PAINTED_PIXEL_BYTES = 10
"""Bytes that a pixel of a rendered picture takes while it is painted and encoded: three copies."""

DEFAULT_SCALE = 1


def render(
    figure: Figure,
    scale: int = DEFAULT_SCALE,
    guard: Callable[[int], AbstractContextManager[object]] = nullcontext,
) -> bytes:
    """Render a figure as PNG; equal figures give equal bytes.

    The pixels of a cell have exactly the colour of its value in the colour map, without blending
    except in overlays. Values that are not finite are hatched, or a gap in a line.

    Args:
        figure: Any figure.
        scale: Factor of all lengths, text included; 1 to 4. Lowered where the picture would exceed
            `MOST_PIXELS`.
        guard: Called with the bytes that painting takes; painting waits until it is entered.
    """
    block = page(figure)
    factor = _fitting(block, scale)
    pixels = int(block.width * block.height * factor**2)
    with guard(pixels * PAINTED_PIXEL_BYTES):
        return canvas.encode(canvas.paint(block, factor))


def place(figure: Figure, scale: int = DEFAULT_SCALE) -> list[Area]:
    """Return the areas of each tensor's values in the picture that `render` draws.

    Maps have one area for each tile or matrix, divided evenly into rows and columns; bars have one
    each; lines and points have the area of their plot.
    """
    # The layout is computed again, as `render` returns only the bytes of the picture.
    block = page(figure)
    factor = _fitting(block, scale)
    return [_scaled(area, x, y, factor) for x, y, part in walk(block) for area in part.areas]


def _scaled(area: Area, x: Length, y: Length, factor: Length) -> Area:
    left, top = pixel((x + area.x) * factor), pixel((y + area.y) * factor)
    right = pixel((x + area.x + area.width) * factor)
    bottom = pixel((y + area.y + area.height) * factor)
    return Area(area.tensor, area.index, left, top, right - left, bottom - top)


def _fitting(block: Block, scale: Length) -> Length:
    """Return the scale to render at, or the largest smaller one within the pixel limit."""
    most = math.sqrt(MOST_PIXELS / (block.width * block.height))
    if scale <= most:
        return float(scale)
    return float(math.floor(most)) if most >= 1 else most


def picture(image: UInt8[np.ndarray, "height width"]) -> bytes:
    """Render a grey image as PNG, pixel for pixel, without a frame."""
    return canvas.encode(np.repeat(image[..., None], 3, axis=-1))
