"""Canvas on Pillow: painting of marks as pixels."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8, UInt16
from numpy.lib.stride_tricks import as_strided
from PIL import Image, ImageDraw

from models.data import png
from models.runtime.cancellation import raise_if_cancelled
from probes.output.drawing.frames import MOST_PIXELS, Pixels, Placed, begin
from probes.output.drawing.marks import (
    RGB,
    Block,
    Dot,
    Group,
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
            case Group():
                for one in mark.marks:
                    self.paint(one, origin)
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
            area = self.pixels[max(top, 0) : bottom, max(left, 0) : right]
            if area.size:
                # A row is copied faster than a colour is repeated.
                line = np.frombuffer(bytes(colour) * area.shape[1], np.uint8)
                area[...] = line.reshape(-1, 3)

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
        rows, columns, _ = mark.pixels.shape
        is_whole = not (size[0] % columns or size[1] % rows or mark.opacity is not None)
        missing = mark.missing if mark.missing is not None and mark.missing.any() else None
        if is_whole and missing is None and self._contains((left, top), (right, bottom)):
            wide = mark.pixels.repeat(size[0] // columns, axis=1)
            self._tile_row((left, top), 0, wide.reshape(1, rows, -1), size[1] // rows)
            return
        enlarged = Image.fromarray(mark.pixels).resize(size, Image.Resampling.NEAREST)
        if missing is not None:
            holes = Image.fromarray(missing).resize(size, Image.Resampling.NEAREST)
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
        """Paint maps, a row at once where each value is a square of the same whole size."""
        low = mark.corners + np.asarray(origin)
        high = low + np.asarray((mark.width, mark.height))
        starts, ends = (
            np.floor(places * self.scale + 0.5).astype(np.int64) for places in (low, high)
        )
        sizes = ends - starts
        wide, tall = sizes[0].tolist()
        count, rows, columns = mark.missing.shape
        is_whole = float(self.scale).is_integer() and not (tall % rows or wide % columns)
        border = int(self.scale) * mark.outlined
        box = (starts.min(axis=0) - border).tolist(), (ends.max(axis=0) + border).tolist()
        is_whole &= self._contains(*box) and bool((sizes == sizes[0]).all())
        if not is_whole or mark.missing.any():
            for tile in mark.tiles():
                self.paint(tile, origin)
            return
        tiles = mark.colours.widened(columns, wide // columns).reshape(count, rows, -1)
        corners = starts.tolist()
        for first, last, pitch in _in_rows(corners):
            left, top = corners[first]
            if border:
                frame = bytes(self.theme.rgb("frame")) * (wide + 2 * border)
                line = np.frombuffer(frame, np.uint8).reshape(1, 1, -1)
                outlines = np.broadcast_to(line, (last - first, 1, line.size))
                around = (left - border, top - border)
                self._tile_row(around, pitch, outlines, tall + 2 * border)
            self._tile_row((left, top), pitch, tiles[first:last], tall // rows)

    def _contains(self, start: Sequence[int], end: Sequence[int]) -> bool:
        """Tell whether a box, by its upper left and lower right corners, is on the canvas."""
        height, width, _ = self.pixels.shape
        return bool(start[0] >= 0 and start[1] >= 0 and end[0] <= width and end[1] <= height)

    def _tile_row(
        self,
        corner: tuple[int, int],
        pitch: int,
        tiles: UInt8[np.ndarray, "tiles rows bytes"],
        down: int,
    ) -> None:
        """Paint tiles beside each other, from a corner that they have inside of the canvas.

        Args:
            corner: Left and top of the first.
            pitch: Distance of the left sides of two.
            tiles: Rows of pixels of each tile.
            down: Rows of the canvas for each row of pixels.
        """
        count, rows, size = tiles.shape
        below, right, _ = self.pixels.strides
        place = as_strided(
            self.pixels[corner[1] :, corner[0] :],
            (count, rows, down, size),
            (pitch * right, down * below, below, 1),
        )
        place[...] = tiles[:, :, None]

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


def _in_rows(corners: list[list[int]]) -> Iterator[tuple[int, int, int]]:
    """Split tiles into rows of equal distances: of each the first, the end and the distance."""
    first = 0
    for at in range(1, len(corners) + 1):
        if at < len(corners):
            step = corners[at][0] - corners[at - 1][0]
            is_level = corners[at][1] == corners[first][1]
            if at == first + 1:
                pitch = step
            if is_level and step == pitch > 0:
                continue
        yield first, at, pitch if at > first + 1 else 0
        first = at


def _hatch(size: tuple[int, int], scale: Length) -> Image.Image:
    width, height = size
    diagonal = np.arange(width)[None, :] + np.arange(height)[:, None]
    stripe = diagonal // max(1, round(2 * scale)) % 3 == 0
    return Image.fromarray(np.asarray(NAN_COLOURS, np.uint8)[stripe.astype(np.intp)])
