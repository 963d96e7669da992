"""Flow of blocks on a slide: from top to bottom, in columns from left to right."""

from collections.abc import Sequence

from probes.output.drawing.marks import Block, Length

SLIDE = (1560, 840)
"""Width and height of the blocks of a slide without its margins, which make it 1600 wide."""

ACROSS, DOWN = 36, 26
"""Distances of blocks in a flow: of columns, and of blocks below each other."""

_MOST_TRIED = 24
"""Most blocks of a flow of which every height of a column is tried."""


def excess(block: Block) -> Length:
    """Return the size of a flow relative to a slide: at most 1 where it fits."""
    return max(block.width / SLIDE[0], block.height / SLIDE[1])


def flowed(blocks: Sequence[Block]) -> list[list[Block]]:
    """Return the columns of the flow of blocks that is the smallest on a slide, in order."""
    return min(_options(blocks), key=lambda columns: excess(in_columns(columns)))


def _options(blocks: Sequence[Block]) -> list[list[list[Block]]]:
    """List the ways to fill columns with successive blocks: one for each greatest height."""
    heights = [block.height + DOWN for block in blocks]
    count = len(blocks)
    if count > _MOST_TRIED:
        tried = {sum(heights) / columns for columns in range(1, count)}
    else:
        tried = {
            sum(heights[start:end]) for start in range(count) for end in range(start + 1, count + 1)
        }
    found: dict[tuple[int, ...], list[list[Block]]] = {}
    for most in sorted(tried):
        if most >= max(heights, default=0):
            columns = _filled(blocks, heights, most)
            found.setdefault(tuple(map(len, columns)), columns)
    return list(found.values()) or [[list(blocks)]]


def _filled(blocks: Sequence[Block], heights: list[Length], most: Length) -> list[list[Block]]:
    columns: list[list[Block]] = [[]]
    filled = 0.0
    for block, height in zip(blocks, heights, strict=True):
        if columns[-1] and filled + height > most + 1e-6:
            columns.append([])
            filled = 0.0
        columns[-1].append(block)
        filled += height
    return columns


def in_columns(columns: Sequence[Sequence[Block]]) -> Block:
    """Lay out columns of blocks, the left edges of data aligned in each column."""
    parts, x, height, first = [], 0.0, 1.0, 0.0
    for number, column in enumerate(columns):
        inset, y = max((block.inset for block in column), default=0.0), 0.0
        first = first if number else inset
        for block in column:
            parts.append((x + inset - block.inset, y, block))
            y += block.height + DOWN
        x += inset + max((block.width - block.inset for block in column), default=0.0) + ACROSS
        height = max(height, y - DOWN)
    return Block(max(x - ACROSS, 1), height, parts=tuple(parts), inset=first)
