"""Slides: panels in columns and rows, as large as fits, by the plan of figures of their form."""

from collections.abc import Callable, Iterator, Sequence

from probes.figures.figures import Figure, Panels
from probes.output.drawing.flow import (
    MOST_IN_ROW,
    SLIDE,
    Columns,
    Size,
    cost,
    excess,
    flowed,
    in_flow,
)
from probes.output.drawing.marks import Block, Length
from probes.output.drawing.plans import Plan, plan_of
from probes.output.drawing.room import ROOMS, Room
from probes.output.drawing.shapes import Shape, shaped, shapes

Draw = Callable[[Figure, Room], Block]
"""Function that lays out a part of a slide in a room."""

Offered = Sequence[tuple[Shape, Block]]
"""Shapes that a part of a slide may have, and the part in each."""

_TALLEST = 1160
"""Largest height of a slide without its margins, where its parts do not fit on one of the usual
height."""


def slide(
    figure: Panels, draw: Callable[[Panels], Draw], heading: Callable[[Panels], Length]
) -> Block:
    """Lay out panels on a slide, without its title.

    Args:
        draw: Returns the function that lays out the parts of a figure.
        heading: Returns the height of a figure's title.
    """
    plan = plan_of(figure, lambda typical: _plan(typical, draw(typical), heading(typical)))
    parts, drawn = iter(figure.figures), draw(figure)
    return in_flow(
        [
            [[drawn(shaped(next(parts), shape), plan.room) for shape in row] for row in rows]
            for rows in plan.columns
        ]
    )


def _plan(figure: Panels, draw: Draw, heading: Length) -> Plan:
    """Plan a slide in the first room in which all parts fit, in plain columns where these do.

    Where they fit in none, it is taller: in the first room in which it is not too tall, or that
    comes nearest.
    """
    found: list[tuple[Plan, Size]] = []
    for room in ROOMS:
        offered = [
            [(shape, draw(shaped(part, shape), room)) for shape in shapes(part)]
            for part in figure.figures
        ]
        for in_row in (1, MOST_IN_ROW):
            planned = [
                _planned(room, one, in_row, heading) for one in _alike(figure.figures, offered)
            ]
            best = min(planned, key=_cost)
            if excess(best[1]) <= 1:
                return best[0]
            found.append(best)
    tall = (plan for plan, size in found if size.width <= SLIDE[0] and size.height <= _TALLEST)
    return next(tall, min(found, key=_cost)[0])


def _cost(planned: tuple[Plan, Size]) -> float:
    width, height = planned[1]
    return float(cost(width / SLIDE[0], height / SLIDE[1]))


def _alike(parts: Sequence[Figure], offered: Sequence[Offered]) -> Iterator[list[Offered]]:
    """Yield the shapes of the parts of a slide with the same columns in all panels of a form."""
    forms = [_form_of(part) for part in parts]
    repeated = {one for one in forms if one and forms.count(one) > 1}
    pairs = list(zip(offered, [one in repeated for one in forms], strict=True))
    for at in range(max([1, *(len(one) for one, has_others in pairs if has_others)])):
        yield [[one[min(at, len(one) - 1)]] if has_others else one for one, has_others in pairs]


def _form_of(part: Figure) -> tuple[type, ...]:
    """Return the kinds of the figures in panels on a slide; none of other parts."""
    return tuple(map(type, part.figures)) if isinstance(part, Panels) else ()


def _planned(
    room: Room, offered: Sequence[Offered], in_row: int, heading: Length
) -> tuple[Plan, Size]:
    """Plan a slide in a room: the parts in a flow that is no wider than the slide, if any is."""
    sizes = [[Size(block.width, block.height) for _, block in one] for one in offered]
    columns: Columns = (tuple((0,) for _ in offered),)
    width: Length = SLIDE[0]
    while (fitting := flowed(sizes, (width, SLIDE[1] - heading), in_row)) is not None:
        columns = fitting
        # Columns are wider than their blocks where the left edges of these are aligned.
        if (over := _filled(columns, offered)[1].width - SLIDE[0]) <= 0:
            break
        width -= over
    shown, block = _filled(columns, offered)
    return Plan(room, shown), Size(block.width, block.height + heading)


def _filled(
    columns: Columns, offered: Sequence[Offered]
) -> tuple[tuple[tuple[tuple[Shape, ...], ...], ...], Block]:
    """Return the shapes of the parts in the columns of a slide, and the parts laid out there."""
    each = iter(offered)
    chosen = [[[next(each)[at] for at in row] for row in rows] for rows in columns]
    taken = tuple(tuple(tuple(shape for shape, _ in row) for row in rows) for rows in chosen)
    return taken, in_flow([[[block for _, block in row] for row in rows] for rows in chosen])
