"""Glyphs of text in pictures: drawn runs of text, to be blended into a canvas."""

import math
import re
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt16
from PIL import Image, ImageDraw

from probes.output.drawing.marks import RGB, Length
from probes.output.drawing.text import Family, font


class Run(NamedTuple):
    """Run of text in one font, at an anchor as of Pillow."""

    words: str
    size: Length
    family: Family
    anchor: str


class Glyphs(NamedTuple):
    """Drawn run of text: kept share of the canvas below, added ink, and place at the anchor.

    Both are for each byte of a row. Sixteen bits hold their sum: opacity and kept share are 255
    together.
    """

    left: int
    top: int
    kept: UInt16[np.ndarray, "height bytes"]
    added: UInt16[np.ndarray, "height bytes"]


def glyphs_of(run: Run, colour: RGB) -> Glyphs:
    """Draw a run of text, short ones once for all canvases."""
    is_composed = run.size >= _LEAST_COMPOSED_SIZE and float(run.size).is_integer()
    if is_composed and _is_number(run.words):
        return _kept_number(run, colour)
    is_kept = len(run.words) <= _MOST_KEPT_CHARACTERS and run.size <= _MOST_KEPT_SIZE
    return (_kept_glyphs if is_kept else _rendered)(run, colour)


def pixel_of(place: tuple[Length, Length]) -> tuple[int, int]:
    """Return the pixel in which Pillow has the anchor of a run of text.

    It rounds the part of a pixel to 64ths, then to a whole one: halves to the right, and up.
    """
    return math.floor(place[0] + 65 / 128), math.floor(place[1] + 63 / 128)


def _composed(run: Run, colour: RGB) -> Glyphs:
    """Compose a number of its characters: pictures have ever new ones, of the same digits."""
    advances = (_advance(run.size, run.family, one) for one in run.words)
    ends = list(accumulate(advances, initial=0.0))
    if not all(end.is_integer() for end in ends):
        return _rendered(run, colour)
    start = {"l": 0, "m": math.floor(ends[-1] / 2 + 0.5), "r": int(ends[-1])}[run.anchor[0]]
    letters = [
        (
            int(end) - start,
            _kept_letter(Run(one, run.size, run.family, f"l{run.anchor[1]}"), colour),
        )
        for one, end in zip(run.words, ends, strict=False)
    ]
    left = min(pen + one.left for pen, one in letters)
    top = min(one.top for _, one in letters)
    wide = max(pen + one.left + one.kept.shape[1] // 3 for pen, one in letters) - left
    high = max(one.top + len(one.kept) for _, one in letters) - top
    kept = np.full((high, 3 * wide), 255, np.uint16)
    added = np.full((high, 3 * wide), 128, np.uint16)
    for pen, one in letters:
        height, size = one.kept.shape
        x, y = 3 * (pen + one.left - left), one.top - top
        # Opacities of characters that touch are added, as Pillow does.
        kept[y : y + height, x : x + size] -= 255 - one.kept
        added[y : y + height, x : x + size] += one.added - 128
    return Glyphs(left, top, kept, added)


@lru_cache(256)
def _advance(size: Length, family: Family, character: str) -> float:
    # By size and family: a key that is a font would keep it.
    return font(size, family).getlength(character)


def _rendered(run: Run, colour: RGB) -> Glyphs:
    # Twice the room of any text, as it is cheaper than to measure it before it is drawn.
    half = math.ceil(run.size * (len(run.words) + 2))
    high = 2 * math.ceil(run.size)
    glyphs = Image.new("L", (2 * half, 2 * high))
    face = font(run.size, run.family)
    ImageDraw.Draw(glyphs).text((half, high), run.words, 255, face, run.anchor)
    return _inked(-half, -high, glyphs, colour)


def upward_of(words: str, size: Length, colour: RGB) -> tuple[Glyphs, tuple[int, int]]:
    """Draw text upward, and return the size of its box too; short text once for all canvases."""
    is_kept = len(words) <= _MOST_KEPT_CHARACTERS and size <= _MOST_KEPT_SIZE
    return (_kept_upward if is_kept else _turned)(words, size, colour)


def _turned(words: str, size: Length, colour: RGB) -> tuple[Glyphs, tuple[int, int]]:
    face = font(size)
    width, height = math.ceil(face.getlength(words)) + 2, math.ceil(size * 1.5)
    glyphs = Image.new("L", (width, height))
    ImageDraw.Draw(glyphs).text((width / 2, height / 2), words, 255, face, "mm")
    # Pillow draws horizontal text only: vertical text is drawn apart and rotated.
    turned = glyphs.transpose(Image.Transpose.ROTATE_90)
    return _inked(0, 0, turned, colour), turned.size


def _inked(left: int, top: int, glyphs: Image.Image, colour: RGB) -> Glyphs:
    """Return drawn text in a colour, cut to its ink."""
    box = glyphs.getbbox() or (0, 0, 1, 1)
    opacity = np.asarray(glyphs.crop(box)).astype(np.uint16).repeat(3, axis=1)
    added = opacity * np.tile(np.asarray(colour, np.uint16), box[2] - box[0]) + np.uint16(128)
    return Glyphs(left + box[0], top + box[1], np.uint16(255) - opacity, added)


_MOST_KEPT_CHARACTERS, _MOST_KEPT_SIZE = 24, 26
"""Longest and largest text whose glyphs are kept: a number, a label, a title at scale 1."""

_is_number = re.compile(r"[-0-9.e]{2,}").fullmatch

_LEAST_COMPOSED_SIZE = 13
"""Smallest size of text whose characters are as wide apart as alone: at smaller ones Pillow moves
them."""

_kept_letter = lru_cache(1024)(_rendered)
_kept_glyphs = lru_cache(2048)(_rendered)
_kept_number = lru_cache(512)(_composed)
"""Numbers apart from words, which ever new numbers would replace."""
_kept_upward = lru_cache(256)(_turned)
