"""Drawing of heatmaps: a matrix as coloured cells with two axes."""

from collections.abc import Iterator

import numpy as np

from probes.figures.figures import Heatmap, Tensor
from probes.output.drawing import numbers
from probes.output.drawing.axes import ROW_OF_TEXT, Labels, Track, frame, in_a_row, step_cell
from probes.output.drawing.colour_bar import colour_bar
from probes.output.drawing.marks import (
    TEXT_SIZE,
    Area,
    Block,
    Length,
    Mark,
    Picture,
    Rectangle,
    Text,
    outline,
)
from probes.output.drawing.room import AMPLE, Room
from probes.output.drawing.shading import is_photograph, one_channel, shade
from probes.output.drawing.text import text_width

_MOST_NAMED = 24
"""Most rows of a heatmap that have a name each; of more, the names of some are left out."""


def heatmap_block(figure: Heatmap, shared: Labels | None, room: Room = AMPLE) -> Block:
    """Draw a heatmap; on a shared axis its columns are aligned with other panels."""
    tensor = one_channel(figure.tensor)
    own = tensor.labels(figure.x)
    labels = shared or in_a_row(own) or own
    is_map = set(tensor.axes) == {"y", "x"}  # maps have square cells
    if is_map:
        cell = max(room.rows // max(len(labels), tensor.values.size // len(own)), 1)
        down = _rows_of_map(tensor, figure.x, cell)
    else:
        cell = step_cell(len(labels), room.length)
        down = _rows(tensor, figure.x, room)
    track = Track(figure.x, labels, cell)
    side = tensor.axes.index(figure.x)
    # Colours are found before axes are merged, since a range per channel needs the channel axis.
    shaded = shade(figure.tensor)
    pixels = np.moveaxis(shaded.pixels, side, -2).reshape(-1, len(own), 3)
    missing = np.moveaxis(shaded.missing, side, -1).reshape(-1, len(own))
    left, height = float(track.middles(own[:1])[0]) - track.cell / 2, down.length
    size = track.cell * len(own), height
    area = Area(tensor.name, (), left, 0, *size)
    marks: list[Mark] = [outline(left, 0, *size)]
    texts = _written(figure, side) if figure.written else []
    is_written = bool(texts) and max(text_width(one, TEXT_SIZE) for one in texts) < track.cell
    if is_written:
        marks += _numbers(texts, (left, track.cell, down.cell), len(own))
    else:
        marks.append(Picture(left, 0, *size, pixels, missing))
    data = Block(track.length, height, tuple(marks), (area,))
    upright = down.axis(upright=True) if down.name else None
    has_bar = not (figure.written or is_photograph(figure.tensor))
    return frame(data, upright, track.axis(), colour_bar(shaded, height) if has_bar else None)


def _written(figure: Heatmap, side: int) -> list[str]:
    """Return the values of a heatmap as text, row by row."""
    values = np.moveaxis(figure.tensor.values, side, -1)
    return [numbers.number(float(value)) for value in values.ravel().tolist()]


def _numbers(
    texts: list[str], place: tuple[Length, Length, Length], columns: int
) -> Iterator[Mark]:
    """Draw the values of a heatmap as numbers: zeros are pale, other cells have a ground."""
    left, width, height = place
    for number, words in enumerate(texts):
        x, y = left + number % columns * width, number // columns * height
        is_zero = words == "0"
        yield Rectangle(x, y, width - 1, height, "backdrop" if is_zero else "grid")
        yield Text(
            x + width / 2, y + height / 2, words, "mm", colour="caption" if is_zero else "text"
        )


def _rows_of_map(tensor: Tensor, x: str, cell: int) -> Track:
    """Return the vertical track of a heatmap that is a map, of cells as high as wide."""
    [other] = (axis for axis in tensor.axes if axis != x)
    own = tensor.labels(other)
    return Track(other, in_a_row(own) or own, cell)


def _rows(tensor: Tensor, x: str, room: Room) -> Track:
    """Return a heatmap's vertical track: that of the other axis, or indices over several axes."""
    others = [axis for axis in tensor.axes if axis != x]
    count = tensor.values.size // tensor.values.shape[tensor.axes.index(x)]
    height = max(room.rows // count, 1 if count > room.rows else 2)
    if len(others) == 1:
        own = tensor.labels(others[0])
        if in_a_row(own) is None and count <= _MOST_NAMED:
            height = max(height, ROW_OF_TEXT)
        return Track(others[0], in_a_row(own) or own, min(height, room.row))
    return Track(" x ".join(others), range(count), min(height, room.row))
