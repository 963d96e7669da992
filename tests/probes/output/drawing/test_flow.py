"""Flow of blocks on a slide: the least cost of all flows, blocks in order."""

from collections.abc import Iterator, Sequence
from itertools import pairwise, product

import numpy as np
import pytest

from probes.output.drawing.flow import (
    ACROSS,
    DOWN,
    Columns,
    Size,
    cost,
    excess,
    flowed,
    in_flow,
)
from probes.output.drawing.marks import Block, walk

SIDE = (1540, 860)
RANDOM = np.random.default_rng(11)


def split(count: int) -> Iterator[list[range]]:
    """List the ways to divide numbers from 0 on into ranges, in order."""
    for cuts in product((False, True), repeat=count - 1):
        ends = [0, *(at + 1 for at, cut in enumerate(cuts) if cut), count]
        yield [range(start, end) for start, end in pairwise(ends)]


def size_of(sizes: Sequence[Size], columns: Sequence[Sequence[range]]) -> Size:
    """Return the size of columns of rows of blocks."""
    wide, high = [], []
    for rows in columns:
        wide.append(max(sum(sizes[at].width + ACROSS for at in row) for row in rows))
        high.append(sum(max(sizes[at].height for at in row) + DOWN for row in rows))
    return Size(sum(wide) - ACROSS, max(high) - DOWN)


def every_flow(parts: Sequence[Sequence[Size]]) -> Iterator[Size]:
    """List the sizes of all flows of blocks in all of their shapes."""
    for sizes in product(*parts):
        for columns in split(len(parts)):
            inside = [
                [[range(column.start + row.start, column.start + row.stop) for row in rows]
                for rows in split(len(column))] for column in columns
            ]  # fmt: skip
            for chosen in product(*inside):
                yield size_of(sizes, chosen)


def ranges(columns: Columns) -> list[list[range]]:
    """Return the blocks of each row of a flow."""
    at, found = 0, []
    for rows in columns:
        found.append([])
        for row in rows:
            found[-1].append(range(at, at + len(row)))
            at += len(row)
    return found


def relative(size: Size) -> float:
    """Return the cost of a size on a slide."""
    return float(cost(size.width / SIDE[0], size.height / SIDE[1]))


@pytest.mark.parametrize("scale", [5, 14, 20])
def test_a_flow_has_the_least_cost(scale: int) -> None:
    """It is that of all ways to place the blocks, which have widths of whole units."""
    for _ in range(6):
        parts = [
            [
                Size(float(12 * wide - ACROSS), float(12 * high))
                for wide, high in RANDOM.integers(scale, 3 * scale, (shapes, 2)).tolist()
            ]
            for shapes in RANDOM.integers(1, 3, 4).tolist()
        ]
        columns = flowed(parts, SIDE, 4)
        assert columns is not None
        chosen = [number for rows in columns for row in rows for number in row]
        sizes = [shapes[number] for shapes, number in zip(parts, chosen, strict=True)]
        found = size_of(sizes, ranges(columns))

        assert found.width <= SIDE[0]
        assert relative(found) <= min(map(relative, every_flow(parts))) * 1.01


def test_a_block_that_is_too_wide_has_no_flow() -> None:
    """Nor have blocks with it; the other shape of a block is taken where it fits."""
    wide, narrow = Size(1600.0, 50.0), Size(900.0, 90.0)

    assert flowed([[wide]], SIDE, 4) is None
    assert flowed([[narrow], [wide]], SIDE, 4) is None
    assert flowed([[wide, narrow]], SIDE, 4) == (((1,),),)


def test_rows_have_a_number_of_blocks_at_most() -> None:
    """Without rows of several, blocks are in plain columns."""
    parts = [[Size(200.0, 100.0)]] * 7

    for most in (1, 2):
        columns = flowed(parts, SIDE, most)
        assert columns is not None
        assert max(len(row) for rows in columns for row in rows) <= most
        assert sum(len(row) for rows in columns for row in rows) == 7


def test_blocks_are_placed_in_their_rows_and_columns() -> None:
    """Rows have one upper edge, and columns one left edge of the data."""
    blocks = [Block(100, 50, inset=inset) for inset in (10, 30, 0, 20)]
    flow = in_flow([[[blocks[0], blocks[1]], [blocks[2]]], [[blocks[3]]]])
    at = {id(part): (x, y) for x, y, part in walk(flow)}
    places = [at[id(block)] for block in blocks]

    assert places[0] == (0, 0)
    assert places[1] == (100 + ACROSS, 0)
    assert places[2] == (10, 50 + DOWN)
    assert places[3] == (200 + 2 * ACROSS, 0)
    assert (flow.width, flow.height) == (300 + 2 * ACROSS, 100 + DOWN)


def test_flows_that_do_not_fit_cost_more() -> None:
    """Of those that fit, the smaller area costs less; of others, the nearer one."""
    small, large, tall, taller = (0.4, 0.5), (0.9, 0.9), (0.5, 1.01), (0.5, 1.4)
    costs = [float(cost(*sides)) for sides in (small, large, tall, taller)]

    assert costs == sorted(costs)
    assert excess(Size(SIDE[0], SIDE[1])) == 1
