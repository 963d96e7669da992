"""Glyphs of text: the pixels that Pillow draws, wherever in a pixel the text is."""

import numpy as np
import pytest
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from probes.output.drawing.canvas import paint
from probes.output.drawing.marks import RGB, Block, Text
from probes.output.drawing.numbers import number
from probes.output.drawing.text import font
from probes.output.drawing.themes import THEMES

LIGHT = THEMES["light"]
GREY: RGB = (40, 40, 40)
RANDOM = np.random.default_rng(4)
NUMBERS = [number(value) for value in (RANDOM.normal(size=40) * 10.0 ** np.arange(-9, 11, 0.5))]


def by_pillow(mark: Text, size: tuple[int, int], scale: int) -> UInt8[np.ndarray, "height width 3"]:
    """Return an image on which Pillow has drawn a text."""
    image = Image.new("RGB", (size[0] * scale, size[1] * scale), LIGHT.rgb("ground"))
    place, face = (mark.x * scale, mark.y * scale), font(mark.size * scale)
    ImageDraw.Draw(image).text(place, mark.words, GREY, face, mark.anchor)
    return np.asarray(image)


@pytest.mark.parametrize("scale", [1, 2, 3])
@pytest.mark.parametrize("anchor", ["lm", "mm", "rm"])
def test_a_number_has_the_pixels_of_pillow(anchor: str, scale: int) -> None:
    """Numbers are composed of their digits, of which each is drawn once."""
    for words in NUMBERS:
        mark = Text(80, 15, words, anchor, colour=GREY)

        assert np.array_equal(
            paint(Block(160, 30, (mark,)), scale, LIGHT), by_pillow(mark, (160, 30), scale)
        ), words


@pytest.mark.parametrize("words", ["words", "-3.42"])
@pytest.mark.parametrize("at", [0, 1, 62, 63, 64, 65, 66, 127])
def test_text_is_in_the_pixel_of_pillow(at: int, words: str) -> None:
    """The part of a pixel moves text by a whole one, from the same 128ths on."""
    for x, y in ((at / 128, 0.0), (0.0, at / 128)):
        mark = Text(60 + x, 15 + y, words, "mm", colour=GREY)

        assert np.array_equal(
            paint(Block(120, 30, (mark,)), 1, LIGHT), by_pillow(mark, (120, 30), 1)
        )
