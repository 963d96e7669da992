"""What a picture is made of before it is painted: marks, and blocks of them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, UInt8

RGB = tuple[int, int, int]
Length = float | int
"""In pixels at scale 1. Both are named as the tests' run-time checks tell them apart."""

WHITE: RGB = (255, 255, 255)
INK: RGB = (45, 45, 45)
SOFT_INK: RGB = (100, 100, 100)
FRAME: RGB = (150, 150, 150)
GRID: RGB = (228, 228, 228)
BACKDROP: RGB = (243, 243, 243)

TEXT_SIZE = 13
"""Of ticks and captions, in pixels at scale 1: the smallest text that a picture has. The bundled
font has even gaps between words at 13, 17, 19 and 22; at 14 to 16 they nearly close."""


@dataclass(frozen=True)
class Text:
    """Words at a point. The anchor is horizontal (l, m, r) then vertical (m: middle)."""

    x: Length
    y: Length
    words: str
    anchor: Literal["lm", "mm", "rm"] = "lm"
    size: int = TEXT_SIZE
    colour: RGB = INK
    upward: bool = False


@dataclass(frozen=True)
class Rectangle:
    """A filled rectangle; with a `border`, only an outline that thick inside its edges."""

    x: Length
    y: Length
    width: Length
    height: Length
    colour: RGB
    border: Length = 0.0


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels enlarged to a rectangle without smoothing.

    Attributes:
        missing: Where there is no number to colour; drawn hatched.
        opacity: From 0, unseen, to 255, hiding what is below; None hides everything.
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
    """A line through points."""

    points: Float[np.ndarray, "points 2"]
    colour: RGB
    thickness: Length = 2.0


@dataclass(frozen=True)
class Dot:
    """A filled circle."""

    x: Length
    y: Length
    radius: Length
    colour: RGB


@dataclass(frozen=True, eq=False)
class Polygon:
    """A filled polygon."""

    points: Float[np.ndarray, "points 2"]
    colour: RGB


@dataclass(frozen=True)
class Sketch:
    """Smooth shapes, cut off at the edges of a rectangle; their points count from its corner."""

    x: Length
    y: Length
    width: Length
    height: Length
    shapes: tuple[Stroke | Dot | Polygon, ...]


Mark = Text | Rectangle | Picture | Sketch


@dataclass(frozen=True)
class Area:
    """Where values stand in a picture, in its pixels from the top left corner.

    Attributes:
        tensor: Name of the tensor.
        index: Which tile or bar it is, by position; empty where the whole tensor is in the area.
    """

    tensor: str
    index: tuple[int, ...]
    x: Length
    y: Length
    width: Length
    height: Length


@dataclass(frozen=True)
class Block:
    """A part of a picture: marks, and other blocks at their offsets.

    Attributes:
        inset: How far the data stand from the left edge; blocks above one another align there.
    """

    width: Length
    height: Length
    marks: tuple[Mark, ...] = ()
    areas: tuple[Area, ...] = ()
    parts: tuple[tuple[Length, Length, "Block"], ...] = ()
    inset: Length = 0.0


def walk(block: Block, x: Length = 0.0, y: Length = 0.0) -> Iterator[tuple[Length, Length, Block]]:
    """List a block and all its parts with their offsets, in the order in which they are painted."""
    yield x, y, block
    for right, down, part in block.parts:
        yield from walk(part, x + right, y + down)


def outline(x: Length, y: Length, width: Length, height: Length) -> Rectangle:
    """Return a thin frame around a rectangle, all of it outside: no value is hidden."""
    return Rectangle(x - 1, y - 1, width + 2, height + 2, FRAME, border=1)


def pixel(length: Length) -> int:
    """Return the nearest whole pixel; halves go up, so that thin lines are all equally thin."""
    return math.floor(length + 0.5)
