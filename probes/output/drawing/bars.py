"""Drawing of bar charts."""

from itertools import compress

import numpy as np
from jaxtyping import Float

from probes.figures.figures import Bars
from probes.output.drawing import numbers
from probes.output.drawing.axes import Axis, Scale, Track, frame, in_a_row, shortened, step_cell
from probes.output.drawing.marks import (
    RGB,
    TEXT_SIZE,
    Areas,
    Block,
    Boxes,
    Ink,
    Length,
    Mark,
    Pale,
    Rectangle,
    Text,
)
from probes.output.drawing.room import AMPLE, Room
from probes.output.drawing.text import text_width
from probes.output.drawing.themes import NAN_COLOURS

POSITIVE: RGB = (0, 114, 178)
NEGATIVE: RGB = (213, 94, 0)
_PALENESS = 0.55

_MOST_PRINTED = 16
_LEAST_WITH_GAP = 3
"""Smallest width in pixels at which bars of a vertical bar chart have a gap."""

Values = Float[np.ndarray, " bars"]


def bars_block(figure: Bars, room: Room = AMPLE) -> Block:
    """Draw a bar chart: up to 16 horizontal bars with values, or more as vertical bars."""
    values = np.asarray(figure.tensor.values, dtype=np.float64).ravel()
    limits = figure.limits or _limits(values)
    if len(values) <= _MOST_PRINTED:
        return _printed(figure, values, Scale(*limits, room.bar), room.pitch)
    return _upright(figure, values, Scale(*limits, room.height, rising=True), room.length)


def _limits(values: Values) -> tuple[Length, Length]:
    low, high = numbers.span([values]) or (0.0, 1.0)
    low, high = min(low, 0.0), max(high, 0.0)
    return (low, high) if high > low else (0.0, 1.0)


def _colours(figure: Bars, values: Values) -> list[Ink]:
    """Return each bar's colour: blue positive, red negative, pale where another is highlighted."""
    bold = [POSITIVE if is_positive else NEGATIVE for is_positive in (values >= 0).tolist()]
    if figure.highlight is None:
        return [*bold]
    pale = {colour: Pale(colour, _PALENESS) for colour in (POSITIVE, NEGATIVE)}
    return [
        colour if place == figure.highlight else pale[colour] for place, colour in enumerate(bold)
    ]


def _ends(values: Values, scale: Scale) -> tuple[Values, Values, Length]:
    """Return start and end of each bar in pixels, and the position of zero.

    Bars of infinite values, such as time constants, extend to the end of the range; those of NaN
    have length 0.
    """
    zero = min(max(scale.place(0.0), 0.0), scale.length)
    within = np.clip(np.nan_to_num(values, nan=0.0), scale.low, scale.high)
    tips = np.clip(scale.places(within), 0, scale.length)
    return np.minimum(zero, tips), np.maximum(zero, tips), zero


def _printed(figure: Bars, values: Values, scale: Scale, pitch: int) -> Block:
    words = [numbers.number(value) for value in values.tolist()]
    room = max(text_width(each, TEXT_SIZE) for each in words) + 8
    start = room if (values < 0).any() else 0.0
    lefts, rights, zero = _ends(values, scale)
    height, thick = len(values) * pitch, pitch - 6
    marks: list[Mark] = []
    for place, (first, last, colour) in enumerate(
        zip(lefts.tolist(), rights.tolist(), _colours(figure, values), strict=True)
    ):
        y = place * pitch + 3
        # Where the range is fixed, its full length shows how far a bar could extend.
        if figure.limits:
            marks.append(Rectangle(start, y, scale.length, thick, "backdrop"))
        if last > first:
            marks.append(Rectangle(start + first, y, last - first, thick, colour))
        middle = y + thick / 2
        if values[place] < 0:
            marks.append(Text(start + first - 6, middle, words[place], "rm"))
        else:
            marks.append(Text(start + last + 6, middle, words[place]))
    marks.append(Rectangle(start + zero - 0.5, 0, 1, height, "frame"))
    tops = np.arange(len(values)) * pitch + 3.0
    areas = _areas(figure, (start + lefts, tops, rights - lefts, np.full_like(tops, thick)))
    data = Block(start + scale.length + room, height, tuple(marks), (areas,))
    names = tuple(((place + 0.5) * pitch, name) for place, name in enumerate(_names(figure)))
    return frame(data, Axis("", names, ticked=False), None)


def _names(figure: Bars) -> list[str]:
    tensor = figure.tensor
    if len(tensor.axes) == 1:
        return [shortened(str(label)) for label in tensor.labels(tensor.axes[0])]
    return [str(place) for place in range(tensor.values.size)]


def _upright(figure: Bars, values: Values, scale: Scale, length: int) -> Block:
    tensor = figure.tensor
    names = tensor.labels(tensor.axes[0]) if len(tensor.axes) == 1 else range(values.size)
    track = Track(" x ".join(tensor.axes), in_a_row(names) or names, step_cell(len(values), length))
    left = scale.axis("", apart=36)
    grid = (Rectangle(0, at - 0.5, track.length, 1, "grid") for at, _ in left.ticks)
    tops, bottoms, zero = _ends(values, scale)
    lefts = np.arange(len(values)) * float(track.cell)
    widths = np.full_like(lefts, track.cell - (track.cell >= _LEAST_WITH_GAP))
    areas = _areas(figure, (lefts, tops, widths, bottoms - tops))
    missing, places = np.isnan(values), areas.boxes.copy()
    places[missing, 1], places[missing, 3] = 0, scale.length
    colours: list[Ink] = [
        NAN_COLOURS[0] if is_missing else colour
        for is_missing, colour in zip(missing.tolist(), _colours(figure, values), strict=True)
    ]
    shown = missing | (bottoms > tops)
    bars = Boxes(places[shown], tuple(compress(colours, shown.tolist())))
    axis = Rectangle(0, zero - 0.5, track.length, 1, "frame")
    data = Block(track.length, scale.length, (*grid, bars, axis), (areas,))
    return frame(data, left, track.axis())


def _areas(figure: Bars, sides: tuple[Values, Values, Values, Values]) -> Areas:
    """Return the areas of the bars of a chart, from left, top, width and height of each."""
    return Areas(figure.tensor.name, (figure.tensor.values.size,), np.column_stack(sides))
