"""Canvas on Pillow: painting of marks as pixels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8, UInt16
from PIL import Image, ImageDraw

from models.data import png
from models.runtime.cancellation import raise_if_cancelled
from probes.output.drawing.frames import MOST_PIXELS, Pixels, Placed, begin
from probes.output.drawing.marks import (
    RGB,
    Block,
    Dot,
    Length,
    Maps,
    Mark,
    Picture,
    Polygon,
    Rectangle,
    Sketch,
    Stroke,
    Text,
    edges,
    walk,
)
from probes.output.drawing.text import FAMILY, Family, font, runs, spelled
from probes.output.drawing.themes import NAN_COLOURS, Theme

Origin = tuple[Length, Length]
Slices = tuple[slice, slice]

_SMOOTH_FROM = 6
"""Canvas's smallest supersampling scale of shapes: Pillow's lines are not antialiased."""

_SMOOTH_JOINTS = 400
"""Most points of a line with rounded joints on a canvas, which Pillow draws one by one in Python;
in longer lines the segments are too short for missing joints to be visible."""


def paint(block: Block, scale: Length, theme: Theme) -> Pixels:
    """Paint a block at a scale on a canvas, which the PNG encoder takes without a copy."""
    height, width = max(1, round(block.height * scale)), max(1, round(block.width * scale))

    def painted(marks: Sequence[Placed], pixels: Pixels | None = None) -> Pixels:
        pixels = png.canvas(height, width, theme.rgb("ground")) if pixels is None else pixels
        canvas = _Canvas(pixels, float(scale), theme)
        for x, y, mark in marks:
            raise_if_cancelled()
            canvas.paint(mark, (x, y))
        return pixels

    if height * width > MOST_PIXELS:
        return painted([(x, y, mark) for x, y, part in walk(block) for mark in part.marks])
    begun = begin((height, width, scale, theme), block, painted)
    return painted(begun.rest, begun.pixels)


class _Run(NamedTuple):
    """Run of text in one font, at an anchor as of Pillow."""

    words: str
    size: Length
    family: Family
    anchor: str


class _Glyphs(NamedTuple):
    """Drawn run of text: kept share of the canvas below, added ink, and place at the anchor.

    Sixteen bits hold their sum: opacity and kept share are 255 together.
    """

    left: int
    top: int
    kept: UInt16[np.ndarray, "height width 1"]
    added: UInt16[np.ndarray, "height width 3"]


def _glyphs(run: _Run, right: Length, down: Length, colour: RGB) -> _Glyphs:
    """Draw a run of text, short ones once for all canvases.

    Args:
        right: Part of a pixel by which the anchor is right of one.
        down: Part of a pixel by which it is below one.
    """
    is_kept = len(run.words) <= _MOST_KEPT_CHARACTERS and run.size <= _MOST_KEPT_SIZE
    return (_kept_glyphs if is_kept else _drawn)(run, right, down, colour)


def _drawn(run: _Run, right: Length, down: Length, colour: RGB) -> _Glyphs:
    # Twice the room of any text, as it is cheaper than to measure it before it is drawn.
    half = math.ceil(run.size * (len(run.words) + 2))
    high = 2 * math.ceil(run.size)
    glyphs = Image.new("L", (2 * half, 2 * high))
    place, face = (half + right, high + down), font(run.size, run.family)
    ImageDraw.Draw(glyphs).text(place, run.words, 255, face, run.anchor)
    return _inked(-half, -high, glyphs, colour)


def _upward(words: str, size: Length, colour: RGB) -> tuple[_Glyphs, tuple[int, int]]:
    """Draw text upward, and return the size of its box too; short text once for all canvases."""
    is_kept = len(words) <= _MOST_KEPT_CHARACTERS and size <= _MOST_KEPT_SIZE
    return (_kept_upward if is_kept else _turned)(words, size, colour)


def _turned(words: str, size: Length, colour: RGB) -> tuple[_Glyphs, tuple[int, int]]:
    face = font(size)
    width, height = math.ceil(face.getlength(words)) + 2, math.ceil(size * 1.5)
    glyphs = Image.new("L", (width, height))
    ImageDraw.Draw(glyphs).text((width / 2, height / 2), words, 255, face, "mm")
    # Pillow draws horizontal text only: vertical text is drawn apart and rotated.
    turned = glyphs.transpose(Image.Transpose.ROTATE_90)
    return _inked(0, 0, turned, colour), turned.size


def _inked(left: int, top: int, glyphs: Image.Image, colour: RGB) -> _Glyphs:
    """Return drawn text in a colour, cut to its ink."""
    box = glyphs.getbbox() or (0, 0, 1, 1)
    opacity = np.asarray(glyphs.crop(box)).astype(np.uint16)[..., None]
    added = opacity * np.asarray(colour, np.uint16) + np.uint16(128)
    return _Glyphs(left + box[0], top + box[1], np.uint16(255) - opacity, added)


_MOST_KEPT_CHARACTERS, _MOST_KEPT_SIZE = 24, 26
"""Longest and largest text whose glyphs are kept: a number, a label, a title at scale 1."""

_kept_glyphs = lru_cache(2048)(_drawn)
_kept_upward = lru_cache(256)(_turned)


@dataclass(frozen=True)
class _Canvas:
    """Canvas of one picture: its pixels, its scale and its theme."""

    pixels: Pixels
    scale: Length
    theme: Theme

    def paint(self, mark: Mark, origin: Origin) -> None:
        """Paint a mark of a block on the canvas."""
        match mark:
            case Text():
                self._text(mark, origin)
            case Rectangle():
                self._rectangle(mark, origin)
            case Picture():
                self._picture(mark, origin)
            case Maps():
                self._maps(mark, origin)
            case Sketch():
                self._sketch(mark, origin)

    def _text(self, mark: Text, origin: Origin) -> None:
        size, colour = max(1.0, mark.size * self.scale), self.theme.rgb(mark.colour)
        x, y = (origin[0] + mark.x) * self.scale, (origin[1] + mark.y) * self.scale
        words = spelled(mark.words)
        if not mark.upward:
            self._line((x, y), words, mark, size)
            return
        turned, (wide, high) = _upward(words, size, colour)
        self._blend(turned, round(x - wide / 2), round(y - high / 2))

    def _line(self, place: Origin, words: str, mark: Text, size: Length) -> None:
        """Paint a line of text, signs in a font of their own."""
        colour, parts = self.theme.rgb(mark.colour), runs(words)
        if len(parts) == 1 and parts[0][0] == FAMILY:
            self._run(place, _Run(words, size, FAMILY, mark.anchor), colour)
            return
        faces = [font(size, family) for family, _ in parts]
        widths = [face.getlength(part) for face, (_, part) in zip(faces, parts, strict=True)]
        x, y = place
        x -= {"l": 0.0, "m": 0.5, "r": 1.0}[mark.anchor[0]] * sum(widths)
        ascent, descent = font(size).getmetrics()
        for (family, part), width in zip(parts, widths, strict=True):
            self._run((x, y + (ascent - descent) / 2), _Run(part, size, family, "ls"), colour)
            x += width

    def _run(self, place: Origin, run: _Run, colour: RGB) -> None:
        left, top = math.floor(place[0]), math.floor(place[1])
        self._blend(_glyphs(run, place[0] - left, place[1] - top, colour), left, top)

    def _blend(self, glyphs: _Glyphs, x: int, y: int) -> None:
        """Blend drawn text into the canvas as Pillow does: (a · b + 128) / 255 of each part."""
        here, there = self._inside(x + glyphs.left, y + glyphs.top, glyphs.kept.shape)
        blended = glyphs.kept[there] * self.pixels[here] + glyphs.added[there]
        self.pixels[here] = (blended + (blended >> 8)) >> 8

    def _inside(self, left: int, top: int, shape: tuple[int, ...]) -> tuple[Slices, Slices]:
        """Return the part of the canvas that an image covers, and the part of the image."""
        height, width, _ = self.pixels.shape
        right, bottom = min(left + shape[1], width), min(top + shape[0], height)
        x, y = max(left, 0), max(top, 0)
        here = slice(y, max(bottom, y)), slice(x, max(right, x))
        return here, (slice(y - top, here[0].stop - top), slice(x - left, here[1].stop - left))

    def _put(self, left: int, top: int, image: Pixels) -> None:
        here, there = self._inside(left, top, image.shape)
        self.pixels[here] = image[there]

    def _fill(self, left: int, top: int, right: int, bottom: int, colour: RGB) -> None:
        if right > 0 and bottom > 0:
            self.pixels[max(top, 0) : bottom, max(left, 0) : right] = colour

    def _rectangle(self, mark: Rectangle, origin: Origin) -> None:
        left, top, right, bottom = edges(mark, origin, self.scale)
        colour = self.theme.rgb(mark.colour)
        if not mark.border:
            self._fill(left, top, right, bottom, colour)
            return
        border = max(1, round(mark.border * self.scale))
        self._fill(left, top, right, min(top + border, bottom), colour)
        self._fill(left, max(bottom - border, top), right, bottom, colour)
        self._fill(left, top, min(left + border, right), bottom, colour)
        self._fill(max(right - border, left), top, right, bottom, colour)

    def _picture(self, mark: Picture, origin: Origin) -> None:
        left, top, right, bottom = edges(mark, origin, self.scale)
        size = (right - left, bottom - top)
        enlarged = Image.fromarray(mark.pixels).resize(size, Image.Resampling.NEAREST)
        if mark.missing is not None and mark.missing.any():
            holes = Image.fromarray(mark.missing).resize(size, Image.Resampling.NEAREST)
            enlarged.paste(_hatch(size, self.scale), (0, 0), holes)
        if mark.opacity is not None:
            cover = Image.fromarray(mark.opacity).resize(size, Image.Resampling.NEAREST)
            below = self._copy(left, top, right, bottom)
            below.paste(enlarged, (0, 0), cover)
            enlarged = below
        self._put(left, top, np.asarray(enlarged))

    def _copy(self, left: int, top: int, right: int, bottom: int) -> Image.Image:
        """Copy a part of the canvas; black where it is outside."""
        found = np.zeros((bottom - top, right - left, 3), np.uint8)
        here, there = self._inside(left, top, found.shape)
        found[there] = self.pixels[here]
        return Image.fromarray(found)

    def _maps(self, mark: Maps, origin: Origin) -> None:
        """Paint maps, all at once where each value is a square of the same whole size."""
        boxes = [edges(one, origin, self.scale) for one in mark.pictures()]
        _, rows, columns, _ = mark.pixels.shape
        sizes = {(bottom - top, right - left) for left, top, right, bottom in boxes}
        is_whole = float(self.scale).is_integer() and len(sizes) == 1
        is_whole &= not any(high % rows or wide % columns for high, wide in sizes)
        if not is_whole or mark.missing.any():
            self._each(mark, origin)
        else:
            ((high, wide),) = sizes
            large = mark.pixels.repeat(high // rows, axis=1).repeat(wide // columns, axis=2)
            self._joined([(left, top) for left, top, _, _ in boxes], large, mark.outlined)

    def _each(self, mark: Maps, origin: Origin) -> None:
        for tile in mark.tiles():
            self.paint(tile, origin)

    def _joined(
        self,
        corners: list[tuple[int, int]],
        tiles: UInt8[np.ndarray, "tiles height width 3"],
        outlined: bool,
    ) -> None:
        """Paint tiles at corners as one image."""
        border = int(self.scale) * outlined
        _, high, wide, _ = tiles.shape
        frame = self.theme.rgb("frame")
        for (x, y), tile in zip(corners, tiles, strict=True):
            if border:
                self._fill(x - border, y - border, x + wide + border, y + high + border, frame)
            self._put(x, y, tile)

    def _sketch(self, mark: Sketch, origin: Origin) -> None:
        left, top, right, bottom = edges(mark, origin, self.scale)
        below = self._copy(left, top, right, bottom)
        # At least 2 for antialiasing, at most 3 to bound memory.
        factor = max(2, min(3, math.ceil(_SMOOTH_FROM / self.scale)))
        size = (below.width * factor, below.height * factor)
        large = below.resize(size, Image.Resampling.NEAREST)
        draw = ImageDraw.Draw(large)
        for shape in mark.shapes:
            self._shape(draw, shape, self.scale * factor)
        self._put(left, top, np.asarray(large.reduce(factor)))

    def _shape(
        self, draw: ImageDraw.ImageDraw, shape: Stroke | Dot | Polygon, scale: Length
    ) -> None:
        colour = self.theme.rgb(shape.colour)
        match shape:
            case Stroke():
                corners = (shape.points * scale).ravel().tolist()
                line = partial(draw.line, corners, colour, max(1, round(shape.thickness * scale)))
                line(joint="curve") if len(shape.points) <= _SMOOTH_JOINTS else line()
            case Dot():
                draw.circle((shape.x * scale, shape.y * scale), shape.radius * scale, fill=colour)
            case Polygon():
                draw.polygon((shape.points * scale).ravel().tolist(), fill=colour)


def _hatch(size: tuple[int, int], scale: Length) -> Image.Image:
    width, height = size
    diagonal = np.arange(width)[None, :] + np.arange(height)[:, None]
    stripe = diagonal // max(1, round(2 * scale)) % 3 == 0
    return Image.fromarray(np.asarray(NAN_COLOURS, np.uint8)[stripe.astype(np.intp)])
