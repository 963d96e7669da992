"""Marks and blocks: the elements of a picture before it is painted."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, UInt8

RGB = tuple[int, int, int]
Length = float | int
"""Length of a mark in pixels at scale 1; int is named for the tests' run-time type checks."""

Shade = Literal["ground", "text", "caption", "frame", "grid", "backdrop", "gutter", "line"]
"""Colour of a mark by its purpose; its RGB is that of a theme."""


class Pale(NamedTuple):
    """Colour of a mark mixed with a share of the theme's ground, from 0 to 1."""

    colour: RGB
    share: float


Ink = RGB | Shade | Pale
"""Colour of a mark: of data in every theme, or of a theme."""

WHITE: RGB = (255, 255, 255)

TEXT_SIZE = 13
"""Size of the smallest text mark, of ticks and captions, in pixels at scale 1. The bundled font has
even word gaps at 13, 17, 19 and 22; at 14 to 16 they nearly close."""


class Text(NamedTuple):
    """Text mark at a point; the anchor is horizontal (l, m, r), then vertical (m: middle)."""

    x: Length
    y: Length
    words: str
    anchor: Literal["lm", "mm", "rm"] = "lm"
    size: int = TEXT_SIZE
    colour: Ink = "text"
    upward: bool = False


class Rectangle(NamedTuple):
    """Rectangle mark, filled; with a `border`, an outline of that width inside its edges."""

    x: Length
    y: Length
    width: Length
    height: Length
    colour: Ink
    border: Length = 0.0


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes mark: the filled rectangles of a chart.

    Attributes:
        places: Left, top, width and height of each.
        colours: Colour of each.
    """

    places: Float[np.ndarray, "boxes 4"]
    colours: tuple[Ink, ...]

    def parts(self) -> Iterator[Rectangle]:
        """List the rectangle of each box of a chart."""
        for (x, y, width, height), colour in zip(self.places.tolist(), self.colours, strict=True):
            yield Rectangle(x, y, width, height, colour)


@dataclass(frozen=True, eq=False)
class Colours:
    """Colours of values: indices of a table; or those of photographs, which have no table.

    Attributes:
        values: Index of each value, or its red, green and blue along the last axis.
        table: Colours by their indices.
    """

    values: UInt8[np.ndarray, "..."]
    table: UInt8[np.ndarray, "colours 3"] | None = None

    @property
    def pixels(self) -> UInt8[np.ndarray, "*shape 3"]:
        """Red, green and blue of each value."""
        return self.values if self.table is None else self.table.take(self.values, axis=0)

    def widened(self, columns: int, times: int) -> UInt8[np.ndarray, "rows bytes"]:
        """Return rows of `columns` values as bytes of their colours, each repeated `times`."""
        size = 3 * columns * times
        if self.table is None:
            return self.values.reshape(-1, columns, 3).repeat(times, axis=1).reshape(-1, size)
        # Colours of the table are repeated once, not those of each value.
        table = self.table.repeat(times, axis=0).reshape(len(self.table), 3 * times)
        return table.take(self.values, axis=0).reshape(-1, size)


@dataclass(frozen=True, eq=False)
class Picture:
    """Picture mark: an image enlarged to a rectangle without interpolation.

    Attributes:
        pixels: Colour of each pixel.
        missing: Pixels that are hatched: their values are not finite.
        opacity: Opacity of each pixel, 0 transparent to 255 opaque; None is opaque.
    """

    x: Length
    y: Length
    width: Length
    height: Length
    pixels: UInt8[np.ndarray, "rows columns 3"]
    missing: Bool[np.ndarray, "rows columns"] | None = None
    opacity: UInt8[np.ndarray, "rows columns"] | None = None


@dataclass(frozen=True, eq=False)
class Maps:
    """Maps mark: small images of one size, each enlarged to a tile, with optional outlines.

    Attributes:
        corners: Left and top of each tile.
        width: Width of a tile.
        height: Height of a tile.
        colours: Colour of each pixel of each tile.
        missing: Pixels that are hatched: their values are not finite.
        outlined: Whether each tile has a frame around it.
    """

    corners: Float[np.ndarray, "tiles 2"]
    width: Length
    height: Length
    colours: Colours
    missing: Bool[np.ndarray, "tiles rows columns"]
    outlined: bool

    @property
    def pixels(self) -> UInt8[np.ndarray, "tiles rows columns 3"]:
        """Colour of each pixel of each tile of the maps."""
        return self.colours.pixels.reshape(*self.missing.shape, 3)

    def pictures(self) -> Iterator["Picture"]:
        """List the pictures of the maps, one for each tile."""
        for (x, y), pixels, missing in zip(
            self.corners.tolist(), self.pixels, self.missing, strict=True
        ):
            yield Picture(x, y, self.width, self.height, pixels, missing)

    def parts(self) -> Iterator["Rectangle | Picture"]:
        """List the marks of the maps: of each tile its outline and its picture."""
        for one in self.pictures():
            if self.outlined:
                yield outline(one.x, one.y, one.width, one.height)
            yield one


@dataclass(frozen=True, eq=False)
class Stroke:
    """Stroke of a `Sketch` mark: a line through points."""

    points: Float[np.ndarray, "points 2"]
    colour: Ink
    thickness: Length = 2.0


PAINTED_MORE = 1 / 6
"""Pixels by which a dot mark is painted larger on each side: Pillow has both ends of its box."""


class Dot(NamedTuple):
    """Dot of a `Sketch` mark: a filled circle."""

    x: Length
    y: Length
    radius: Length
    colour: Ink


@dataclass(frozen=True, eq=False)
class Dots:
    """Dots of a `Sketch` mark: filled circles of one size, in painting order.

    Attributes:
        points: Centre of each.
        radius: Radius of all.
        colours: Colour of each.
    """

    points: Float[np.ndarray, "dots 2"]
    radius: Length
    colours: Colours

    def parts(self) -> Iterator[Dot]:
        """List the dots one by one."""
        colours = self.colours.pixels.tolist()
        for (x, y), (red, green, blue) in zip(self.points.tolist(), colours, strict=True):
            yield Dot(x, y, self.radius, (red, green, blue))


@dataclass(frozen=True, eq=False)
class Polygon:
    """Polygon of a `Sketch` mark, filled."""

    points: Float[np.ndarray, "points 2"]
    colour: Ink


class Sketch(NamedTuple):
    """Sketch mark: antialiased shapes, clipped to a rectangle and relative to its corner."""

    x: Length
    y: Length
    width: Length
    height: Length
    shapes: tuple[Stroke | Dot | Dots | Polygon, ...]

    def parts(self) -> Iterator[Stroke | Dot | Polygon]:
        """List the shapes of the sketch, dots one by one."""
        for shape in self.shapes:
            if isinstance(shape, Dots):
                yield from shape.parts()
            else:
                yield shape


@dataclass(frozen=True, eq=False)
class Group:
    """Group of marks, equal to itself alone: pictures have all of it in common, or nothing."""

    marks: tuple["Mark", ...]

    @cached_property
    def has_upward(self) -> bool:
        """Whether a text of the group is upward."""
        return any(isinstance(one, Text) and one.upward for one in self.marks)

    def parts(self) -> tuple["Mark", ...]:
        """Return the marks of the group."""
        return self.marks


Mark = Text | Rectangle | Boxes | Picture | Maps | Sketch | Group


@dataclass(frozen=True)
class Area:
    """Area of a tensor's values among the marks of a picture, in pixels from its top left corner.

    Attributes:
        tensor: Name of the tensor.
        index: Index of the tile or bar; empty for an area of the whole tensor.
    """

    tensor: str
    index: tuple[int, ...]
    x: Length
    y: Length
    width: Length
    height: Length


@dataclass(frozen=True, eq=False)
class Areas:
    """Areas of a tensor's tiles or bars.

    Attributes:
        tensor: Name of the tensor.
        shape: Number of tiles or bars along each axis of their indices.
        boxes: Left, top, width and height of each, in the order of the indices.
    """

    tensor: str
    shape: tuple[int, ...]
    boxes: Float[np.ndarray, "areas 4"]

    def each(self) -> Iterator[Area]:
        """List the area of each tile or bar."""
        for index, box in zip(np.ndindex(*self.shape), self.boxes.tolist(), strict=True):
            yield Area(self.tensor, index, *box)


@dataclass(frozen=True)
class Block:
    """Block of marks: part of a picture, with other blocks at their offsets.

    Attributes:
        inset: Distance of the data from the left edge, where stacked blocks are aligned.
    """

    width: Length
    height: Length
    marks: tuple[Mark, ...] = ()
    areas: tuple[Area | Areas, ...] = ()
    parts: tuple[tuple[Length, Length, "Block"], ...] = ()
    inset: Length = 0.0


def areas_of(block: Block) -> Iterator[Area]:
    """List the areas of a block of marks, without those of its parts."""
    for one in block.areas:
        yield from one.each() if isinstance(one, Areas) else (one,)


def walk(block: Block, x: Length = 0.0, y: Length = 0.0) -> Iterator[tuple[Length, Length, Block]]:
    """List a block of marks and its parts with their offsets, in painting order."""
    yield x, y, block
    for right, down, part in block.parts:
        yield from walk(part, x + right, y + down)


def size_of(block: Block, scale: Length) -> tuple[int, int]:
    """Return width and height of the picture of a block of marks, in pixels, in each format."""
    return max(1, round(block.width * scale)), max(1, round(block.height * scale))


def outline(x: Length, y: Length, width: Length, height: Length) -> Rectangle:
    """Return a mark that frames a rectangle from outside, so that it hides no value."""
    return Rectangle(x - 1, y - 1, width + 2, height + 2, "frame", border=1)


def pixel(length: Length) -> int:
    """Round a mark's length to whole pixels, halves up, so that thin lines have equal widths."""
    return math.floor(length + 0.5)


def edges(
    mark: Rectangle | Picture | Sketch, origin: tuple[Length, Length], scale: Length = 1
) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a mark in whole pixels, the last two exclusive."""
    x, y = origin[0] + mark.x, origin[1] + mark.y
    left, top = pixel(x * scale), pixel(y * scale)
    right, bottom = pixel((x + mark.width) * scale), pixel((y + mark.height) * scale)
    return left, top, max(right, left + 1), max(bottom, top + 1)
