"""Text of pictures: its fonts, its widths, and the spelling of characters that none has."""

import io
import re
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path
from typing import Literal

import numpy as np
import reportlab
from PIL import ImageFont
from reportlab.pdfbase.ttfonts import TTFontFile

from probes.output.drawing.marks import Length

Family = Literal["Aileron", "Vera"]
"""Families of the fonts of text: Pillow's, and ReportLab's of which are signs such as × and ²."""

FAMILY: Family = "Aileron"
SIGNS: Family = "Vera"

_SPELLED = str.maketrans(
    {
        "→": "->", "Δ": "∆", "Σ": "∑", "σ": "sigma", "μ": "µ", "τ": "tau", "λ": "lambda",
        "∇": "grad ", "⊙": "·",
    }
)  # fmt: skip
"""Spelling of characters of text without a glyph in either font, which show as a box."""


_UNHINTED = 8
"""Factor of a size at which hinting no longer moves the outlines of letters."""

_MOST_FONTS = 64
"""Most fonts of text that are kept, of some 30 kB each: those of a few scales. A client that asks
for a width chooses their sizes."""


@lru_cache(_MOST_FONTS)
def font(size: Length, family: Family = FAMILY) -> ImageFont.FreeTypeFont:
    """Return a font of text in a size in pixels.

    Raises:
        TypeError: Pillow was built without FreeType.
    """
    if family == SIGNS:
        # Vera's letters are larger than Aileron's of the same size.
        return ImageFont.truetype(io.BytesIO(font_file(SIGNS)), size * SIGNS_SIZE)
    found = ImageFont.load_default(size)
    if not isinstance(found, ImageFont.FreeTypeFont):  # pragma: no cover - wheels have FreeType
        msg = "Pillow was built without FreeType, which draws the text of pictures"
        raise TypeError(msg)
    return found


SIGNS_SIZE = 0.9
"""Size of the font of signs in text, relative to that of letters."""


@cache
def font_file(family: Family = FAMILY) -> bytes:
    """Return a font of text as a TrueType file, to be embedded in a picture."""
    if family == FAMILY:
        return font(1).font_bytes
    return (Path(reportlab.__file__).parent / "fonts" / "Vera.ttf").read_bytes()


@cache
def _glyphs(family: Family) -> frozenset[int]:
    return frozenset(TTFontFile(io.BytesIO(font_file(family)), validate=0).charToGlyph)


@lru_cache(4096)
def family_of(character: str) -> Family:
    """Return the family of the font of text that has a character; Aileron where neither has."""
    is_sign = ord(character) not in _glyphs(FAMILY) and ord(character) in _glyphs(SIGNS)
    return SIGNS if is_sign else FAMILY


@lru_cache(4096)
def runs(words: str) -> tuple[tuple[Family, str], ...]:
    """Split text that is spelled into parts of one font each."""
    return tuple((family, "".join(part)) for family, part in groupby(words, family_of))


_NOT_WRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that are not those of XML: controls, halves of a pair, U+FFFE and U+FFFF."""


def writable(words: str) -> str:
    """Return text with the replacement character for those that no XML, and so no SVG, may have.

    A client chooses titles, and Pillow and ReportLab fail on some of these characters too.
    """
    return _NOT_WRITABLE.sub("\N{REPLACEMENT CHARACTER}", words)


def spelled(words: str) -> str:
    """Return text with the characters that the font has."""
    return writable(words).translate(_SPELLED)


@lru_cache(4096)
def _width_of(character: str, size: int) -> Length:
    return font(size, family_of(character)).getlength(character)


@lru_cache(4096)
def text_width(words: str, size: int) -> Length:
    """Return the width of text at scale 1, without kerning: within a pixel or two."""
    return sum(_width_of(character, size) for character in spelled(words))


@lru_cache(1024)
def wrapped(words: str, size: int, width: Length) -> tuple[str, ...]:
    """Break text at spaces into lines of about one length, within a width if words allow it."""
    parts = words.split()
    lines = filled(parts, " ", size, width)
    # The last line of a text that fills the others would be a word or two.
    for share in (0.55, 0.65, 0.75, 0.85):
        evenly = filled(parts, " ", size, width * share)
        if len(evenly) == len(lines):
            return evenly
    return lines


def filled(parts: Iterable[str], separator: str, size: int, width: Length) -> tuple[str, ...]:
    """Join parts of a text to lines that are as long as a width allows."""
    lines: list[str] = []
    for part in parts:
        joined = f"{lines[-1]}{separator}{part}" if lines else part
        if lines and text_width(joined, size) > width:
            lines.append(part)
        else:
            lines[-1:] = [joined]
    return tuple(lines)


@lru_cache(4096)
def width_before(words: str, size: int, anchor: str) -> Length:
    """Return the width of text that is spelled, as it is drawn, to the left of its anchor."""
    shares = {"l": 0.0, "m": 0.5, "r": 1.0}
    drawn = sum(font(size, family).getlength(part) for family, part in runs(words))
    return shares[anchor[0]] * drawn


@lru_cache(4096)
def letter_ends(words: str, family: Family, size: Length) -> tuple[Length, ...]:
    """Return the end of each letter of a run of text in the PNG, from the start of the run.

    Letters of the PNG begin at whole pixels, those of the font do not.
    """
    face = font(size, family)
    return tuple(face.getlength(words[: at + 1]) for at in range(len(words)))


@lru_cache(4096)
def letter_starts(words: str, size: int) -> tuple[Length, ...]:
    """Return where letters of text that is spelled begin to look as in the PNG, from its start."""
    found, start = [], 0.0
    for family, part in runs(words):
        ends = letter_ends(part, family, size)
        starts = (0.0, *ends[:-1])
        found += [
            start + at + hinted_shift(letter, family, size)
            for letter, at in zip(part, starts, strict=True)
        ]
        start += ends[-1]
    return tuple(found)


@lru_cache(4096)
def hinted_shift(letter: str, family: Family, size: Length) -> Length:
    """Return how far right a letter of the PNG is of its outline in the font, up to a pixel.

    Hinting moves the outlines of the PNG to whole pixels; viewers of SVG and PDF do not hint.
    """
    enlarged = _centre(letter, font(size * _UNHINTED, family)) / _UNHINTED
    return _centre(letter, font(size, family)) - enlarged


def _centre(letter: str, face: ImageFont.FreeTypeFont) -> Length:
    """Return the distance of the centre of a letter's ink from its start; 0 of a space."""
    mask, (left, _) = face.getmask2(letter, "L")
    ink = np.asarray(mask, np.float64).reshape(mask.size[::-1]).sum(axis=0)
    total = float(ink.sum())
    return left + float(ink @ (np.arange(ink.size) + 0.5)) / total if total else 0.0


@cache
def baseline(size: int) -> Length:
    """Return the distance from the middle of a line of text down to its baseline, in pixels."""
    ascent, descent = font(size).getmetrics()
    return (ascent - descent) / 2
