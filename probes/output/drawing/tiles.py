"""Drawing of tiles: small maps with captions, or in a table with row and column labels."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np

from probes.figures.figures import Colour, Tensor, Tiles
from probes.output.drawing import numbers
from probes.output.drawing.axes import LINE_HEIGHT, Track, frame, spaced
from probes.output.drawing.colour_bar import colour_bar
from probes.output.drawing.marks import (
    TEXT_SIZE,
    Area,
    Block,
    Length,
    Maps,
    Mark,
    Rectangle,
    Text,
)
from probes.output.drawing.room import AMPLE, Room
from probes.output.drawing.shading import Shaded, is_photograph, one_channel, shade
from probes.output.drawing.text import text_width

Corner = tuple[Length, Length]

_GAP = 5
_SIZES = ((1, 1, 280), (4, 4, 168), (16, 8, 84), (256, 16, 56), (math.inf, 32, 28))
"""Layout of tiles: largest number of them, most in a row, approximate size of one in pixels."""


@dataclass(frozen=True)
class _Shape:
    """Shape of the grid of tiles: those in a row, None for any number, and the room of all."""

    columns: int | None
    room: Room


_MOST_CAPTIONS = 512
"""Most tiles that have captions."""
_SHORT = {"output_channel": "out", "input_channel": "in"}


def tiles_block(figure: Tiles, room: Room = AMPLE) -> Block:
    """Draw tiles: each map of a tensor as one tile.

    Filters of several output and input channels are a table with one row for each output channel;
    others are in rows of `columns`, or of a number that gives a wide picture.
    """
    tensor, shaded = one_channel(figure.tensor), shade(figure.tensor)
    match tensor.values.shape, figure.columns:
        case (rows, columns, _, _), None if min(rows, columns) > 1:
            return _table(tensor, shaded, room)
        case _:
            bar = not is_photograph(figure.tensor)
            return _captioned(tensor, shaded, _Shape(figure.columns, room), has_bar=bar)


def _table(tensor: Tensor, shaded: Shaded, room: Room) -> Block:
    rows, columns, height, width = tensor.values.shape
    side = min(room.table / max(rows, columns), 56)
    # Even, as each side of a tile has half of it.
    gap = 2 * max(1, round(side / 16))
    cell = max(1, int((side - gap) // max(height, width)))
    across = Track(tensor.axes[1], tensor.labels(tensor.axes[1]), width * cell + gap)
    down = Track(tensor.axes[0], tensor.labels(tensor.axes[0]), height * cell + gap)
    corners = [
        (column * across.cell + gap // 2, row * down.cell + gap // 2)
        for row, column in np.ndindex(rows, columns)
    ]
    areas = _areas(tensor, corners, cell)
    marks = (
        Rectangle(0, 0, across.length, down.length, "gutter"),
        _maps(tensor, corners, cell, shaded, outlined=False),
    )
    data = Block(across.length, down.length, marks, areas)
    return frame(data, down.axis(upright=True), across.axis(), colour_bar(shaded, data.height))


def _captioned(tensor: Tensor, shaded: Shaded, shape: _Shape, *, has_bar: bool) -> Block:
    *leading, rows, width = tensor.values.shape
    count = math.prod(leading)
    columns = max(1, min(shape.columns or _columns(count, shape.room), count))
    cell = _cell(count, max(rows, width), shape.room)
    captions = _captions(tensor, shaded.colour) if count <= _MOST_CAPTIONS else [[]]
    lines = max(len(each) for each in captions)
    words = max([0.0, *(text_width(line, TEXT_SIZE) for each in captions for line in each)])
    across = max(width * cell, math.ceil(words)) + _GAP + 2 * bool(lines)
    down = rows * cell + _GAP + lines * (LINE_HEIGHT - 1) + 3 * bool(lines)
    indent = (across - _GAP - 2 * bool(lines) - width * cell) / 2
    corners = [
        (place % columns * across + indent, place // columns * down) for place in range(count)
    ]
    areas = _areas(tensor, corners, cell)
    maps = _maps(tensor, corners, cell, shaded)
    texts = [
        text
        for (x, y), each in zip(corners, captions, strict=False)
        for text in _caption(x + width * cell / 2, y + rows * cell, each)
    ]
    bottom = math.ceil(count / columns) * down - _GAP
    data = Block(columns * across - _GAP, bottom, (*texts, maps), areas)
    bar = colour_bar(shaded, bottom - lines * LINE_HEIGHT) if has_bar else None
    return frame(data, None, None, bar)


def _areas(tensor: Tensor, corners: Iterable[Corner], cell: int) -> tuple[Area, ...]:
    """Return the areas of the tiles at the given corners, in the order of their indices."""
    *leading, rows, columns = tensor.values.shape
    size = (columns * cell, rows * cell)
    indices = np.ndindex(*leading)
    return tuple(
        Area(tensor.name, index, *corner, *size)
        for index, corner in zip(indices, corners, strict=True)
    )


def _maps(
    tensor: Tensor, corners: list[Corner], cell: int, shaded: Shaded, *, outlined: bool = True
) -> Maps:
    """Return the mark of all tiles at the given corners, in the order of their indices."""
    rows, columns = tensor.values.shape[-2:]
    return Maps(
        np.asarray(corners, np.float64).reshape(-1, 2),
        columns * cell,
        rows * cell,
        shaded.pixels.reshape(-1, rows, columns, 3),
        shaded.missing.reshape(-1, rows, columns),
        outlined,
    )


def _columns(count: int, room: Room) -> int:
    """Return a number of tiles in a row that fills rows evenly and gives a wide picture."""
    widest = next(columns for most, columns, _ in _SIZES if count <= most)
    widest = min(widest, room.per_row or widest)
    return math.ceil(count / math.ceil(count / widest))


def _cell(count: int, side: int, room: Room) -> int:
    """Return the side of a tile's cell in pixels, larger for fewer tiles."""
    size = next(size for most, _, size in _SIZES if count <= most)
    if count > 1:
        size = int(min(size, room.tile))
    return max(1, min(size // side, 56))


def _captions(tensor: Tensor, colour: Colour) -> list[list[str]]:
    """Return the caption lines of each tile: its name, and its own colour range if it has one."""
    leading = tensor.axes[:-2]
    several = [axis for axis in leading if tensor.values.shape[tensor.axes.index(axis)] > 1]
    named = several or [axis for axis in leading if axis in tensor.coordinates]
    words = [[_named(axis, each, named) for each in tensor.labels(axis)] for axis in named]
    captions = [[" · ".join(each)] if each else [] for each in product(*words)]
    if isinstance(colour.vmin, tuple) and isinstance(colour.vmax, tuple):
        each = len(captions) // len(colour.vmin)
        for place, lines in enumerate(captions):
            lines.append(_range(colour.vmin[place // each], colour.vmax[place // each]))
    return captions


def _named(axis: str, label: int | str, named: list[str]) -> str:
    return str(label) if len(named) == 1 else f"{_SHORT.get(axis, spaced(axis))} {label}"


def _range(low: Length, high: Length) -> str:
    if low == -high and high:
        return f"±{numbers.number(high)}"
    return f"{numbers.number(low)} … {numbers.number(high)}"


def _caption(x: Length, y: Length, lines: list[str]) -> list[Mark]:
    return [
        Text(x, y + LINE_HEIGHT * 0.55 + place * (LINE_HEIGHT - 1), line, "mm", colour="caption")
        for place, line in enumerate(lines)
    ]
