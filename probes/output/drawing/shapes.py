"""Shapes of the parts of a slide: numbers of columns that maps, and panels in panels, may have."""

import math
from dataclasses import replace

from probes.figures.figures import Figure, Panels, Tiles
from probes.output.drawing.shading import one_channel
from probes.output.drawing.tiles import is_table

Shape = int | None
"""Columns of a part of a slide; None for a part that has one shape alone."""

_IN_ROW = (4, 8, 12, 16)
"""Most maps in a row, of which each number makes a shape of evenly filled rows."""

_MOST_COLUMNS = 4
"""Most columns of panels that are part of a slide."""


def shapes(figure: Figure) -> tuple[Shape, ...]:
    """Return the shapes that a part of a slide may have."""
    match figure:
        case Tiles(columns=None) if figure.tensor.values.size and not is_table(figure.tensor):
            count = math.prod(one_channel(figure.tensor).values.shape[:-2])
            evenly = (math.ceil(count / math.ceil(count / most)) for most in _IN_ROW)
            return tuple(dict.fromkeys(evenly))
        case Panels(columns=None) if figure.figures:
            return tuple(range(1, min(len(figure.figures), _MOST_COLUMNS) + 1))
        case _:
            return (None,)


def shaped(figure: Figure, shape: Shape) -> Figure:
    """Return a part of a slide in one of its shapes."""
    if shape is not None and isinstance(figure, Tiles | Panels):
        return replace(figure, columns=shape)
    return figure
