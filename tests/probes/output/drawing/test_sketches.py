"""Sketches: dots that are painted at once have the pixels of dots one by one."""

import numpy as np
import pytest

from probes.output.drawing.marks import Colours, Dot, Dots, Stroke
from probes.output.drawing.sketches import paint_shapes
from probes.output.drawing.themes import THEMES

RANDOM = np.random.default_rng(5)
SIZE = (90, 60)


def painted(shapes: list[Dot | Dots | Stroke], scale: float) -> np.ndarray:
    """Paint shapes on a grey ground."""
    size = round(SIZE[0] * scale), round(SIZE[1] * scale)
    pixels = np.full((size[1], size[0], 3), 200, np.uint8)
    whole = slice(0, size[1]), slice(0, size[0])
    paint_shapes(pixels, whole, size, shapes, scale, THEMES["light"])
    return pixels


def dots(count: int, table: np.ndarray, margin: float = 8.0) -> Dots:
    """Return dots of random places and colours."""
    low, high = (margin, margin), (SIZE[0] - margin, SIZE[1] - margin)
    points = RANDOM.uniform(low, high, (count, 2))
    return Dots(points, 4.0, Colours(RANDOM.integers(0, len(table), count).astype(np.uint8), table))


@pytest.mark.parametrize("scale", [0.5, 1, 1.5, 3])
@pytest.mark.parametrize("margin", [8.0, -6.0])
def test_dots_at_once_are_those_one_by_one(scale: float, margin: float) -> None:
    """Later dots cover earlier ones; dots at the edge are cut."""
    table = RANDOM.integers(0, 256, (7, 3)).astype(np.uint8)
    line = Stroke(np.array([[3.0, 5.0], [80.0, 50.0]]), "text")
    group = dots(80, table, margin)

    at_once = painted([line, group, line], scale)
    assert np.array_equal(at_once, painted([line, *group.parts(), line], scale))
    assert (at_once != 200).any()


def test_dots_of_more_colours_than_bytes_count() -> None:
    """Each of 600 dots has its own colour."""
    table = np.stack([np.arange(256), np.arange(256) // 2, np.zeros(256, np.int64)], 1)
    groups = [dots(300, table.astype(np.uint8)), dots(300, table[:, ::-1].astype(np.uint8))]
    each = [dot for group in groups for dot in group.parts()]

    assert np.array_equal(painted([*groups], 1), painted([*each], 1))


def test_no_dots_leave_the_ground() -> None:
    """A plot without finite points is empty."""
    assert (painted([dots(0, np.zeros((1, 3), np.uint8))], 1) == 200).all()
