"""Canvas on Pillow: text measurement, painting of marks, PNG encoding."""

import math
from functools import cache, partial

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from models.data import png
from models.runtime.cancellation import raise_if_cancelled
from probes.output.drawing.marks import (
    RGB,
    WHITE,
    Block,
    Dot,
    Length,
    Mark,
    Picture,
    Polygon,
    Rectangle,
    Sketch,
    Stroke,
    Text,
    pixel,
    walk,
)

NAN_COLOURS: tuple[RGB, RGB] = ((236, 226, 208), (176, 152, 118))
"""Canvas's two hatch colours for values that are not finite; no colour map has them."""

_SPELLED = str.maketrans(
    {
        "−": "-", "–": "-", "—": "-", "×": "x", "→": "->", "≥": ">=", "≤": "<=", "≠": "!=",
        "∞": "inf", "Δ": "delta ", "Σ": "sum ", "σ": "sigma", "μ": "mu", "µ": "mu", "τ": "tau",
        "²": "2", "∂": "d", "∇": "grad ",
    }
)  # fmt: skip
"""Canvas's spelling of characters without a glyph in the bundled font, which show as a box."""

_SMOOTH_FROM = 6
"""Canvas's smallest supersampling scale of shapes: Pillow's lines are not antialiased."""

_SMOOTH_JOINTS = 400
"""Most points of a line with rounded joints on a canvas, which Pillow draws one by one in Python;
in longer lines the segments are too short for missing joints to be visible."""


@cache
def _font(size: Length) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):  # pragma: no cover - wheels have FreeType
        msg = "Pillow was built without FreeType, which draws the text of pictures"
        raise TypeError(msg)
    return font


@cache
def _width_of(character: str, size: int) -> Length:
    return _font(size).getlength(character)


def text_width(words: str, size: int) -> Length:
    """Return the width of text on a canvas at scale 1, without kerning: within a pixel or two."""
    return sum(_width_of(character, size) for character in words.translate(_SPELLED))


def paint(block: Block, scale: Length) -> UInt8[np.ndarray, "height width 3"]:
    """Paint a block on a white canvas at a scale."""
    size = (max(1, round(block.width * scale)), max(1, round(block.height * scale)))
    surface = Image.new("RGB", size, WHITE)
    for x, y, part in walk(block):
        for mark in part.marks:
            raise_if_cancelled()
            _paint_mark(surface, mark, x, y, scale)
    return np.asarray(surface)


def encode(pixels: UInt8[np.ndarray, "height width 3"]) -> bytes:
    """Encode the pixels of a canvas as PNG without metadata, in a fraction of Pillow's time."""
    return png.encode(pixels)


def _paint_mark(surface: Image.Image, mark: Mark, x: Length, y: Length, scale: Length) -> None:
    match mark:
        case Text():
            _paint_text(surface, mark, (x, y), scale)
        case Rectangle():
            _paint_rectangle(surface, mark, (x, y), scale)
        case Picture():
            _paint_picture(surface, mark, (x, y), scale)
        case Sketch():
            _paint_sketch(surface, mark, (x, y), scale)


def _edges(
    mark: Rectangle | Picture | Sketch, origin: tuple[Length, Length], scale: Length
) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a mark in canvas pixels, the last two exclusive."""
    x, y = origin[0] + mark.x, origin[1] + mark.y
    left, top = pixel(x * scale), pixel(y * scale)
    right, bottom = pixel((x + mark.width) * scale), pixel((y + mark.height) * scale)
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _paint_text(
    surface: Image.Image, mark: Text, origin: tuple[Length, Length], scale: Length
) -> None:
    font = _font(max(1.0, mark.size * scale))
    x, y = (origin[0] + mark.x) * scale, (origin[1] + mark.y) * scale
    words = mark.words.translate(_SPELLED)
    if not mark.upward:
        ImageDraw.Draw(surface).text((x, y), words, mark.colour, font, mark.anchor)
        return
    width, height = math.ceil(font.getlength(words)) + 2, math.ceil(mark.size * scale * 1.5)
    glyphs = Image.new("L", (width, height))
    ImageDraw.Draw(glyphs).text((width / 2, height / 2), words, 255, font, "mm")
    # Pillow draws horizontal text only: vertical text is drawn apart and rotated.
    turned = glyphs.transpose(Image.Transpose.ROTATE_90)
    surface.paste(mark.colour, (round(x - height / 2), round(y - width / 2)), turned)


def _paint_rectangle(
    surface: Image.Image, mark: Rectangle, origin: tuple[Length, Length], scale: Length
) -> None:
    left, top, right, bottom = _edges(mark, origin, scale)
    box = (left, top, right - 1, bottom - 1)  # Pillow includes the last pixel
    draw = ImageDraw.Draw(surface)
    if mark.border:
        draw.rectangle(box, outline=mark.colour, width=max(1, round(mark.border * scale)))
    else:
        draw.rectangle(box, fill=mark.colour)


def _paint_picture(
    surface: Image.Image, mark: Picture, origin: tuple[Length, Length], scale: Length
) -> None:
    left, top, right, bottom = _edges(mark, origin, scale)
    size = (right - left, bottom - top)
    enlarged = Image.fromarray(mark.pixels).resize(size, Image.Resampling.NEAREST)
    if mark.missing is not None and mark.missing.any():
        holes = Image.fromarray(mark.missing).resize(size, Image.Resampling.NEAREST)
        enlarged.paste(_hatch(size, scale), (0, 0), holes)
    cover = None
    if mark.opacity is not None:
        cover = Image.fromarray(mark.opacity).resize(size, Image.Resampling.NEAREST)
    surface.paste(enlarged, (left, top), cover)


def _hatch(size: tuple[int, int], scale: Length) -> Image.Image:
    width, height = size
    diagonal = np.arange(width)[None, :] + np.arange(height)[:, None]
    stripe = diagonal // max(1, round(2 * scale)) % 3 == 0
    return Image.fromarray(np.asarray(NAN_COLOURS, np.uint8)[stripe.astype(np.intp)])


def _paint_sketch(
    surface: Image.Image, mark: Sketch, origin: tuple[Length, Length], scale: Length
) -> None:
    left, top, right, bottom = _edges(mark, origin, scale)
    below = surface.crop((left, top, right, bottom))
    # At least 2 for antialiasing, at most 3 to bound memory.
    factor = max(2, min(3, math.ceil(_SMOOTH_FROM / scale)))
    large = below.resize((below.width * factor, below.height * factor), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(large)
    for shape in mark.shapes:
        _paint_shape(draw, shape, scale * factor)
    surface.paste(large.reduce(factor), (left, top))


def _paint_shape(draw: ImageDraw.ImageDraw, shape: Stroke | Dot | Polygon, scale: Length) -> None:
    match shape:
        case Stroke():
            corners = (shape.points * scale).ravel().tolist()
            line = partial(draw.line, corners, shape.colour, max(1, round(shape.thickness * scale)))
            line(joint="curve") if len(shape.points) <= _SMOOTH_JOINTS else line()
        case Dot():
            middle, radius = (shape.x * scale, shape.y * scale), shape.radius * scale
            draw.circle(middle, radius, fill=shape.colour)
        case Polygon():
            draw.polygon((shape.points * scale).ravel().tolist(), fill=shape.colour)
