"""Marks and blocks: the elements of a picture before it is painted."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, UInt8

RGB = tuple[int, int, int]
Length = float | int
"""Length of a mark in pixels at scale 1; int is named for the tests' run-time type checks."""

WHITE: RGB = (255, 255, 255)
TEXT_COLOUR: RGB = (45, 45, 45)
CAPTION_COLOUR: RGB = (100, 100, 100)
FRAME: RGB = (150, 150, 150)
GRID: RGB = (228, 228, 228)
BACKDROP: RGB = (243, 243, 243)

TEXT_SIZE = 13
"""Size of the smallest text mark, of ticks and captions, in pixels at scale 1. The bundled font has
even word gaps at 13, 17, 19 and 22; at 14 to 16 they nearly close."""


@dataclass(frozen=True)
class Text:
    """Text mark at a point; the anchor is horizontal (l, m, r), then vertical (m: middle)."""

    x: Length
    y: Length
    words: str
    anchor: Literal["lm", "mm", "rm"] = "lm"
    size: int = TEXT_SIZE
    colour: RGB = TEXT_COLOUR
    upward: bool = False


@dataclass(frozen=True)
class Rectangle:
    """Rectangle mark, filled; with a `border`, an outline of that width inside its edges."""

    x: Length
    y: Length
    width: Length
    height: Length
    colour: RGB
    border: Length = 0.0


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
class Stroke:
    """Stroke of a `Sketch` mark: a line through points."""

    points: Float[np.ndarray, "points 2"]
    colour: RGB
    thickness: Length = 2.0


@dataclass(frozen=True)
class Dot:
    """Dot of a `Sketch` mark: a filled circle."""

    x: Length
    y: Length
    radius: Length
    colour: RGB


@dataclass(frozen=True, eq=False)
class Polygon:
    """Polygon of a `Sketch` mark, filled."""

    points: Float[np.ndarray, "points 2"]
    colour: RGB


@dataclass(frozen=True)
class Sketch:
    """Sketch mark: antialiased shapes, clipped to a rectangle and relative to its corner."""

    x: Length
    y: Length
    width: Length
    height: Length
    shapes: tuple[Stroke | Dot | Polygon, ...]


Mark = Text | Rectangle | Picture | Sketch


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


@dataclass(frozen=True)
class Block:
    """Block of marks: part of a picture, with other blocks at their offsets.

    Attributes:
        inset: Distance of the data from the left edge, where stacked blocks are aligned.
    """

    width: Length
    height: Length
    marks: tuple[Mark, ...] = ()
    areas: tuple[Area, ...] = ()
    parts: tuple[tuple[Length, Length, "Block"], ...] = ()
    inset: Length = 0.0


def walk(block: Block, x: Length = 0.0, y: Length = 0.0) -> Iterator[tuple[Length, Length, Block]]:
    """List a block of marks and its parts with their offsets, in painting order."""
    yield x, y, block
    for right, down, part in block.parts:
        yield from walk(part, x + right, y + down)


def outline(x: Length, y: Length, width: Length, height: Length) -> Rectangle:
    """Return a mark that frames a rectangle from outside, so that it hides no value."""
    return Rectangle(x - 1, y - 1, width + 2, height + 2, FRAME, border=1)


def pixel(length: Length) -> int:
    """Round a mark's length to whole pixels, halves up, so that thin lines have equal widths."""
    return math.floor(length + 0.5)
