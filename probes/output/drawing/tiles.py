"""Drawing of tiles: small maps with captions, or in a table with row and column labels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from probes.figures.figures import Colour, Tensor, Tiles
from probes.output.drawing import numbers
from probes.output.drawing.axes import LINE_HEIGHT, Track, frame, spaced
from probes.output.drawing.colour_bar import colour_bar
from probes.output.drawing.marks import (
    TEXT_SIZE,
    Areas,
    Block,
    Group,
    Length,
    Maps,
    Mark,
    Rectangle,
    Text,
    outline,
)
from probes.output.drawing.room import AMPLE, Room
from probes.output.drawing.shading import Shaded, is_photograph, one_channel, shade
from probes.output.drawing.text import text_width

_GAP = 5
_SIZES = ((1, 1, 280), (4, 4, 168), (16, 8, 84), (256, 16, 56), (math.inf, 32, 28))
"""Layout of tiles: largest number of them, most in a row, approximate size of one in pixels."""


@dataclass(frozen=True)
class _Shape:
    """Shape of the grid of tiles: those in a row, None for any number, and the room of all."""

    columns: int | None
    room: Room


_LEGIBLE = 560
"""Longer side in pixels of a table of maps up to which its values have two pixels in any room."""
_MOST_LARGE = 16
"""Most maps of which a smaller room makes each a little smaller only."""
_MOST_CAPTIONS = 512
"""Most tiles that have captions."""
_SHORT = {"output_channel": "out", "input_channel": "in"}


def tiles_block(figure: Tiles, room: Room = AMPLE) -> Block:
    """Draw tiles: each map of a tensor as one tile.

    Filters of several output and input channels are a table with one row for each output channel;
    others are in rows of `columns`, or of a number that gives a wide picture.
    """
    tensor, shaded = one_channel(figure.tensor), shade(figure.tensor)
    if figure.columns is None and is_table(figure.tensor):
        return _table(tensor, shaded, room)
    bar = not is_photograph(figure.tensor)
    return _captioned(tensor, shaded, _Shape(figure.columns, room), has_bar=bar)


def is_table(tensor: Tensor) -> bool:
    """Whether the tiles of a tensor are a table: filters of several output and input channels."""
    match one_channel(tensor).values.shape:
        case (rows, columns, _, _):
            return bool(min(rows, columns) > 1)
        case _:
            return False


def _table(tensor: Tensor, shaded: Shaded, room: Room) -> Block:
    rows, columns, height, width = tensor.values.shape
    most = max(rows, columns)
    # Two pixels a value and two between maps, where there is room for them.
    least = 2 * max(height, width) + 2
    side = min(max(room.table, least * most if least * most <= _LEGIBLE else 0) / most, 56)
    # Even, as each side of a tile has half of it.
    gap = 2 * max(1, round(side / 16))
    cell = max(1, int((side - gap) // max(height, width)))
    across = Track(tensor.axes[1], tensor.labels(tensor.axes[1]), width * cell + gap)
    down = Track(tensor.axes[0], tensor.labels(tensor.axes[0]), height * cell + gap)
    corners = [
        (column * across.cell + gap // 2, row * down.cell + gap // 2)
        for row, column in np.ndindex(rows, columns)
    ]
    places = np.asarray(corners, np.float64).reshape(-1, 2)
    areas = _areas(tensor.name, tensor.values.shape, places, cell)
    marks = (
        Rectangle(0, 0, across.length, down.length, "gutter"),
        _maps(tensor, places, cell, shaded, outlined=False),
    )
    data = Block(across.length, down.length, marks, (areas,))
    return frame(data, down.axis(upright=True), across.axis(), colour_bar(shaded, data.height))


def _captioned(tensor: Tensor, shaded: Shaded, shape: _Shape, *, has_bar: bool) -> Block:
    count = math.prod(tensor.values.shape[:-2])
    form = _form(tensor, shaded.colour, shape)
    grid = (_kept_grid if count <= _MOST_CAPTIONS and form.ranges is None else _grid)(form)
    maps = _maps(tensor, grid.corners, grid.cell, shaded, outlined=count > _MOST_CAPTIONS)
    data = Block(*grid.size, (grid.frame, maps), (grid.areas,))
    return frame(data, None, None, colour_bar(shaded, grid.bar) if has_bar else None)


class _Form(NamedTuple):
    """Form of captioned tiles: all that their places and captions depend on.

    Attributes:
        name: Of the tensor.
        sizes: Its shape.
        names: Axes that captions name, with their labels.
        ranges: Colour range of each tile; None where all have one.
        shape: Shape of the grid.
    """

    name: str
    sizes: tuple[int, ...]
    names: tuple[tuple[str, Sequence[int | str]], ...]
    ranges: tuple[str, ...] | None
    shape: _Shape


@dataclass(frozen=True, eq=False)
class _Grid:
    """Grid of captioned tiles.

    Attributes:
        frame: Captions, and an outline of each tile where it has a caption.
        corners: Left and top of each tile.
        areas: Areas of the tiles.
        cell: Side of a value in pixels.
        size: Width and height of the grid.
        bar: Height of the colour bar beside it.
    """

    frame: Group
    corners: Float[np.ndarray, "tiles 2"]
    areas: Areas
    cell: int
    size: tuple[Length, Length]
    bar: Length


def _form(tensor: Tensor, colour: Colour, shape: _Shape) -> _Form:
    """Return the form of captioned tiles of a tensor."""
    leading, sizes = tensor.axes[:-2], tensor.values.shape
    several = [axis for axis, size in zip(leading, sizes, strict=False) if size > 1]
    named = several or [axis for axis in leading if axis in tensor.coordinates]
    labels = [tensor.labels(axis) for axis in named]
    names = tuple(
        (axis, each if isinstance(each, range) else tuple(each))
        for axis, each in zip(named, labels, strict=True)
    )
    ranges = None
    if isinstance(colour.vmin, tuple) and isinstance(colour.vmax, tuple):
        ranges = tuple(map(_range, colour.vmin, colour.vmax))
    return _Form(tensor.name, sizes, names, ranges, shape)


def _grid(form: _Form) -> _Grid:
    """Lay out captioned tiles of a form."""
    *leading, rows, width = form.sizes
    shape, count = form.shape, math.prod(leading)
    columns = max(1, min(shape.columns or _columns(count), count))
    cell = _cell(count, max(rows, width), shape.room)
    captions = _captions(form) if count <= _MOST_CAPTIONS else [[]]
    lines = max(len(each) for each in captions)
    words = max([0.0, *(text_width(line, TEXT_SIZE) for each in captions for line in each)])
    across = max(width * cell, math.ceil(words)) + _GAP + 2 * bool(lines)
    down = rows * cell + _GAP + lines * (LINE_HEIGHT - 1) + 3 * bool(lines)
    indent = (across - _GAP - 2 * bool(lines) - width * cell) / 2
    corners = [
        (place % columns * across + indent, place // columns * down) for place in range(count)
    ]
    texts = tuple(
        text
        for (x, y), each in zip(corners, captions, strict=False)
        for text in _caption(x + width * cell / 2, y + rows * cell, each)
    )
    bottom = math.ceil(count / columns) * down - _GAP
    places = np.asarray(corners, np.float64).reshape(-1, 2)
    outlines = [outline(x, y, width * cell, rows * cell) for x, y in corners]
    return _Grid(
        Group((*texts, *(outlines if count <= _MOST_CAPTIONS else ()))),
        places,
        _areas(form.name, form.sizes, places, cell),
        cell,
        (columns * across - _GAP, bottom),
        bottom - lines * LINE_HEIGHT,
    )


_kept_grid = lru_cache(256)(_grid)


def _areas(
    name: str, sizes: tuple[int, ...], corners: Float[np.ndarray, "tiles 2"], cell: int
) -> Areas:
    """Return the areas of the tiles at the given corners, in the order of their indices."""
    *leading, rows, columns = sizes
    size = np.broadcast_to(np.asarray([columns * cell, rows * cell], np.float64), corners.shape)
    return Areas(name, tuple(leading), np.concatenate([corners, size], axis=1))


def _maps(
    tensor: Tensor,
    corners: Float[np.ndarray, "tiles 2"],
    cell: int,
    shaded: Shaded,
    *,
    outlined: bool,
) -> Maps:
    """Return the mark of all tiles at the given corners, in the order of their indices."""
    rows, columns = tensor.values.shape[-2:]
    return Maps(
        corners,
        columns * cell,
        rows * cell,
        shaded.colours,
        shaded.missing.reshape(-1, rows, columns),
        outlined,
    )


def _columns(count: int) -> int:
    """Return a number of tiles in a row that fills rows evenly and gives a wide picture."""
    widest = next(columns for most, columns, _ in _SIZES if count <= most)
    return math.ceil(count / math.ceil(count / widest))


def _cell(count: int, side: int, room: Room) -> int:
    """Return the side of a tile's cell in pixels, larger for fewer tiles."""
    size = next(size for most, _, size in _SIZES if count <= most)
    # A few maps are seen best: they are made smaller less than many.
    share = room.tile if count > _MOST_LARGE else math.sqrt(room.tile)
    return max(1, min(int(size * share) // side, 56))


def _captions(form: _Form) -> list[list[str]]:
    """Return the caption lines of each tile: its name, and its own colour range if it has one."""
    is_single = len(form.names) == 1
    words = [
        [str(each) if is_single else f"{_SHORT.get(axis, spaced(axis))} {each}" for each in labels]
        for axis, labels in form.names
    ]
    captions = [[" · ".join(each)] if each else [] for each in product(*words)]
    if form.ranges is not None:
        each = len(captions) // len(form.ranges)
        for place, lines in enumerate(captions):
            lines.append(form.ranges[place // each])
    return captions


def _range(low: Length, high: Length) -> str:
    if low == -high and high:
        return f"±{numbers.number(high)}"
    return " … ".join(numbers.ends(low, high))


def _caption(x: Length, y: Length, lines: list[str]) -> list[Mark]:
    return [
        Text(x, y + LINE_HEIGHT * 0.55 + place * (LINE_HEIGHT - 1), line, "mm", colour="caption")
        for place, line in enumerate(lines)
    ]
