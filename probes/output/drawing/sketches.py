"""Painting of sketches: antialiased shapes, drawn larger and averaged."""

import math
from collections.abc import Sequence
from functools import partial, reduce

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from probes.output.drawing.marks import Dot, Length, Polygon, Stroke
from probes.output.drawing.themes import Theme

Shape = Stroke | Dot | Polygon
Part = tuple[slice, slice]

_SMOOTH_FROM = 6
"""Smallest scale at which a sketch is drawn: Pillow's lines are not antialiased."""

_SMOOTH_JOINTS = 400
"""Most points of a sketched line with rounded joints, which Pillow draws one by one in Python; in
longer lines the segments are too short for missing joints to be visible."""

_MOST_BYTES = 255
"""Most colours of a sketch whose numbers are drawn as bytes."""


def paint_shapes(
    below: UInt8[np.ndarray, "height width 3"],
    part: Part,
    size: tuple[int, int],
    shapes: Sequence[Shape],
    scale: Length,
    theme: Theme,
) -> None:
    """Paint the shapes of a sketch over the pixels below them.

    The number of each colour is drawn, two or three times as large. Then each pixel below a shape
    is the mean of the colours drawn in it, of which those of no shape are its own.

    Args:
        below: Pixels of the part of the sketch that is on the canvas.
        part: Rows and columns of that part.
        size: Width and height of the sketch in pixels.
        shapes: Shapes in painting order.
        scale: Scale of the picture.
        theme: Colours of the shapes.
    """
    # At least 2 for antialiasing, at most 3 to bound memory.
    factor = max(2, min(3, math.ceil(_SMOOTH_FROM / scale)))
    inks = {ink: theme.rgb(ink) for ink in dict.fromkeys(shape.colour for shape in shapes)}
    colours = list(dict.fromkeys(inks.values()))
    numbers = {ink: colours.index(colour) + 1 for ink, colour in inks.items()}
    mode = "L" if len(colours) <= _MOST_BYTES else "I"
    large = Image.new(mode, (size[0] * factor, size[1] * factor))
    draw = ImageDraw.Draw(large)
    for shape in shapes:
        _draw(draw, shape, scale * factor, numbers[shape.colour])
    drawn = np.asarray(large).reshape(size[1], factor, size[0], factor)[part[0], :, part[1]]
    _average(below, drawn, np.asarray([(0, 0, 0), *colours], np.int64))


def _draw(draw: ImageDraw.ImageDraw, shape: Shape, scale: Length, colour: int) -> None:
    match shape:
        case Stroke():
            corners = (shape.points * scale).ravel().tolist()
            line = partial(draw.line, corners, colour, max(1, round(shape.thickness * scale)))
            line(joint="curve") if len(shape.points) <= _SMOOTH_JOINTS else line()
        case Dot():
            x, y, radius = shape.x * scale, shape.y * scale, shape.radius * scale
            box = (x - radius, y - radius, x + radius, y + radius)
            # As `draw.ellipse` does, which takes most of the time of a plot to find its colours.
            draw.draw.draw_ellipse(box, colour, 1)
        case Polygon():
            draw.polygon((shape.points * scale).ravel().tolist(), fill=colour)


def _average(
    below: UInt8[np.ndarray, "height width 3"], drawn: np.ndarray, colours: np.ndarray
) -> None:
    """Average the colours that are drawn in each pixel, rounded as Pillow's `reduce` does.

    Args:
        below: Pixels below the shapes, which are replaced.
        drawn: Number of the colour of each part of a pixel, 0 below no shape; axes are the rows,
            the rows of a pixel, the columns and the columns of a pixel.
        colours: Red, green and blue of each colour.
    """
    factor = drawn.shape[1]
    # Whole rows and columns at once: reduction over an axis of three takes several times as long.
    folded = reduce(np.bitwise_or, (drawn[:, at] for at in range(factor)))
    touched = reduce(np.bitwise_or, (folded[..., at] for at in range(factor)))
    rows, columns = np.nonzero(touched)
    blocks = drawn[rows, :, columns].reshape(len(rows), -1)
    parts = factor**2
    total = (blocks == 0).sum(axis=1)[:, None] * below[rows, columns].astype(np.int64)
    for one in blocks.T:
        total += colours.take(one, axis=0)
    below[rows, columns] = ((total + parts // 2) * (2**24 // parts)) >> 24
