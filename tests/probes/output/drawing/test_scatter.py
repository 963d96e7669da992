"""Scatter plots of values that are not finite, too large, or missing: drawn in each format."""

import re
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pypdfium2
import pytest

from probes.figures.figures import Figure, Lines, Scatter, Tensor
from probes.output.drawing.layout import page
from probes.output.drawing.marks import Sketch, Stroke, Text, walk
from probes.output.render import place, render
from probes.output.style import Style
from tests.probes.output.rasters import decoded

NAN, INF, MOST = np.nan, np.inf, sys.float_info.max


def vector(name: str, *values: float) -> Tensor:
    """Return a tensor of some values."""
    return Tensor(name, "statistic", ("at",), np.array(values, np.float64))


PLAIN = Scatter("s", vector("x", 0, 1, 2), vector("y", 0, 1, 2))


def pair(across: tuple[float, ...], upward: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """Return two tensors: a path, or marked points."""
    return vector("a", *across), vector("b", *upward)


FIGURES: dict[str, Figure] = {
    "path with a gap": replace(PLAIN, path=pair((0, 1, NAN, 1, 2), (0, 1, 1, 0, 1))),
    "path without places": replace(PLAIN, path=pair((NAN, INF), (0, -INF))),
    "path that is far": replace(PLAIN, path=pair((-1e300, 1e300), (0.5, 1.5))),
    "marked": replace(PLAIN, marked=pair((NAN, 1, -INF), (0, 1, 1))),
    "marked without places": replace(PLAIN, marked=pair((NAN,), (1,))),
    "equal": replace(PLAIN, path=pair((0, NAN, 1), (0, 1, 1)), equal=True),
    "points": Scatter("s", vector("x", NAN, INF, 1), vector("y", 1, 1, -INF)),
    "widest": Scatter("s", vector("x", MOST, -MOST), vector("y", 1, 2)),
    "widest lines": Lines("l", (vector("x", MOST, -MOST, 0, 1),), "at"),
}


@pytest.mark.parametrize("name", FIGURES)
def test_each_format_has_a_picture(name: str) -> None:
    """A place that is not finite is left out: no format knows it."""
    figure = FIGURES[name]
    svg = render(figure, Style(), "svg")
    root = ET.fromstring(svg)  # noqa: S314 - our own
    numbers = " ".join(
        value
        for one in root.iter()
        for key, value in one.attrib.items()
        if key in {"x", "y", "cx", "cy", "points", "width", "height"}
    )

    assert not re.search("nan|inf", numbers)
    assert decoded(render(figure)).std() > 0
    document = pypdfium2.PdfDocument(render(figure, Style(), "pdf"))
    assert len(document) == 1
    document.close()


def test_marked_points_keep_their_numbers() -> None:
    """Point 1 is 1 also where point 0 has no place."""
    found = [
        mark.words
        for _, _, block in walk(page(FIGURES["marked"]))
        for mark in block.marks
        if isinstance(mark, Text)
    ]

    assert found == ["1"]


def test_a_path_has_a_gap() -> None:
    """A line from one side of the gap to the other would be of no values."""
    [sketch] = [
        mark
        for _, _, block in walk(page(FIGURES["path with a gap"]))
        for mark in block.marks
        if isinstance(mark, Sketch)
    ]

    assert [len(one.points) for one in sketch.shapes if isinstance(one, Stroke)] == [2, 2]


@pytest.mark.parametrize("part", ["marked", "path"])
def test_points_are_drawn_without_others(part: str) -> None:
    """A search that found no fixed point still shows its trajectories."""
    none = pair((), ())
    figure = replace(PLAIN, **{part: none})

    assert place(figure) == place(PLAIN)
    assert render(figure) == render(PLAIN)
    assert len(render(figure, Style(), "pdf")) > 1000


def test_no_points_are_no_values() -> None:
    """Without points there is nothing to draw."""
    assert place(Scatter("s", vector("x"), vector("y"))) == []
