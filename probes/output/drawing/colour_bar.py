"""Drawing of colour bars, the legend of coloured values."""

from functools import lru_cache

import numpy as np

from probes.figures.colormaps import CATEGORICAL, DIVERGING, lookup_table
from probes.output.drawing import numbers
from probes.output.drawing.axes import LINE_HEIGHT
from probes.output.drawing.marks import (
    TEXT_SIZE,
    Block,
    Group,
    Length,
    Mark,
    Picture,
    Polygon,
    Sketch,
    Text,
    outline,
)
from probes.output.drawing.shading import Shaded
from probes.output.drawing.text import text_width

_WIDTH = 14
_ARROW = 9
_USUAL = 40
"""Width in pixels of the longest number of most colour bars."""


_CATEGORIES = 10
"""Colours of the categorical map, each of which has its number in the middle."""


def colour_bar(shaded: Shaded, height: Length) -> Block:
    """Draw a vertical colour bar with numbers, 64 to 200 pixels tall.

    A pointed end marks that values beyond it have its colour. Where each channel has its own
    range, the ends are labelled "min" and "max". Values that are not finite have a hatched sample.
    """
    length = float(min(max(height, 64), 200) - _ARROW * (shaded.below + shaded.above))
    top = float(_ARROW if shaded.above else 0)
    marks: list[Mark] = [_bar(shaded.colour.map, top, length)]
    table = lookup_table(shaded.colour.map)
    if shaded.above:
        marks.append(_arrow(0, -1, table[255]))
    if shaded.below:
        marks.append(_arrow(top + length, 1, table[0]))
    for place, words in _numbers(shaded, length):
        marks.append(Text(_WIDTH + 6, top + place, words))
    foot = top + length + _ARROW * shaded.below
    if shaded.missing.any():
        marks += _sample_of_missing(foot + 8, shaded.missing_name)
        foot += 8 + _WIDTH
    texts = [mark.words for mark in marks if isinstance(mark, Text)]
    # Numbers of most lengths make the same width: pictures of other values have one layout.
    width = _WIDTH + 6 + max(_USUAL, *(text_width(words, TEXT_SIZE) for words in texts))
    return Block(width, foot + 4, tuple(marks))


@lru_cache(256)
def _bar(name: str, top: Length, length: Length) -> Group:
    """Draw the colours of a colour map with a frame, once for all pictures with them."""
    colours = lookup_table(name)[::-1, None]
    return Group((outline(0, top, _WIDTH, length), Picture(0, top, _WIDTH, length, colours)))


def _numbers(shaded: Shaded, length: Length) -> list[tuple[Length, str]]:
    """Return the labels of a colour bar with distances from its top: ends and round values."""
    low, high = shaded.colour.vmin, shaded.colour.vmax
    if shaded.colour.map == CATEGORICAL:
        step = length / _CATEGORIES
        return [(length - (at + 0.5) * step, str(at)) for at in range(_CATEGORIES)]
    if isinstance(low, tuple) or isinstance(high, tuple):
        return [(6, "max"), (6 + LINE_HEIGHT, "of each"), (length - 6, "min")]
    if high <= low:
        # A single value is labelled where its colour is: in the middle, or at the low end.
        share = 0.5 if shaded.colour.map == DIVERGING else 1 - 6 / length
        return [(share * length, numbers.number(low))]
    lowest, highest = numbers.ends(low, high)
    ends = [(6.0, highest), (length - 6, lowest)]
    between = [
        ((high - value) / (high - low) * length, words)
        for value, words in numbers.ticks(low, high, max(2, int(length / 40)))
    ]
    return ends + [
        (place, words)
        for place, words in between
        if 10 + LINE_HEIGHT <= place <= length - 10 - LINE_HEIGHT
    ]


def _arrow(base: Length, direction: int, colour: np.ndarray) -> Sketch:
    """Draw the triangle at one end of a colour bar."""
    foot, tip = (_ARROW, 1) if direction < 0 else (0, _ARROW - 1)
    corners = np.asarray([[0, foot], [_WIDTH, foot], [_WIDTH / 2, tip]], dtype=np.float64)
    red, green, blue = colour.tolist()
    return Sketch(0, base, _WIDTH, _ARROW, (Polygon(corners, (red, green, blue)),))


def _sample_of_missing(y: Length, name: str) -> list[Mark]:
    blank = np.zeros((1, 1, 3), np.uint8)
    sample = Picture(0, y, _WIDTH, _WIDTH, blank, np.ones((1, 1), np.bool_))
    return [sample, Text(_WIDTH + 6, y + _WIDTH / 2, name, colour="caption")]
