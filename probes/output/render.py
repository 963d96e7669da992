"""Render figures as PNG, SVG or PDF, and locate the values of each tensor in the picture."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from models.data import png
from probes.figures.figures import Figure, Slides
from probes.output.drawing import canvas
from probes.output.drawing.layout import page
from probes.output.drawing.marks import Area, Block, Length, areas_of, pixel, walk
from probes.output.drawing.pdf import pdf
from probes.output.drawing.svg import svg
from probes.output.drawing.themes import THEMES
from probes.output.style import Style

PictureFormat = Literal["png", "svg", "pdf"]

MOST_PIXELS = 16_000_000
"""Pixel limit of a rendered picture; a larger one is drawn at the next smaller scale, also below 1.
Values are then left out, not averaged, so that each colour still is that of a value."""

PAINTED_PIXEL_BYTES = 10
"""Bytes that a pixel of a rendered picture takes while it is painted and encoded: three copies."""

PLAIN = Style()
"""Style of a picture that is rendered by default."""


def render(
    figure: Figure | Slides,
    style: Style = PLAIN,
    picture_format: PictureFormat = "png",
    guard: Callable[[int], AbstractContextManager[object]] = nullcontext,
) -> bytes:
    """Render a figure as PNG, SVG or PDF; equal figures give equal bytes.

    The pixels of a cell have exactly the colour of its value in the colour map, without blending
    except in overlays. Values that are not finite are hatched, or a gap in a line.

    Args:
        figure: Any figure, or those of several inputs.
        style: Size, theme, columns and title. The size is lowered where the picture would exceed
            `MOST_PIXELS`.
        picture_format: SVG and PDF have shapes and searchable text; their maps are images of a
            pixel for each value.
        guard: Called with the bytes that painting takes; painting waits until it is entered.
    """
    figure = style.applied(figure)
    block, theme = page(figure), THEMES[style.theme]
    factor = _factor(block, style)
    match picture_format:
        case "svg":
            return svg(block, factor, theme, figure.title)
        case "pdf":
            return pdf(block, factor, theme, figure.title)
        case "png":
            pixels = int(block.width * block.height * factor**2)
            with guard(pixels * PAINTED_PIXEL_BYTES):
                return png.encode(canvas.paint(block, factor, theme))


def place(figure: Figure, scale: int = 1) -> list[Area]:
    """Return the areas of each tensor's values in the picture that `render` draws.

    Maps have one area for each tile or matrix, divided evenly into rows and columns; bars have one
    each; lines and points have the area of their plot.
    """
    # The layout is computed again, as `render` returns only the bytes of the picture.
    block = page(figure)
    factor = _factor(block, Style(scale))
    return [_scaled(area, x, y, factor) for x, y, part in walk(block) for area in areas_of(part)]


def _scaled(area: Area, x: Length, y: Length, factor: Length) -> Area:
    left, top = pixel((x + area.x) * factor), pixel((y + area.y) * factor)
    right = pixel((x + area.x + area.width) * factor)
    bottom = pixel((y + area.y + area.height) * factor)
    return Area(area.tensor, area.index, left, top, right - left, bottom - top)


def _factor(block: Block, style: Style) -> Length:
    """Return the scale to render at, or the largest smaller one within the pixel limit."""
    most = math.sqrt(MOST_PIXELS / (block.width * block.height))
    if style.width is not None:
        return min(style.width / block.width, most)
    if style.scale <= most:
        return float(style.scale)
    return float(math.floor(most)) if most >= 1 else most


def picture(image: UInt8[np.ndarray, "height width"]) -> bytes:
    """Render a grey image as PNG, pixel for pixel, without a frame."""
    return png.encode(np.repeat(image[..., None], 3, axis=-1))
