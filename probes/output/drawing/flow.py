"""Flow of blocks on a slide: columns from left to right, of rows of blocks below each other."""

import math
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from probes.output.drawing.marks import Block, Length

SLIDE = (1540, 860)
"""Width and height of the blocks of a slide without its margins, which make it 1600 x 900 at most,
with some room for longer numbers than those that it was planned with."""

ACROSS, DOWN = 36, 26
"""Distances of blocks in a flow: beside each other, and below each other."""

_UNIT = 12
"""Widths of blocks in a flow are compared in units of as many pixels."""

MOST_IN_ROW = 4
"""Most blocks in a row of a column of a flow."""


class Size(NamedTuple):
    """Width and height of a block in a flow."""

    width: Length
    height: Length


Heights = Float[np.ndarray, " units"]
"""Smallest height of a part of a flow in each width, in units; infinite where it is too narrow."""


def excess(size: Size | Block) -> Length:
    """Return the size of a flow relative to a slide: at most 1 where it fits."""
    return max(size.width / SLIDE[0], size.height / SLIDE[1])


_COMPACT = 0.8
"""Weight of the longer side of a flow that fits on a slide, beside the area that it takes."""


def cost(width: Heights | Length, height: Heights | Length) -> Float[np.ndarray, "..."]:
    """Return the cost of a flow by its sides, relative to a slide: of all that fit, the area.

    So there is little empty space. Flows that do not fit cost more than all that do.
    """
    longer = np.maximum(width, height)
    area = width * np.minimum(height, 1.0)
    return np.asarray(np.where(longer <= 1, area + _COMPACT * longer, 1 + longer))


Columns = tuple[tuple[tuple[int, ...], ...], ...]
"""Columns of a flow, rows of each, and in each row the numbers of the shapes of its blocks."""


def flowed(
    parts: Sequence[Sequence[Size]], size: tuple[Length, Length], in_row: int
) -> Columns | None:
    """Return the flow of blocks of the least cost on a slide, in reading order.

    Args:
        parts: Shapes of each block, one of which is taken.
        size: Largest width of the flow, and the height of the slide, which a flow may exceed.
        in_row: Most blocks in a row of a column.

    Returns:
        None where a block is too wide in each of its shapes.
    """
    return _Flow(parts, size[0], in_row).smallest(size[1])


class _Flow:
    """Smallest heights of all stretches of blocks in a row, in a column, and in columns.

    Args:
        parts: Shapes of each block.
        width: Largest width of the flow.
        in_row: Most blocks in a row.
    """

    def __init__(self, parts: Sequence[Sequence[Size]], width: Length, in_row: int) -> None:
        self.count, self.in_row = len(parts), in_row
        self.units = int((width + ACROSS) // _UNIT)
        self.shapes = [
            [(math.ceil((one.width + ACROSS) / _UNIT), one.height) for one in shapes]
            for shapes in parts
        ]

    def smallest(self, height: Length) -> Columns | None:
        """Return the flow of the least cost on a slide of a height; None without any."""
        costs = cost(np.arange(self.units + 1) / self.units, self.ends[0] / height)
        within = int(costs.argmin())
        if not math.isfinite(costs[within]):
            return None
        columns, start = [], 0
        while start < self.count:
            most = self.ends[start][within]
            end, wide = self._first_column(start, within, most)
            columns.append(self._rows_of(start, end, wide))
            start, within = end, within - wide
        return tuple(columns)

    @cached_property
    def rows(self) -> dict[tuple[int, int], Heights]:
        """Heights of the blocks from a first one to an end in one row of the flow."""
        found: dict[tuple[int, int], Heights] = {}
        for start in reversed(range(self.count)):
            for end in range(start + 1, min(start + self.in_row, self.count) + 1):
                heights = np.full(self.units + 1, np.inf)
                for wide, high in self.shapes[start]:
                    if wide <= self.units:
                        others = found[start + 1, end][:-wide] if end > start + 1 else 0.0
                        here = heights[wide:]
                        np.minimum(here, np.maximum(high, others), out=here)
                found[start, end] = heights
        return found

    @cached_property
    def columns(self) -> dict[tuple[int, int], Heights]:
        """Heights of the blocks from a first one to an end in one column of the flow."""
        found: dict[tuple[int, int], Heights] = {}
        for start in reversed(range(self.count)):
            for end in range(start + 1, self.count + 1):
                heights = [self.rows[start, end]] if (start, end) in self.rows else []
                heights += [
                    self.rows[start, turn] + DOWN + found[turn, end]
                    for turn in range(start + 1, min(start + self.in_row, end - 1) + 1)
                ]
                found[start, end] = np.minimum.reduce(heights)
        return found

    @cached_property
    def ends(self) -> dict[int, Heights]:
        """Heights of the blocks from each one to the last in columns of the flow."""
        found: dict[int, Heights] = {}
        for start in reversed(range(self.count)):
            heights = self.columns[start, self.count].copy()
            for end in range(start + 1, self.count):
                by_first = _by_first(self.columns[start, end], found[end])
                np.minimum(heights, by_first.min(axis=0), out=heights)
            found[start] = heights
        return found

    def _first_column(self, start: int, within: int, most: float) -> tuple[int, int]:
        """Return the end of the flow's first column from a block on, and its width.

        Of columns that make the flow no taller, it is the one of most blocks, then the narrowest.
        """
        for end in range(self.count, start, -1):
            heights = self.columns[start, end][: within + 1]
            if end < self.count:
                heights = _by_first(self.columns[start, end], self.ends[end])[:, within]
            fitting = np.flatnonzero(heights <= most)
            if fitting.size:
                break
        return end, int(fitting[0])

    def _rows_of(self, start: int, end: int, wide: int) -> tuple[tuple[int, ...], ...]:
        """Return the shapes of the blocks in each row of a column."""
        rows = []
        while start < end:
            left = self.columns[start, end][wide]
            turn = next(
                turn
                for turn in range(start + 1, end + 1)
                if (start, turn) in self.rows and self._height(start, turn, end, wide) <= left
            )
            rows.append(self._shapes_of(start, turn, wide))
            start = turn
        return tuple(rows)

    def _height(self, start: int, turn: int, end: int, wide: int) -> float:
        """Return the height of a column whose first row ends at a block."""
        height = self.rows[start, turn][wide]
        # In the order of the sum above, as it is compared with it.
        return float(height + DOWN + self.columns[turn, end][wide] if turn < end else height)

    def _shapes_of(self, start: int, end: int, wide: int) -> tuple[int, ...]:
        """Return the shapes of the blocks in a row: of each the first one that is low enough."""
        shapes = []
        most = self.rows[start, end][wide]
        for at in range(start, end):
            number, units = next(
                (number, units)
                for number, (units, high) in enumerate(self.shapes[at])
                if units <= wide and high <= most and self._fits(at + 1, end, wide - units, most)
            )
            shapes.append(number)
            wide -= units
        return tuple(shapes)

    def _fits(self, start: int, end: int, wide: int, most: float) -> bool:
        return start == end or bool(self.rows[start, end][wide] <= most)


@lru_cache(4)
def _left_over(units: int) -> Int[np.ndarray, "units units"]:
    """Return the width that a first column leaves of a flow, by both widths; -1 for none."""
    return np.asarray(np.maximum(np.arange(units)[None, :] - np.arange(units)[:, None], -1))


def _by_first(first: Heights, others: Heights) -> Float[np.ndarray, "units units"]:
    """Return the height of a flow by the width of its first column, and by its own width."""
    padded = np.append(others, np.inf)  # entry -1
    return np.asarray(np.maximum(first[:, None], padded[_left_over(len(others))]))


def in_flow(columns: Sequence[Sequence[Sequence[Block]]]) -> Block:
    """Lay out the columns of a flow, with the rows of each."""
    return beside([below([beside(row) for row in rows]) for rows in columns])


def beside(blocks: Sequence[Block]) -> Block:
    """Lay out blocks of a flow beside each other, with one upper edge."""
    if len(blocks) == 1:
        return blocks[0]
    parts, x = [], 0.0
    for block in blocks:
        parts.append((x, 0.0, block))
        x += block.width + ACROSS
    height = max((block.height for block in blocks), default=1.0)
    inset = blocks[0].inset if blocks else 0.0
    return Block(max(x - ACROSS, 1), height, parts=tuple(parts), inset=inset)


def below(blocks: Sequence[Block]) -> Block:
    """Lay out blocks of a flow below each other, with one left edge of their data."""
    if len(blocks) == 1:
        return blocks[0]
    inset = max((block.inset for block in blocks), default=0.0)
    parts, y = [], 0.0
    for block in blocks:
        parts.append((inset - block.inset, y, block))
        y += block.height + DOWN
    width = inset + max((block.width - block.inset for block in blocks), default=0.0)
    return Block(max(width, 1), max(y - DOWN, 1), parts=tuple(parts), inset=inset)
