"""Text of pictures: fonts that are kept, and characters that no format may have."""

import gc
import xml.etree.ElementTree as ET
from dataclasses import replace

import pypdfium2
import pytest
from PIL import ImageFont

from probes.output.drawing import text
from probes.output.drawing.glyphs import Run, glyphs_of
from probes.output.drawing.marks import RGB
from probes.output.drawing.text import FAMILY, SIGNS, family_of, font, spelled, text_width, writable
from probes.output.render import render
from probes.output.style import Style
from tests.probes.output.rasters import decoded
from tests.probes.output.test_render import FIGURES

GREY: RGB = (40, 40, 40)
MOST = 64
FORBIDDEN = ["\x00", "\x01", "\x0c", "\x1b", "\ud800", "\udfff", "\ufffe", "\uffff"]


def fonts() -> int:
    """Count the fonts in memory."""
    gc.collect()
    return sum(isinstance(one, ImageFont.FreeTypeFont) for one in gc.get_objects())


def test_few_fonts_are_kept() -> None:
    """A client chooses sizes of text by the width of a picture, and each has 30 kB."""
    others = fonts() - font.cache_info().currsize
    for at in range(3 * MOST):
        font(5 + at / 1000, (FAMILY, SIGNS)[at % 2])
        glyphs_of(Run("12", 40 + at, FAMILY, "lm"), GREY)  # of a size whose numbers are composed

    assert fonts() - others <= MOST


def test_few_characters_are_kept() -> None:
    """A client chooses the characters of a title."""
    for at in range(0x4E00, 0x4E00 + 9000):
        text_width(chr(at), 13)
    for cache in (family_of, text._width_of, text.text_width, text.runs):
        assert cache.cache_info().currsize <= 4096


@pytest.mark.parametrize("character", FORBIDDEN)
def test_a_title_of_any_characters_is_drawn(character: str) -> None:
    """SVG is well-formed, and shows the replacement character; PNG and PDF can be opened."""
    words = f"a{character}b"
    named = replace(FIGURES["bars"], title=words)
    for figure, style in ((named, Style()), (FIGURES["bars"], Style(title=words))):
        root = ET.fromstring(render(figure, style, "svg"))  # noqa: S314 - our own
        texts = ["".join(one.itertext()) for one in root.iter()]

        # The title of the document, and its text; one that is also a space is one there.
        assert texts.count("a\N{REPLACEMENT CHARACTER}b") + texts.count("a b") == 2
        assert decoded(render(figure, style)).size
        pypdfium2.PdfDocument(render(figure, style, "pdf")).close()


@pytest.mark.parametrize(
    "words", ["plain", "tab\tand\nline", "1\u202f000\u00a0m", "日本 \U0001f600"]
)
def test_other_characters_are_kept(words: str) -> None:
    """Spaces of other widths and characters of any language are text."""
    assert writable(words) == words


def test_names_are_drawn_without_forbidden_characters() -> None:
    """All text of a picture is spelled, that of labels too."""
    assert spelled("a\x07 → b") == "a\N{REPLACEMENT CHARACTER} -> b"
