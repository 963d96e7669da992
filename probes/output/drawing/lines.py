"""Drawing of line charts."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from probes.figures.figures import Lines, Tensor
from probes.output.drawing import numbers
from probes.output.drawing.axes import (
    Axis,
    Labels,
    Scale,
    Track,
    frame,
    in_a_row,
    shortened,
    spaced,
    step_cell,
)
from probes.output.drawing.marks import (
    TEXT_SIZE,
    Area,
    Block,
    Dot,
    Ink,
    Length,
    Mark,
    Rectangle,
    Sketch,
    Stroke,
    Text,
)
from probes.output.drawing.room import AMPLE, Room
from probes.output.drawing.text import text_width

OKABE_ITO: tuple[Ink, ...] = (
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (86, 180, 233),
    "line",
    (200, 185, 40),  # darker than the original yellow (240, 228, 66), which is faint on white
)
"""Line chart colours, distinct with any colour vision (Okabe & Ito 2008, Color universal design);
its black is replaced by the text colour."""

_BLEED = 3
"""Distance in pixels by which lines of a chart may exceed the plot: half a line's width."""
_MOST_NAMED = 8
_MOST_DOTTED = 40
_LEGEND_PITCH = 18


@dataclass(frozen=True)
class _Series:
    name: str
    places: Float[np.ndarray, " steps"]
    values: Float[np.ndarray, " steps"]


def lines_block(figure: Lines, shared: Labels | None, room: Room = AMPLE) -> Block:
    """Draw a line chart: a line for each tensor or matrix row; values not finite are gaps."""
    track = _track(figure, shared, room)
    series = [
        each
        for name, tensor in zip(_names(figure), figure.tensors, strict=True)
        for each in _series(figure, name, tensor, track)
    ]
    scale = _scale(figure, series, room.height)
    left = scale.axis("", apart=36)
    marks = [*_grid(left, track.length, room.height), *_reference(figure, scale, track.length)]
    shapes = tuple(
        shape
        for place, each in enumerate(series)
        for shape in _shapes(each, scale, OKABE_ITO[place % len(OKABE_ITO)], len(series))
    )
    sketch = Sketch(-_BLEED, -_BLEED, track.length + 2 * _BLEED, room.height + 2 * _BLEED, shapes)
    areas = tuple(Area(each.name, (), 0, 0, track.length, room.height) for each in figure.tensors)
    data = Block(track.length, room.height, (*marks, sketch), areas)
    return frame(data, left, track.axis(), _legend(series, figure, room.height))


def _track(figure: Lines, shared: Labels | None, room: Room) -> Track:
    """Return the common horizontal axis of all lines in a chart, with all labels in order."""
    if shared:
        return Track(figure.x, shared, step_cell(len(shared), room.length))
    each = [tensor.labels(figure.x) for tensor in figure.tensors]
    rows = [row for labels in each if (row := in_a_row(labels))]
    labels: Labels
    if len(rows) == len(each):
        labels = range(min(row[0] for row in rows), max(row[-1] for row in rows) + 1)
    else:
        labels = list(dict.fromkeys(label for labels in each for label in labels))
    return Track(
        figure.x, labels, max(step_cell(len(labels), room.length), math.ceil(240 / len(labels)))
    )


def _names(figure: Lines) -> tuple[str, ...]:
    """Return the names of a line chart's tensors in its legend."""
    return figure.names or tuple(spaced(each.name) for each in figure.tensors)


def _series(figure: Lines, name: str, tensor: Tensor, track: Track) -> Iterator[_Series]:
    places = track.middles(tensor.labels(figure.x))
    side = tensor.axes.index(figure.x)
    rows = np.moveaxis(tensor.values, side, -1).reshape(-1, len(places)).astype(np.float64)
    others = [axis for axis in tensor.axes if axis != figure.x]
    prefix = f"{name} " if len(figure.tensors) > 1 else ""
    for place, row in enumerate(rows):
        if not others:
            yield _Series(name, places, row)
        else:
            yield _Series(prefix + _row_name(tensor, others, place), places, row)


def _row_name(tensor: Tensor, others: list[str], place: int) -> str:
    if len(others) > 1:
        return str(place)
    label = tensor.labels(others[0])[place]
    return label if isinstance(label, str) else f"{spaced(others[0])} {label}"


def _scale(figure: Lines, series: list[_Series], height: int) -> Scale:
    if figure.limits:
        return Scale(*figure.limits, height, rising=True)
    reference = [] if figure.reference is None else [np.asarray([figure.reference])]
    found = numbers.span([*(each.values for each in series), *reference]) or (0.0, 1.0)
    return Scale(*numbers.padded(*found), height, rising=True)


def _grid(axis: Axis, width: Length, height: int) -> list[Mark]:
    lines: list[Mark] = [Rectangle(0, place - 0.5, width, 1, "grid") for place, _ in axis.ticks]
    left, bottom = (0, 0, 1, height), (0, height - 1, width, 1)
    return [*lines, *(Rectangle(*sides, "frame") for sides in (left, bottom))]


def _reference(figure: Lines, scale: Scale, width: Length) -> list[Mark]:
    if figure.reference is None or not scale.low <= figure.reference <= scale.high:
        return []
    y = scale.place(figure.reference) - 0.5
    return [
        Rectangle(start, y, min(6, width - start), 1, "caption")
        for start in range(0, int(width), 10)
    ]


def _shapes(series: _Series, scale: Scale, colour: Ink, count: int) -> list[Stroke | Dot]:
    """Return a line's strokes between gaps, and a dot for each value of a short line."""
    thickness = 2.0 if count <= _MOST_NAMED else 1.0
    heights = np.clip(scale.places(series.values), -_BLEED, scale.length + _BLEED)
    points = np.column_stack([series.places, heights]) + _BLEED
    shapes: list[Stroke | Dot] = []
    few = count <= _MOST_NAMED and len(points) <= _MOST_DOTTED
    for stretch in stretches(np.isfinite(series.values)):
        run = points[stretch]
        if len(run) > 1:
            shapes.append(Stroke(run, colour, thickness))
        if few or len(run) == 1:
            shapes += [Dot(x, y, thickness + 1, colour) for x, y in run.tolist()]
    return shapes


def stretches(known: Bool[np.ndarray, " points"]) -> Iterator[slice]:
    """List the parts of a line between its gaps, which it must not bridge."""
    starts = np.flatnonzero(np.diff(known, prepend=False) & known)
    ends = np.flatnonzero(np.diff(known, append=False) & known) + 1
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        yield slice(start, end)


def _each(figure: Lines) -> str:
    others = [axis for axis in figure.tensors[0].axes if axis != figure.x]
    alone = len(figure.tensors) == len(others) == 1
    return f", one per {spaced(others[0])}" if alone else ""


def _legend(series: list[_Series], figure: Lines, height: int) -> Block | None:
    """Draw the legend of a line chart: names of up to eight lines, or the number of more."""
    if len(series) > _MOST_NAMED:
        words = f"{len(series)} lines{_each(figure)}"
        return Block(text_width(words, TEXT_SIZE), 16, (Text(0, 8, words, colour="caption"),))
    if len(series) == 1:
        return None  # the title names it
    marks: list[Mark] = []
    given = [each.name for each in series]
    names = [shortened(name, 28) for name in (given if figure.names else _distinct(given))]
    width = 24 + max(text_width(name, TEXT_SIZE) for name in names)
    # As many below each other as fit beside the plot.
    rows = min(max(4, height // _LEGEND_PITCH), len(names))
    for place, name in enumerate(names):
        x, y = place // rows * (width + 14), 8 + _LEGEND_PITCH * (place % rows)
        marks.append(Rectangle(x, y - 1.5, 18, 3, OKABE_ITO[place]))
        marks.append(Text(x + 24, y, name, colour="text"))
    columns = math.ceil(len(names) / rows)
    return Block(columns * (width + 14) - 14, _LEGEND_PITCH * rows, tuple(marks))


def _distinct(names: list[str]) -> list[str]:
    """Return the names of lines in a legend without the words that all have.

    These are a word before a point, and the last words.
    """
    heads = {name.rpartition(".")[0] for name in names}
    [head] = heads if len(heads) == 1 else [""]
    # The point of a number is none.
    found = [name.rpartition(".")[2] if head[-1:].isalpha() else name for name in names]
    while len({name.rpartition(" ")[2] for name in found}) == 1 and all(
        " " in one for one in found
    ):
        found = [name.rpartition(" ")[0] for name in found]
    return found
