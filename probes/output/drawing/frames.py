"""Frames of pictures: marks that successive pictures have in common, painted once and copied."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from jaxtyping import UInt8

from models.data import png
from probes.output.drawing.marks import Block, Group, Length, Mark, Rectangle, Text, walk

Pixels = UInt8[np.ndarray, "height width 3"]
Placed = tuple[Length, Length, Mark]
"""Mark and the offset of its block in a picture."""

MOST_FRAMES, MOST_PIXELS = 8, 2_000_000
"""Most frames that are kept, and most pixels of one: 48 MB in all."""


@dataclass(frozen=True, eq=False)
class Frame:
    """Frame of pictures of one size: their common texts, rectangles and groups.

    Attributes:
        marks: Common marks.
        count: Number of them, those that are there twice counted twice.
        pixels: Canvas with the marks; None where they are all those of a single picture.
    """

    marks: frozenset[Placed]
    count: int = 0
    pixels: Pixels | None = None


@dataclass(frozen=True, eq=False)
class Begun:
    """Picture that is begun with its frame: a canvas, and the marks that are still to be painted.

    Attributes:
        pixels: Canvas of its own; None for an empty one.
        rest: Marks, in painting order.
    """

    pixels: Pixels | None
    rest: list[Placed]


_frames: dict[Hashable, Frame] = {}
_lock = Lock()


def begin(key: Hashable, block: Block, paint: Callable[[Sequence[Placed]], Pixels]) -> Begun:
    """Begin a picture with the frame of pictures like it, which is made of the first two.

    Args:
        key: The same for pictures of one size, scale and theme.
        block: All marks of the picture.
        paint: Paints marks on an empty canvas.
    """
    parts = [[(x, y, mark) for mark in part.marks] for x, y, part in walk(block)]
    every = [placed for part in parts for placed in part]
    plain = frozenset(placed for placed in every if isinstance(placed[2], Text | Rectangle | Group))
    with _lock:
        known = _frames.get(key)
    common = known.marks & plain if known else frozenset()
    if known is None or 2 * len(common) < len(plain):
        _keep(key, Frame(plain))
        return Begun(None, every)
    early, rest = _split(parts, common)
    pixels = known.pixels
    if pixels is None or (len(common), len(early)) != (len(known.marks), known.count):
        pixels = paint(early)
        _keep(key, Frame(frozenset(early), len(early), pixels))
    return Begun(png.copied(pixels), rest)


def _split(
    parts: Sequence[Sequence[Placed]], common: frozenset[Placed]
) -> tuple[list[Placed], list[Placed]]:
    """Split the marks of a picture into those of its frame and those to paint after it.

    Parts do not cover each other. In one part a rectangle that comes after a mark of the picture
    alone is painted again, and text, which is blended, is painted after it only.
    """
    early: list[Placed] = []
    rest: list[Placed] = []
    for part in parts:
        is_late = False
        for placed in part:
            is_early = placed in common and not (is_late and isinstance(placed[2], Text | Group))
            if is_early:
                early.append(placed)
            if is_late or not is_early:
                rest.append(placed)
            is_late |= not is_early
    return early, rest


def _keep(key: Hashable, frame: Frame) -> None:
    with _lock:
        _frames.pop(key, None)
        if len(_frames) >= MOST_FRAMES:
            del _frames[next(iter(_frames))]
        _frames[key] = frame
