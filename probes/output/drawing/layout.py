"""Layout of figures: titles, captions, panels and shared axes."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import accumulate, pairwise
from operator import itemgetter
from typing import TypeGuard

from models.runtime.cancellation import raise_if_cancelled
from probes.figures.figures import (
    Bars,
    Figure,
    Heatmap,
    Lines,
    Measure,
    Overlay,
    Panels,
    Scatter,
    Tiles,
    tensors,
)
from probes.output.drawing import numbers
from probes.output.drawing.axes import Labels, in_a_row, shortened, spaced
from probes.output.drawing.bars import bars_block
from probes.output.drawing.flow import ACROSS, DOWN, excess, flowed, in_columns
from probes.output.drawing.heatmap import heatmap_block
from probes.output.drawing.lines import lines_block
from probes.output.drawing.marks import TEXT_SIZE, Block, Group, Length, Mark, Text
from probes.output.drawing.overlay import overlay_block
from probes.output.drawing.plans import Plan, plan_of
from probes.output.drawing.room import AMPLE, ROOMS, Room
from probes.output.drawing.scatter import scatter_block
from probes.output.drawing.text import text_width
from probes.output.drawing.tiles import tiles_block

Shared = Mapping[str, range]

_TITLE_SIZE = 17
_HEADING_SIZE = 22
_INNER_HEADING_SIZE = 19
_MARGIN = 20
_CAPTION_WIDTH = 240
_MOST_MEASURES = 4
"""Most measures in the caption that the layout puts above a figure; JSON has all."""


_MEASURES = {
    "f_input": "for the input",
    "f_baseline": "for the baseline",
    "delta": "missing from the sum",
}
"""Words for measures in captions whose names are symbols; others are words already."""


def page(figure: Figure) -> Block:
    """Lay out a figure as a page: a picture with margins."""
    block = _slide(figure) if _is_slide(figure) else lay_out(figure, {}, _HEADING_SIZE, AMPLE)
    size = (block.width + 2 * _MARGIN, block.height + 2 * _MARGIN)
    return Block(*size, parts=((_MARGIN, _MARGIN, block),))


def _is_slide(figure: Figure) -> TypeGuard[Panels]:
    return isinstance(figure, Panels) and figure.columns is None and len(figure.figures) > 0


def _slide(figure: Panels) -> Block:
    """Lay out panels on a slide by the plan of figures of their form."""
    plan = plan_of(figure, _plan)
    parts = _parts(figure, plan.room)
    ends = list(accumulate(plan.columns, initial=0))
    columns = [parts[start:end] for start, end in pairwise(ends)]
    return _titled(figure, in_columns(columns), _HEADING_SIZE)


def _plan(figure: Panels) -> Plan:
    """Plan a slide in the first room in which all parts fit, or that comes nearest."""
    found: list[tuple[Length, Plan]] = []
    for room in ROOMS:
        columns = flowed(_parts(figure, room))
        block = _titled(figure, in_columns(columns), _HEADING_SIZE)
        found.append((excess(block), Plan(room, tuple(map(len, columns)))))
        if found[-1][0] <= 1:
            return found[-1][1]
    return min(found, key=itemgetter(0))[1]


def _parts(figure: Panels, room: Room) -> list[Block]:
    shared = _common_axes(figure)
    return [lay_out(part, shared, _INNER_HEADING_SIZE, room) for part in figure.figures]


def lay_out(figure: Figure, shared: Shared, heading: int, room: Room) -> Block:
    """Lay out a figure with its title; axes in `shared` take their range from there."""
    raise_if_cancelled()
    size = heading if isinstance(figure, Panels) else _TITLE_SIZE
    return _titled(figure, _body(figure, shared, room), size)


def _body(figure: Figure, shared: Shared, room: Room) -> Block:
    match figure:
        case Panels():
            block = _grid(figure, {**_common_axes(figure), **shared}, room)
        case _ if any(tensor.values.size == 0 for tensor in tensors(figure)):
            block = Block(80, 20, (Text(0, 10, "no values", colour="caption"),))
        case Tiles():
            block = tiles_block(figure, room)
        case Heatmap():
            block = heatmap_block(figure, shared.get(figure.x), room)
        case Lines():
            block = lines_block(figure, shared.get(figure.x), room)
        case Bars():
            block = bars_block(figure, room)
        case Scatter():
            block = scatter_block(figure)
        case Overlay():
            block = overlay_block(figure)
    return block


def _titled(figure: Figure, body: Block, size: int) -> Block:
    """Lay out title and caption above a figure's data; the caption states a few measures."""
    title, inset = shortened(figure.title, 120), body.inset
    marks: list[Mark] = [_heading(title, inset, size)] if title else []
    height = size + 12.0 if title else 0.0
    width = max(body.width, inset + text_width(title, size))
    lines = _captions(figure.measures, max(width - inset, _CAPTION_WIDTH))
    for line in lines:
        marks.append(Text(inset, height + 2, line, colour="caption"))
        height += TEXT_SIZE + 5
        width = max(width, inset + text_width(line, TEXT_SIZE))
    height += 3 * bool(lines)
    return Block(width, height + body.height, tuple(marks), parts=((0, height, body),), inset=inset)


@lru_cache(256)
def _heading(title: str, inset: Length, size: int) -> Group:
    """Lay out a title, once for all figures with it."""
    return Group((Text(inset, size / 2, title, size=size),))


def _captions(measures: tuple[Measure, ...], width: Length) -> list[str]:
    """Return the lines of the caption above a figure: a few measures, as wide as the data."""
    if len(measures) > _MOST_MEASURES:
        return []
    lines: list[str] = []
    for stated in map(_stated, measures):
        joined = f"{lines[-1]}  ·  {stated}" if lines else stated
        if lines and text_width(joined, TEXT_SIZE) <= width:
            lines[-1] = joined
        else:
            lines.append(stated)
    return lines


def _stated(measure: Measure) -> str:
    value = measure.value
    if value is None:
        written = "none"
    elif isinstance(value, bool):
        written = "yes" if value else "no"
    elif isinstance(value, str):
        written = shortened(value)
    else:
        written = f"{value:,}" if isinstance(value, int) else numbers.number(value)
    words = _MEASURES.get(measure.name) or spaced(measure.name).replace(".", ", ")
    return " ".join(part for part in (words, written, measure.unit) if part)


def _grid(figure: Panels, shared: Shared, room: Room) -> Block:
    """Lay out panels in rows and columns, the left edges of data aligned in each column."""
    blocks = [lay_out(part, shared, _INNER_HEADING_SIZE, room) for part in figure.figures]
    columns = max(1, figure.columns or 1)
    if columns == 1:
        return in_columns([blocks])
    rows = [blocks[start : start + columns] for start in range(0, len(blocks), columns)]
    lefts, parts, x = [], [], 0.0
    for column in range(min(columns, len(blocks))):
        stack = blocks[column::columns]
        inset = max(block.inset for block in stack)
        lefts.append(x + inset)
        x += inset + max(block.width - block.inset for block in stack) + ACROSS
    y = 0.0
    for row in rows:
        parts += [(left - each.inset, y, each) for left, each in zip(lefts, row, strict=False)]
        y += max(block.height for block in row) + DOWN
    inset = lefts[0] if lefts else 0.0
    return Block(max(x - ACROSS, 1), max(y - DOWN, 1), parts=tuple(parts), inset=inset)


def _common_axes(figure: Panels) -> dict[str, range]:
    """Return the axes that a layout's panels share: ranges overlap, as 1 to 20 and 0 to 20 do.

    The figures share these axes, so that a step has one horizontal position in all of them.
    """
    found: dict[str, list[range | None]] = {}
    for axis, labels in _horizontal_axes(figure):
        found.setdefault(axis, []).append(in_a_row(labels) if len(labels) else None)
    common = {}
    # Axes with names instead of consecutive numbers, or with little overlap, are not shared.
    for axis, rows in found.items():
        known = [row for row in rows if row]
        if not known or len(known) < len(rows):
            continue
        whole = range(min(row[0] for row in known), max(row[-1] for row in known) + 1)
        if min(map(len, known)) * 2 >= len(whole):
            common[axis] = whole
    return common


def _horizontal_axes(figure: Figure) -> Iterator[tuple[str, Labels]]:
    match figure:
        case Panels():
            for part in figure.figures:
                yield from _horizontal_axes(part)
        case Heatmap():
            yield figure.x, figure.tensor.labels(figure.x)
        case Lines():
            for tensor in figure.tensors:
                yield figure.x, tensor.labels(figure.x)
