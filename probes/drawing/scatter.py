"""Scatter: points of two vectors."""

import numpy as np
from jaxtyping import Float

from probes.drawing import numbers
from probes.drawing.axes import LINE_HEIGHT, Scale, frame, shortened, spaced
from probes.drawing.canvas import text_width
from probes.drawing.lines import OKABE_ITO
from probes.drawing.marks import (
    FRAME,
    GRID,
    TEXT_SIZE,
    Area,
    Block,
    Dot,
    Length,
    Mark,
    Rectangle,
    Sketch,
    Text,
)
from probes.figures import Scatter

_WIDTH, _HEIGHT = 420, 300
_CROWD = 300
"""From so many points on, they are drawn smaller."""

_Rectangle = tuple[Length, Length, Length, Length]


def scatter_block(figure: Scatter) -> Block:
    """Draw a point for each pair of finite values, with its label where there is room for it."""
    across = np.asarray(figure.x.values, dtype=np.float64).ravel()
    upward = np.asarray(figure.y.values, dtype=np.float64).ravel()
    horizontal = Scale(*_limits(across), _WIDTH)
    vertical = Scale(*_limits(upward), _HEIGHT, rising=True)
    points = np.column_stack([horizontal.places(across), vertical.places(upward)])
    known = np.isfinite(points).all(axis=1)
    bottom = horizontal.axis(spaced(figure.x.name), apart=64)
    left = vertical.axis(spaced(figure.y.name), apart=44)
    radius = 4.0 if len(points) < _CROWD else 2.0
    dots = tuple(Dot(x, y, radius, OKABE_ITO[0]) for x, y in points[known].tolist())
    marks: list[Mark] = [
        *(Rectangle(0, at - 0.5, _WIDTH, 1, GRID) for at, _ in left.ticks),
        *(Rectangle(at - 0.5, 0, 1, _HEIGHT, GRID) for at, _ in bottom.ticks),
        Rectangle(0, 0, _WIDTH, _HEIGHT, FRAME, border=1),
        Sketch(0, 0, _WIDTH, _HEIGHT, dots),
        *_labels(
            points[known], [each for each, ok in zip(figure.labels, known, strict=False) if ok]
        ),
    ]
    areas = tuple(Area(each.name, (), 0, 0, _WIDTH, _HEIGHT) for each in (figure.x, figure.y))
    return frame(Block(_WIDTH, _HEIGHT, tuple(marks), areas), left, bottom)


def _limits(values: Float[np.ndarray, " points"]) -> tuple[Length, Length]:
    return numbers.padded(*(numbers.span([values]) or (0.0, 1.0)), share=0.08)


def _labels(points: Float[np.ndarray, "points 2"], labels: list[str]) -> list[Mark]:
    """Put each label right or left of its point, above or below; leave out what fits nowhere."""
    taken: list[_Rectangle] = [(x - 4, y - 4, x + 4, y + 4) for x, y in points.tolist()]
    marks: list[Mark] = []
    for (x, y), label in zip(points.tolist(), labels, strict=False):
        words = shortened(label, 24)
        half = text_width(words, TEXT_SIZE) / 2
        offsets = ((half + 8, 0), (-half - 8, 0), (0, -13), (0, 13))
        for right, down in offsets:
            box = _around(x + right, y + down, half)
            if _inside(box) and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                marks.append(Text(x + right, y + down, words, "mm"))
                break
    return marks


def _around(x: Length, y: Length, half: Length) -> _Rectangle:
    return x - half, y - LINE_HEIGHT / 2 + 1, x + half, y + LINE_HEIGHT / 2 - 1


def _inside(box: _Rectangle) -> bool:
    return box[0] >= 0 and box[1] >= 0 and box[2] <= _WIDTH and box[3] <= _HEIGHT


def _overlap(one: _Rectangle, other: _Rectangle) -> bool:
    across = one[0] < other[2] and other[0] < one[2]
    return across and one[1] < other[3] and other[1] < one[3]
