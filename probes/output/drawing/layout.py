"""Layout of figures: titles, captions, panels and shared axes."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
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
    Slides,
    Tiles,
    tensors,
)
from probes.output.drawing import numbers
from probes.output.drawing.axes import MOST_KEPT, Labels, in_a_row, shortened, spaced
from probes.output.drawing.bars import bars_block
from probes.output.drawing.flow import ACROSS, DOWN, SLIDE, below, beside
from probes.output.drawing.heatmap import heatmap_block
from probes.output.drawing.lines import lines_block
from probes.output.drawing.marks import TEXT_SIZE, Block, Group, Length, Mark, Text
from probes.output.drawing.overlay import overlay_block
from probes.output.drawing.room import AMPLE, Room
from probes.output.drawing.scatter import scatter_block
from probes.output.drawing.slides import Draw, slide
from probes.output.drawing.text import filled, text_width, wrapped
from probes.output.drawing.tiles import tiles_block

Shared = Mapping[str, range]

_TITLE_SIZE = 17
_HEADING_SIZE = 22
_INNER_HEADING_SIZE = 19
_MARGIN = 20
_TITLE_WIDTH, _CAPTION_WIDTH = 280, 240
"""Widths to which the title and the caption of a narrower part are broken."""
_TITLE_GAP = 4
"""Distance of two lines of a title."""
_MOST_MEASURES = 4
"""Most measures in the caption that the layout puts above a figure; JSON has all."""


def page(figure: Figure | Slides) -> Block:
    """Lay out a figure, or those of several inputs, as a page: a picture with margins."""
    block = _slides(figure) if isinstance(figure, Slides) else _alone(figure)
    size = (block.width + 2 * _MARGIN, block.height + 2 * _MARGIN)
    return Block(*size, parts=((_MARGIN, _MARGIN, block),))


def _slides(figure: Slides) -> Block:
    """Lay out slides in rows, one of which is as wide as a slide may be unless it has columns."""
    blocks = [_alone(one) for one in figure.figures]
    rows: list[list[Block]] = []
    for block in blocks:
        is_full = not rows or len(rows[-1]) == figure.columns
        if is_full or (figure.columns is None and beside([*rows[-1], block]).width > SLIDE[0]):
            rows.append([])
        rows[-1].append(block)
    return _titled(figure.title, (), below([beside(row) for row in rows]), _HEADING_SIZE)


def _alone(figure: Figure) -> Block:
    """Lay out a figure that has a page for itself, or a part of one beside other slides."""
    return _slide(figure) if _is_slide(figure) else lay_out(figure, {}, _HEADING_SIZE, AMPLE)


def _is_slide(figure: Figure) -> TypeGuard[Panels]:
    return isinstance(figure, Panels) and figure.columns is None and len(figure.figures) > 0


def _slide(figure: Panels) -> Block:
    """Lay out panels on a slide."""
    body = slide(figure, _draw, _heading_height)
    return _titled(figure.title, figure.measures, body, _HEADING_SIZE)


def _draw(figure: Panels) -> Draw:
    """Return the function that lays out the parts of a slide, with the axes that they share."""
    shared = _common_axes(figure)
    return lambda part, room: lay_out(part, shared, _INNER_HEADING_SIZE, room)


def _heading_height(figure: Panels) -> Length:
    return _titled(figure.title, figure.measures, Block(SLIDE[0], 0), _HEADING_SIZE).height


def lay_out(figure: Figure, shared: Shared, heading: int, room: Room) -> Block:
    """Lay out a figure with its title; axes in `shared` take their range from there."""
    raise_if_cancelled()
    is_page = heading == _HEADING_SIZE
    size = heading if is_page or isinstance(figure, Panels) else _TITLE_SIZE
    return _titled(figure.title, figure.measures, _body(figure, shared, room), size)


def _body(figure: Figure, shared: Shared, room: Room) -> Block:
    match figure:
        case Panels():
            block = _grid(figure, {**_common_axes(figure), **shared}, room)
        case _ if _is_empty(figure):
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
            block = scatter_block(figure, room)
        case Overlay():
            block = overlay_block(figure, room)
    return block


def _is_empty(figure: Figure) -> bool:
    """Return whether a figure has no values to lay out; points may lack a path and marks."""
    needed = (figure.x, figure.y) if isinstance(figure, Scatter) else tensors(figure)
    return any(tensor.values.size == 0 for tensor in needed)


def _titled(title: str, measures: tuple[Measure, ...], body: Block, size: int) -> Block:
    """Lay out title and caption above a figure's data; the caption states a few measures."""
    inset = body.inset
    most = max(body.width - inset, _TITLE_WIDTH) if size < _HEADING_SIZE else SLIDE[0]
    heading = wrapped(shortened(title, 120), size, most)
    marks: list[Mark] = [_heading(heading, inset, size)] if heading else []
    height = (size + _TITLE_GAP) * len(heading) + (12.0 - _TITLE_GAP) * bool(heading)
    width = max([body.width, *(inset + text_width(line, size) for line in heading)])
    lines = _captions(measures, max(width - inset, _CAPTION_WIDTH))
    for line in lines:
        marks.append(Text(inset, height + 2, line, colour="caption"))
        height += TEXT_SIZE + 5
        width = max(width, inset + text_width(line, TEXT_SIZE))
    height += 3 * bool(lines)
    return Block(width, height + body.height, tuple(marks), parts=((0, height, body),), inset=inset)


@lru_cache(MOST_KEPT)
def _heading(title: tuple[str, ...], inset: Length, size: int) -> Group:
    """Lay out the lines of a title, once for all figures with it."""
    pitch = size + _TITLE_GAP
    return Group(
        tuple(Text(inset, size / 2 + at * pitch, line, size=size) for at, line in enumerate(title))
    )


def _captions(measures: tuple[Measure, ...], width: Length) -> tuple[str, ...]:
    """Return the lines of the caption above a figure: a few measures, as wide as the data."""
    if len(measures) > _MOST_MEASURES:
        return ()
    stated = (_stated(one, one.value) for one in measures if one.value is not None)
    return filled(stated, "  ·  ", TEXT_SIZE, width)


def _stated(measure: Measure, value: float | int | str) -> str:
    if isinstance(value, bool):
        written = "yes" if value else "no"
    elif isinstance(value, str):
        written = shortened(value)
    else:
        written = f"{value:,}" if isinstance(value, int) else numbers.number(value)
    words = measure.words or spaced(measure.name).replace(".", ", ")
    return " ".join(part for part in (words, written, measure.unit) if part)


def _grid(figure: Panels, shared: Shared, room: Room) -> Block:
    """Lay out panels in rows and columns, the left edges of data aligned in each column."""
    blocks = [lay_out(part, shared, _INNER_HEADING_SIZE, room) for part in figure.figures]
    columns = max(1, figure.columns or 1)
    if columns == 1:
        return below(blocks)
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
