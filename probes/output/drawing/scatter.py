"""Drawing of scatter plots."""

import math
from collections.abc import Iterable

import numpy as np
from jaxtyping import Float

from probes.figures.figures import Scatter, Tensor
from probes.output.drawing import numbers
from probes.output.drawing.axes import LINE_HEIGHT, Scale, frame, shortened, spaced
from probes.output.drawing.colour_bar import colour_bar
from probes.output.drawing.lines import OKABE_ITO, stretches
from probes.output.drawing.marks import (
    TEXT_SIZE,
    Area,
    Block,
    Colours,
    Dot,
    Dots,
    Length,
    Mark,
    Rectangle,
    Sketch,
    Stroke,
    Text,
)
from probes.output.drawing.room import AMPLE, Room
from probes.output.drawing.shading import shade
from probes.output.drawing.text import text_width

_HEIGHT = 5 / 7
"""Height of a scatter plot relative to its width."""
_WIDE = 300
"""Width in pixels of a scatter plot from which on its ticks are further apart."""
_CROWD = 300
"""Number of points from which on a scatter plot draws them smaller."""

_FAR = 1e6
"""Furthest place in pixels of a scatter plot's path: no format has places of any size."""

_ONE_COLOUR = np.asarray([OKABE_ITO[0]], np.uint8)

_Rectangle = tuple[Length, Length, Length, Length]


def scatter_block(figure: Scatter, room: Room = AMPLE) -> Block:
    """Draw a scatter plot: a point for each pair of finite values, with its label where it fits.

    Marked points are numbered, also where others have no place. A path is clipped to the range of
    the points, and has a gap where it has no place.
    """
    size = width, height = room.plot, round(room.plot * _HEIGHT)
    horizontal, vertical = _scales(figure, size)
    points = _places(figure.x, figure.y, horizontal, vertical)
    known = np.isfinite(points).all(axis=1)
    bottom = horizontal.axis(spaced(figure.x.name), apart=44 if width < _WIDE else 64)
    left = vertical.axis(spaced(figure.y.name), apart=44)
    radius = 4.0 if len(points) < _CROWD else 2.0
    colours, legend = _colours(figure, height)
    shown = Colours(colours.values.reshape(len(points))[known], colours.table)
    shapes: list[Dot | Dots | Stroke] = [Dots(points[known], radius, shown)]
    if figure.path:
        path = _places(*figure.path, horizontal, vertical)
        near = np.clip(path, -_FAR, _FAR)
        shapes += [Stroke(near[run], "text") for run in stretches(np.isfinite(path).all(axis=1))]
    marked = _places(*figure.marked, horizontal, vertical) if figure.marked else points[:0]
    rings = {n: (x, y) for n, (x, y) in enumerate(marked.tolist()) if math.isfinite(x + y)}
    for x, y in rings.values():
        shapes += [Dot(x, y, 7.0, "text"), Dot(x, y, 5.0, "ground"), Dot(x, y, 2.5, "text")]
    names = [each for each, ok in zip(figure.labels, known, strict=False) if ok]
    marks: list[Mark] = [
        *(Rectangle(0, at - 0.5, width, 1, "grid") for at, _ in left.ticks),
        *(Rectangle(at - 0.5, 0, 1, height, "grid") for at, _ in bottom.ticks),
        Rectangle(0, 0, width, height, "frame", border=1),
        Sketch(0, 0, width, height, tuple(shapes)),
        *(_labels(points[known], names, size) if names else ()),
        *(Text(x, y - 15, str(n), "mm") for n, (x, y) in rings.items()),
    ]
    areas = tuple(Area(each.name, (), 0, 0, width, height) for each in (figure.x, figure.y))
    return frame(Block(width, height, tuple(marks), areas), left, bottom, legend)


def _scales(figure: Scatter, size: tuple[int, int]) -> tuple[Scale, Scale]:
    """Return the scales of a scatter plot, across and upward."""
    own = figure.x, figure.y
    path = figure.path or own if figure.equal else own
    across, upward = map(_limits, zip(own, figure.marked or own, path, strict=True))
    if figure.equal:
        lengths = across[1] - across[0], upward[1] - upward[0]
        unit = max(length / side for length, side in zip(lengths, size, strict=True))
        across, upward = (
            (middle - side * unit / 2, middle + side * unit / 2)
            for side, middle in zip(size, (sum(across) / 2, sum(upward) / 2), strict=True)
        )
    return Scale(*across, size[0]), Scale(*upward, size[1], rising=True)


def _limits(tensors: Iterable[Tensor]) -> tuple[Length, Length]:
    span = numbers.span(tensor.values for tensor in tensors)
    return numbers.padded(*(span or (0.0, 1.0)), share=0.08)


def _places(
    x: Tensor, y: Tensor, horizontal: Scale, vertical: Scale
) -> Float[np.ndarray, "points 2"]:
    """Return the positions of points in a scatter plot."""
    across, upward = (np.asarray(each.values, dtype=np.float64).ravel() for each in (x, y))
    return np.column_stack([horizontal.places(across), vertical.places(upward)])


def _colours(figure: Scatter, height: int) -> tuple[Colours, Block | None]:
    """Return the colour of each point of a scatter plot, and its colour bar."""
    if figure.colour is None:
        return Colours(np.zeros(figure.x.values.size, np.uint8), _ONE_COLOUR), None
    shaded = shade(figure.colour)
    return shaded.colours, colour_bar(shaded, height)


def _labels(
    points: Float[np.ndarray, "points 2"], labels: list[str], size: tuple[int, int]
) -> list[Mark]:
    """Place each label of a scatter plot right, left, above or below its point, or omit it."""
    taken: list[_Rectangle] = [(x - 4, y - 4, x + 4, y + 4) for x, y in points.tolist()]
    marks: list[Mark] = []
    for (x, y), label in zip(points.tolist(), labels, strict=False):
        words = shortened(label, 24)
        half = text_width(words, TEXT_SIZE) / 2
        # In order of preference; the first that overlaps nothing is taken.
        offsets = ((half + 8, 0), (-half - 8, 0), (0, -13), (0, 13))
        for right, down in offsets:
            box = _around(x + right, y + down, half)
            if _inside(box, size) and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                marks.append(Text(x + right, y + down, words, "mm"))
                break
    return marks


def _around(x: Length, y: Length, half: Length) -> _Rectangle:
    return x - half, y - LINE_HEIGHT / 2 + 1, x + half, y + LINE_HEIGHT / 2 - 1


def _inside(box: _Rectangle, size: tuple[int, int]) -> bool:
    return box[0] >= 0 and box[1] >= 0 and box[2] <= size[0] and box[3] <= size[1]


def _overlap(one: _Rectangle, other: _Rectangle) -> bool:
    across = one[0] < other[2] and other[0] < one[2]
    return across and one[1] < other[3] and other[1] < one[3]
