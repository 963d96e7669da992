"""Canvas on Pillow: painting of marks as pixels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from models.data import png
from models.runtime.cancellation import raise_if_cancelled
from probes.output.drawing.glyphs import Glyphs, Run, glyphs_of, pixel_of, upward_of
from probes.output.drawing.grids import Places, in_grids
from probes.output.drawing.marks import (
    RGB,
    Block,
    Boxes,
    Group,
    Length,
    Maps,
    Mark,
    Picture,
    Rectangle,
    Sketch,
    Text,
    edges,
    size_of,
    walk,
)
from probes.output.drawing.patches import MOST_PIXELS, PATCHES, Patch
from probes.output.drawing.sketches import paint_shapes
from probes.output.drawing.text import FAMILY, font, runs, spelled
from probes.output.drawing.themes import NAN_COLOURS, Theme

Pixels = UInt8[np.ndarray, "height width 3"]
Origin = tuple[Length, Length]
Slices = tuple[slice, slice]


def paint(block: Block, scale: Length, theme: Theme) -> Pixels:
    """Paint a block at a scale on a canvas, which the PNG encoder takes without a copy."""
    width, height = size_of(block, scale)
    canvas = _Canvas(png.canvas(height, width, theme.rgb("ground")), float(scale), theme)
    for x, y, part in walk(block):
        for mark in part.marks:
            raise_if_cancelled()
            canvas.paint(mark, (x, y))
    return canvas.pixels


@dataclass(frozen=True)
class _Canvas:
    """Canvas of one picture: its pixels, its scale and its theme."""

    pixels: Pixels
    scale: float
    theme: Theme

    @cached_property
    def rows(self) -> UInt8[np.ndarray, "height bytes"]:
        """Bytes of each row of the canvas."""
        return self.pixels.reshape(len(self.pixels), -1)

    def paint(self, mark: Mark, origin: Origin) -> None:
        """Paint a mark of a block on the canvas."""
        match mark:
            case Text():
                self._text(mark, origin)
            case Rectangle():
                self._rectangle(mark, origin)
            case Boxes():
                self._boxes(mark, origin)
            case Picture():
                self._picture(mark, origin)
            case Maps():
                self._maps(mark, origin)
            case Group():
                self._group(mark, origin)
            case Sketch():
                self._sketch(mark, origin)

    def _group(self, mark: Group, origin: Origin) -> None:
        """Paint a group, from its third use on as a patch where nothing is below it."""
        x, y = origin[0] * self.scale, origin[1] * self.scale
        # Upward text is rounded to even pixels.
        step = 2 if mark.has_upward else 1
        left, top = step * math.floor(x / step), step * math.floor(y / step)
        inside = x - left, y - top
        key = mark, *inside, self.scale, self.theme
        # At other scales a length may be rounded another way at another place.
        has_patch = bool(mark.marks) and self.scale.is_integer()
        patch = PATCHES.get(key, lambda: self._patch(mark, inside)) if has_patch else None
        if patch is None or not self._stamped(patch, left, top):
            for one in mark.marks:
                self.paint(one, origin)

    def _patch(self, mark: Group, origin: Origin) -> Patch | None:
        """Paint a group on a canvas of its own, at an origin in its first pixels, and cut it out.

        Returns:
            None of a large group.
        """
        sides = np.asarray([_reach(one, self.scale) for one in mark.marks])
        left, top = (2 * np.floor(sides[:, :2].min(axis=0) / 2)).astype(int).tolist()
        right, bottom = np.ceil(sides[:, 2:].max(axis=0)).astype(int).tolist()
        height, width = bottom - top + 2, right - left + 2
        if height * width > MOST_PIXELS:
            return None
        ground = self.theme.rgb("ground")
        pixels = png.canvas(height, width, ground)
        canvas = _Canvas(pixels, self.scale, self.theme)
        place = (origin[0] - left) / self.scale, (origin[1] - top) / self.scale
        for one in mark.marks:
            canvas.paint(one, place)
        is_ink = (pixels != np.asarray(ground, np.uint8)).any(axis=2)
        is_ink[0, 0] |= not is_ink.any()  # as of a title that is a space
        inked = np.flatnonzero(is_ink.any(axis=1)), np.flatnonzero(is_ink.any(axis=0))
        (first, last), (start, end) = ((int(each[0]), int(each[-1]) + 1) for each in inked)
        rows = canvas.rows[first:last, 3 * start : 3 * end].copy()
        return Patch(left + start, top + first, rows)

    def _stamped(self, patch: Patch, left: int, top: int) -> bool:
        """Paint a patch where the canvas is empty, and tell whether it is."""
        height, size = patch.rows.shape
        left, top = left + patch.left, top + patch.top
        if not self._contains((left, top), (left + size // 3, top + height)):
            return False
        here = self.rows[top : top + height, 3 * left : 3 * left + size]
        is_empty = bool((here == _line(self.theme.rgb("ground"), size // 3)).all())
        if is_empty:
            here[...] = patch.rows
        return is_empty

    def _text(self, mark: Text, origin: Origin) -> None:
        size, colour = max(1.0, mark.size * self.scale), self.theme.rgb(mark.colour)
        x, y = (origin[0] + mark.x) * self.scale, (origin[1] + mark.y) * self.scale
        words = spelled(mark.words)
        if not mark.upward:
            self._line((x, y), words, mark, size)
            return
        turned, (wide, high) = upward_of(words, size, colour)
        self._blend(turned, round(x - wide / 2), round(y - high / 2))

    def _line(self, place: Origin, words: str, mark: Text, size: Length) -> None:
        """Paint a line of text, signs in a font of their own."""
        colour, parts = self.theme.rgb(mark.colour), runs(words)
        if len(parts) == 1 and parts[0][0] == FAMILY:
            self._run(place, Run(words, size, FAMILY, mark.anchor), colour)
            return
        faces = [font(size, family) for family, _ in parts]
        widths = [face.getlength(part) for face, (_, part) in zip(faces, parts, strict=True)]
        x, y = place
        x -= {"l": 0.0, "m": 0.5, "r": 1.0}[mark.anchor[0]] * sum(widths)
        ascent, descent = font(size).getmetrics()
        for (family, part), width in zip(parts, widths, strict=True):
            self._run((x, y + (ascent - descent) / 2), Run(part, size, family, "ls"), colour)
            x += width

    def _run(self, place: Origin, run: Run, colour: RGB) -> None:
        self._blend(glyphs_of(run, colour), *pixel_of(place))

    def _blend(self, glyphs: Glyphs, x: int, y: int) -> None:
        """Blend drawn text into the canvas as Pillow does: (a · b + 128) / 255 of each part."""
        height, size = glyphs.kept.shape
        (down, across), (rows, columns) = self._inside(
            x + glyphs.left, y + glyphs.top, (height, size // 3)
        )
        here, there = (down, _bytes(across)), (rows, _bytes(columns))
        blended = glyphs.kept[there] * self.rows[here]
        blended += glyphs.added[there]
        blended += blended >> 8
        blended >>= 8
        self.rows[here] = blended

    def _inside(self, left: int, top: int, shape: tuple[int, int]) -> tuple[Slices, Slices]:
        """Return the part of the canvas that an image covers, and the part of the image."""
        height, width, _ = self.pixels.shape
        right, bottom = min(left + shape[1], width), min(top + shape[0], height)
        x, y = max(left, 0), max(top, 0)
        here = slice(y, max(bottom, y)), slice(x, max(right, x))
        return here, (slice(y - top, here[0].stop - top), slice(x - left, here[1].stop - left))

    def _put(self, left: int, top: int, image: Pixels) -> None:
        here, there = self._inside(left, top, image.shape[:2])
        self.pixels[here] = image[there]

    def _fill(self, left: int, top: int, right: int, bottom: int, colour: RGB) -> None:
        left, right = max(left, 0), min(right, self.pixels.shape[1])
        if right > left and bottom > 0:
            # A row is copied faster than a colour is repeated.
            self.rows[max(top, 0) : bottom, 3 * left : 3 * right] = _line(colour, right - left)

    def _boxes(self, mark: Boxes, origin: Origin) -> None:
        starts = mark.places[:, :2] + np.asarray(origin)
        ends = starts + mark.places[:, 2:]
        first, last = (
            np.floor(corners * self.scale + 0.5).astype(np.int64) for corners in (starts, ends)
        )
        sides = np.concatenate([first, np.maximum(last, first + 1)], axis=1)
        colours = {colour: self.theme.rgb(colour) for colour in frozenset(mark.colours)}
        for (left, top, right, bottom), colour in zip(sides.tolist(), mark.colours, strict=True):
            self._fill(left, top, right, bottom, colours[colour])

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
            alone = Places(left, top)
            self._tiles(alone, (rows, size[1] // rows), wide.reshape(1, 1, rows, 1, -1))
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
        here, there = self._inside(left, top, (bottom - top, right - left))
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
        is_whole = self.scale.is_integer() and not (tall % rows or wide % columns)
        border = int(self.scale) * mark.outlined
        box = (starts.min(axis=0) - border).tolist(), (ends.max(axis=0) + border).tolist()
        is_whole &= self._contains(*box) and bool((sizes == sizes[0]).all())
        if not is_whole or mark.missing.any():
            for tile in mark.parts():
                self.paint(tile, origin)
            return
        tiles = mark.colours.widened(columns, wide // columns).reshape(count, rows, -1)
        line = _line(self.theme.rgb("frame"), wide + 2 * border)
        for first, last, places in in_grids(starts.tolist()):
            if border:
                around = places._replace(left=places.left - border, top=places.top - border)
                self._tiles(around, (1, tall + 2 * border), line)
            shape = places.down, places.across, rows, 1, -1
            self._tiles(places, (rows, tall // rows), tiles[first:last].reshape(shape))

    def _contains(self, start: Sequence[int], end: Sequence[int]) -> bool:
        """Tell whether a box, by its upper left and lower right corners, is on the canvas."""
        height, width, _ = self.pixels.shape
        return bool(start[0] >= 0 and start[1] >= 0 and end[0] <= width and end[1] <= height)

    def _tiles(
        self, places: Places, heights: tuple[int, int], lines: UInt8[np.ndarray, "..."]
    ) -> None:
        """Paint tiles in a grid, which are inside of the canvas.

        Args:
            places: Places of the tiles.
            heights: Rows of pixels of a tile, and rows of the canvas for each of them.
            lines: Bytes of the rows of pixels, of each tile or the same for all.
        """
        below, right, _ = self.pixels.strides
        grid: UInt8[np.ndarray, "down across rows times bytes"] = np.ndarray(
            (places.down, places.across, *heights, lines.shape[-1]),
            np.uint8,
            self.pixels.base,
            1 + places.top * below + places.left * right,
            (places.drop * below, places.pitch * right, heights[1] * below, below, 1),
        )
        grid[...] = lines

    def _sketch(self, mark: Sketch, origin: Origin) -> None:
        left, top, right, bottom = edges(mark, origin, self.scale)
        here, there = self._inside(left, top, (bottom - top, right - left))
        size = right - left, bottom - top
        paint_shapes(self.pixels[here], there, size, mark.shapes, self.scale, self.theme)


def _reach(mark: Mark, scale: Length) -> tuple[Length, Length, Length, Length]:
    """Return sides, in pixels, that are outside of a text, a rectangle or a picture of a group."""
    match mark:
        case Text():
            # Words are anchored at one end or in the middle, and no letter is wider than high.
            reach = max(1.0, mark.size * scale) * (len(mark.words) + 2)
            x, y = mark.x * scale, mark.y * scale
            return x - reach, y - reach, x + reach, y + reach
        case Rectangle() | Picture():
            left, top = mark.x * scale, mark.y * scale
            right, bottom = (mark.x + mark.width) * scale, (mark.y + mark.height) * scale
            return left - 2, top - 2, right + 2, bottom + 2
    msg = f"a group has no {type(mark).__name__}"
    raise TypeError(msg)


def _bytes(columns: slice) -> slice:
    """Return the bytes of a row of a canvas that columns have."""
    return slice(3 * columns.start, 3 * columns.stop)


@lru_cache(256)
def _line(colour: RGB, width: int) -> UInt8[np.ndarray, " bytes"]:
    """Return a row of a canvas in one colour."""
    return np.frombuffer(bytes(colour) * width, np.uint8)


def _hatch(size: tuple[int, int], scale: Length) -> Image.Image:
    width, height = size
    diagonal = np.arange(width)[None, :] + np.arange(height)[:, None]
    stripe = diagonal // max(1, round(2 * scale)) % 3 == 0
    return Image.fromarray(np.asarray(NAN_COLOURS, np.uint8)[stripe.astype(np.intp)])
