"""Axes of charts: tracks of equal cells, numeric scales, and the frame around the data."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from probes.output.drawing import numbers
from probes.output.drawing.marks import (
    TEXT_SIZE,
    Block,
    Group,
    Length,
    Rectangle,
    Text,
)
from probes.output.drawing.room import AMPLE
from probes.output.drawing.text import text_width

Labels = Sequence[int | str]

TICK = 4
_MOST_TICKS = 24
MOST_KEPT, _MOST_LABELS = 1024, 64
"""Most axes, or titles, that are laid out once and kept, more than the pictures of all probes have;
and most labels of an axis."""
LINE_HEIGHT = 17
"""Line spacing of axis labels and other small text, in pixels at scale 1."""
ROW_OF_TEXT = TEXT_SIZE + 2
"""Smallest height of a row of cells whose label is not left out."""


@dataclass(frozen=True)
class Axis:
    """Axis of a chart: title, and tick labels at distances from the start; tick marks or none."""

    title: str
    ticks: tuple[tuple[Length, str], ...]
    ticked: bool = True


@dataclass(frozen=True)
class Track:
    """Chart axis of cells of one size, one for each label.

    Attributes:
        name: Name of the axis.
        labels: Label of each cell.
        cell: Size of a cell in pixels.
    """

    name: str
    labels: Labels
    cell: Length

    @property
    def length(self) -> Length:
        """Length of a chart axis of cells, in pixels."""
        return self.cell * len(self.labels)

    def middles(self, labels: Labels) -> Float[np.ndarray, " labels"]:
        """Return the centre of each label's cell along a chart axis, in pixels."""
        first = self.labels[0]
        # Consecutive integers, up to thousands of steps, need no search for each label.
        if isinstance(self.labels, range) and isinstance(first, int):
            places = np.asarray(labels, dtype=np.float64) - first
        else:
            found = {label: place for place, label in enumerate(self.labels)}
            places = np.asarray([found[label] for label in labels], dtype=np.float64)
        return (places + 0.5) * self.cell

    def axis(self, *, upright: bool = False) -> Axis:
        """Return a chart axis of cells with as many labels as fit, integers at round numbers."""
        labels = self.labels if isinstance(self.labels, range) else tuple(self.labels)
        track = Track(self.name, labels, self.cell)
        # Clients choose labels: many of them are not kept.
        is_kept = isinstance(labels, range) or len(labels) <= _MOST_LABELS
        return (_kept_axis if is_kept else _axis)(track, upright)


def _axis(track: Track, upright: bool) -> Axis:
    """Lay out a chart axis of cells."""
    widest = max(text_width(str(label), TEXT_SIZE) for label in _longest(track.labels))
    least = ROW_OF_TEXT if upright else max(widest + 12, track.length / _MOST_TICKS)
    places = _round_places(track.labels, least / track.cell)
    ticks = tuple(
        ((place + 0.5) * track.cell, shortened(spaced(str(track.labels[place]))))
        for place in places
    )
    return Axis(spaced(track.name), ticks)


_kept_axis = lru_cache(MOST_KEPT)(_axis)


def step_cell(count: int, length: int = AMPLE.length) -> int:
    """Return the width of one of `count` cells along a chart axis, 1 to 48 pixels."""
    return max(1, min(round(length / count), 48))


def spaced(name: str) -> str:
    """Return a tensor or axis name for a chart axis, with spaces for underscores."""
    return name.replace("_", " ")


def shortened(words: str, most: int = 40) -> str:
    """Truncate the text of a chart axis or title with an ellipsis."""
    return words if len(words) <= most else words[: most - 1] + "…"


def in_a_row(labels: Labels) -> range | None:
    """Return the labels of a chart axis as a range if they are consecutive integers, else None."""
    if isinstance(labels, range):
        return labels
    first = labels[0]
    if not isinstance(first, int):
        return None
    row = range(first, first + len(labels))
    return row if list(row) == list(labels) else None


def _longest(labels: Labels) -> Labels:
    return (labels[0], labels[-1]) if isinstance(labels, range) else labels


def _round_places(labels: Labels, apart: Length) -> list[int]:
    """Return the cells of a chart axis that have labels, at least `apart` from each other."""
    row = in_a_row(labels)
    last = len(labels) - 1
    if row is None:
        return list(range(0, last + 1, max(1, math.ceil(apart))))
    step = math.ceil(numbers.nice_step(max(1.0, apart)))
    places = list(range(-row[0] % step, last + 1, step))
    if not places or places[0] >= apart:
        places.insert(0, 0)
    if last - places[-1] >= apart:
        places.append(last)
    return places


@dataclass(frozen=True)
class Scale:
    """Linear scale of a chart axis, from numbers to pixels.

    Attributes:
        low: Value at the low end.
        high: Value at the high end.
        length: Length in pixels.
        rising: Whether larger values are nearer to the start, as on a vertical axis.
    """

    low: Length
    high: Length
    length: Length
    rising: bool = False

    def places(self, values: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Return the positions of values along a chart axis in pixels, without clipping."""
        # Of halves: the difference of two numbers may be infinite.
        share = (values / 2 - self.low / 2) / ((self.high / 2 - self.low / 2) or 1.0)
        return (1.0 - share if self.rising else share) * self.length

    def place(self, value: Length) -> Length:
        """Return the position of one value along a chart axis in pixels."""
        return float(self.places(np.asarray([value], dtype=np.float64))[0])

    def axis(self, title: str, apart: Length) -> Axis:
        """Return a chart axis of round values, about `apart` pixels or more from each other."""
        most = max(2, int(self.length / apart))
        chosen = numbers.ticks(self.low, self.high, most)
        return Axis(title, tuple((self.place(value), words) for value, words in chosen))


def frame(
    data: Block, left: Axis | None, bottom: Axis | None, legend: Block | None = None
) -> Block:
    """Return a chart's data framed by axes, with a colour bar or legend to the right."""
    # Labels are centred, so that half of the first and the last one can exceed the data.
    before, after = _overhang(bottom, data.width)
    inset = max(_left_width(left) if left else 0.0, before)
    beneath = _bottom_height(bottom) if bottom else 0.0
    marks = (
        *([_left_marks(left, inset, data.height)] if left else ()),
        *([_bottom_marks(bottom, inset, (data.width, data.height))] if bottom else ()),
    )
    parts = [(inset, 0.0, data)]
    width = inset + data.width + after
    height = max(data.height + beneath, _title_length(left))
    if legend:
        parts.append((inset + data.width + 14, 0.0, legend))
        width = max(width, inset + data.width + 14 + legend.width)
        height = max(height, legend.height)
    return Block(width, height, marks, parts=tuple(parts), inset=inset)


def _left_width(axis: Axis) -> Length:
    words = max([0.0, *(text_width(words, TEXT_SIZE) for _, words in axis.ticks)])
    return math.ceil(words + TICK + 4 + (LINE_HEIGHT + 4 if axis.title else 0))


def _bottom_height(axis: Axis) -> Length:
    return TICK + LINE_HEIGHT * (bool(axis.ticks) + bool(axis.title)) + 2


def _overhang(axis: Axis | None, length: Length) -> tuple[int, Length]:
    """Return how far the labels of a horizontal axis exceed the data, to the left and right."""
    before = after = 0.0
    for place, words in axis.ticks if axis else ():
        half = text_width(words, TEXT_SIZE) / 2
        before, after = max(before, half - place), max(after, place + half - length)
    return math.ceil(before), after


def _title_length(axis: Axis | None) -> Length:
    """Return the length of the title of a vertical axis; it may be longer than the axis."""
    return text_width(axis.title, TEXT_SIZE) if axis and axis.title else 0.0


@lru_cache(MOST_KEPT)
def _left_marks(axis: Axis, edge: Length, height: Length) -> Group:
    """Lay out the marks of a chart's vertical axis, once for all charts with it."""
    marks: list[Text | Rectangle] = []
    for place, words in axis.ticks:
        if axis.ticked:
            marks.append(Rectangle(edge - TICK, place - 0.5, TICK, 1, "frame"))
        marks.append(Text(edge - TICK - 4, place, words, "rm"))
    if axis.title:
        # Beside the labels; a title that is longer than the axis ends above, with the data.
        x, y = edge - _left_width(axis) + 8, max(height, _title_length(axis)) / 2
        marks.append(Text(x, y, axis.title, "mm", colour="caption", upward=True))
    return Group(tuple(marks))


@lru_cache(MOST_KEPT)
def _bottom_marks(axis: Axis, left: Length, size: tuple[Length, Length]) -> Group:
    """Lay out the marks of a chart's horizontal axis, once for all charts with it."""
    marks: list[Text | Rectangle] = []
    width, height = size
    under = height + TICK + LINE_HEIGHT / 2 + 1
    for place, words in axis.ticks:
        marks.append(Rectangle(left + place - 0.5, height, 1, TICK, "frame"))
        marks.append(Text(left + place, under, words, "mm"))
    if axis.title:
        lower = under + LINE_HEIGHT * bool(axis.ticks)
        marks.append(Text(left + width / 2, lower, axis.title, "mm", colour="caption"))
    return Group(tuple(marks))
