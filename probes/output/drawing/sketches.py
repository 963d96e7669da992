"""Painting of sketches: antialiased shapes, drawn larger and averaged."""

import math
from collections.abc import Sequence
from functools import lru_cache, partial, reduce

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image, ImageDraw

from probes.output.drawing.marks import RGB, Dot, Dots, Length, Polygon, Stroke
from probes.output.drawing.themes import Theme

Shape = Stroke | Dot | Dots | Polygon
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
    palette = _Palette(theme)
    numbers = [palette.numbers(shape) for shape in shapes]
    drawing = _Drawing(
        (size[0] * factor, size[1] * factor), is_small=len(palette.colours) <= _MOST_BYTES
    )
    for shape, colour in zip(shapes, numbers, strict=True):
        if isinstance(shape, Dots):
            drawing.dots(shape, scale * factor, colour)
        else:
            drawing.shape(shape, scale * factor, int(colour[0]))
    drawn = drawing.array.reshape(size[1], factor, size[0], factor)[part[0], :, part[1]]
    _average(below, drawn, np.asarray([(0, 0, 0), *palette.colours], np.uint32))


class _Palette:
    """Colours of the shapes of a sketch, numbered from 1 on in the order of their use."""

    def __init__(self, theme: Theme) -> None:
        self.colours: dict[RGB, int] = {}
        self._theme = theme

    def numbers(self, shape: Shape) -> Int[np.ndarray, " dots"]:
        """Return the number of the colour of a shape, or of each of its dots."""
        if not isinstance(shape, Dots):
            return np.asarray([self._number(self._theme.rgb(shape.colour))])
        # A number for the three parts of a colour: rows take several times as long to compare.
        pixels = shape.colours.pixels.astype(np.int64)
        packed = pixels[:, 0] << 16 | pixels[:, 1] << 8 | pixels[:, 2]
        known, which = np.unique(packed, return_inverse=True)
        colours = [(one >> 16, one >> 8 & 255, one & 255) for one in known.tolist()]
        return np.asarray([self._number(colour) for colour in colours], np.int64)[which]

    def _number(self, colour: RGB) -> int:
        return self.colours.setdefault(colour, len(self.colours) + 1)


class _Drawing:
    """Numbers of the colours of a sketch: an image for Pillow's shapes, an array for dots."""

    def __init__(self, size: tuple[int, int], *, is_small: bool) -> None:
        self._array: np.ndarray | None = np.zeros(size[::-1], np.uint8 if is_small else np.int32)
        self._image: Image.Image | None = None

    @property
    def array(self) -> Int[np.ndarray, "height width"] | UInt8[np.ndarray, "height width"]:
        """The drawing as an array."""
        if self._array is None:
            self._array, self._image = np.array(self._image), None
        return self._array

    def shape(self, shape: Stroke | Dot | Polygon, scale: Length, number: int) -> None:
        """Draw a shape."""
        if self._image is None:
            self._array, self._image = None, Image.fromarray(self.array)
        _draw(ImageDraw.Draw(self._image), shape, scale, number)

    def dots(self, dots: Dots, scale: Length, numbers: Int[np.ndarray, " dots"]) -> None:
        """Draw dots, all at once: thousands take long one by one."""
        pixels = self.array
        height, width = pixels.shape
        centres, radius = dots.points * scale, dots.radius * scale
        # Pillow takes the whole part of each side.
        low = np.trunc(centres - radius).astype(np.int64)
        high = np.trunc(centres + radius).astype(np.int64)
        if (low < 0).any() or (high >= (width, height)).any():
            for dot, number in zip(dots.parts(), numbers.tolist(), strict=True):
                self.shape(dot, scale, number)
        elif len(low):
            wide, tall = (high - low).T
            sizes, which = np.unique(wide * height + tall, return_inverse=True)
            inside = [_inside(*divmod(one, height)) @ (width, 1) for one in sizes.tolist()]
            most = max(map(len, inside))
            # Places are repeated, so that each dot has as many.
            places = np.stack([np.resize(one, most) for one in inside])[which]
            places += (low[:, 1] * width + low[:, 0])[:, None]
            pixels.reshape(-1)[places] = numbers.astype(pixels.dtype)[:, None]


@lru_cache(64)
def _inside(width: int, height: int) -> Int[np.ndarray, "places 2"]:
    """Return rows and columns of the pixels inside of a dot in a box, by Pillow's ellipse."""
    dot = Image.new("L", (width + 1, height + 1))
    _ellipse(ImageDraw.Draw(dot), (0, 0, width, height), 1)
    return np.argwhere(np.asarray(dot))


def _ellipse(
    draw: ImageDraw.ImageDraw, box: tuple[Length, Length, Length, Length], colour: int
) -> None:
    # As `draw.ellipse` does, which takes most of the time of a plot to find its colours.
    draw.draw.draw_ellipse(box, colour, 1)


def _draw(
    draw: ImageDraw.ImageDraw, shape: Stroke | Dot | Polygon, scale: Length, colour: int
) -> None:
    match shape:
        case Stroke():
            corners = (shape.points * scale).ravel().tolist()
            line = partial(draw.line, corners, colour, max(1, round(shape.thickness * scale)))
            line(joint="curve") if len(shape.points) <= _SMOOTH_JOINTS else line()
        case Dot():
            x, y, radius = shape.x * scale, shape.y * scale, shape.radius * scale
            _ellipse(draw, (x - radius, y - radius, x + radius, y + radius), colour)
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
    parts = factor**2
    blocks = drawn[rows, :, columns].reshape(len(rows), parts)
    total = (blocks == 0).sum(axis=1, dtype=np.uint32)[:, None] * below[rows, columns]
    for one in blocks.T:
        total += colours.take(one, axis=0)
    below[rows, columns] = ((total + parts // 2) * (2**24 // parts)) >> 24
