"""Frames of charts: cells of maps, and labels and titles of axes within the picture."""

from collections.abc import Iterator

import numpy as np
import pytest

from probes.figures.figures import Bars, Figure, Heatmap, Panels, Tensor
from probes.output.drawing.layout import page
from probes.output.drawing.marks import Group, Mark, Text, walk
from probes.output.drawing.shading import colour_rule
from probes.output.drawing.text import text_width
from probes.output.render import place
from tests.probes.pictures import holding, tensor

LABELS = tuple(f"a very long class name number {at} here" for at in range(20))


def named(values: np.ndarray, axes: str, labels: tuple[str, ...]) -> Tensor:
    """Return a tensor with names of classes."""
    return Tensor("logits", "logits", tuple(axes.split()), values, {"class": labels})


ROW = Tensor("effect", "effect", ("output_channel", "label"), np.array([[1.0, -1.0, 2.0]]))
FIGURES: dict[str, Figure] = {
    "bars": Bars("b", named(np.linspace(0, 1, 20), "class", LABELS), (0.0, 1.0)),
    "heatmap": Heatmap("h", named(np.ones((2, 3)), "edit class", LABELS[:3]), "class"),
    "one axis": Heatmap("h", named(np.linspace(0, 1, 3), "class", LABELS[:3]), "class"),
    "one row": Heatmap("r", ROW, "label"),
    "rows": Panels("p", (Heatmap("r", ROW, "label"), Heatmap("s", ROW, "label"))),
}


@pytest.mark.parametrize("x", ["x", "y"])
@pytest.mark.parametrize("shape", [(100, 10), (10, 100), (28, 28), (400, 3), (1, 9), (7, 1)])
def test_maps_have_square_cells(shape: tuple[int, int], x: str) -> None:
    """A map that is taller than wide, or wider than tall, has its own proportions."""
    [area] = place(Heatmap("h", tensor(shape, "y x"), x))
    across, down = shape[::-1] if x == "x" else shape

    assert area.width / across == area.height / down >= 1


def words(marks: tuple[Mark, ...]) -> Iterator[Text]:
    """List texts of marks, those of groups too."""
    for mark in marks:
        if isinstance(mark, Text):
            yield mark
        elif isinstance(mark, Group):
            yield from words(mark.marks)


def boxes(figure: Figure) -> list[tuple[float, float, float, float]]:
    """Left, top, right and bottom of each text of a picture."""
    found = []
    for x, y, block in walk(page(figure)):
        for mark in words(block.marks):
            length, half = text_width(mark.words, mark.size), mark.size / 2 - 2
            before = {"l": 0.0, "m": 0.5, "r": 1.0}[mark.anchor[0]] * length
            across, down = x + mark.x, y + mark.y
            if mark.upward:
                found.append((across - half, down - before, across + half, down + before))
            else:
                found.append((across - before, down - half, across - before + length, down + half))
    return found


@pytest.mark.parametrize("name", FIGURES)
def test_labels_and_titles_are_in_the_picture(name: str) -> None:
    """The first label of an axis may be far longer than its cell, and a title than its axis."""
    whole = page(FIGURES[name])

    for left, top, right, bottom in boxes(FIGURES[name]):
        assert min(left, top) >= 10
        assert right <= whole.width - 10
        assert bottom <= whole.height - 10


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_is_on_another(name: str) -> None:
    """An upward title that is longer than its axis reaches no other text."""
    found = boxes(FIGURES[name])
    for at, one in enumerate(found):
        for other in found[:at]:
            across = min(one[2], other[2]) - max(one[0], other[0])
            down = min(one[3], other[3]) - max(one[1], other[1])
            assert min(across, down) <= 0


def test_a_minimum_of_negative_zero_is_zero() -> None:
    """The sign of a zero is no value: neither of a colour rule nor of a label."""
    rule = colour_rule(holding(np.array([-0.0, 0.0, 1.0]), "unit", None))
    zeros = colour_rule(holding(np.array([-0.0]), "unit", None))
    written = Heatmap(
        "h", holding(np.array([[-0.0, 1.0]]), "unit step", None), "step", written=True
    )
    [pale, dark] = (
        one
        for _, _, block in walk(page(written))
        for one in words(block.marks)
        if one.y == 12 and one.anchor == "mm" and not one.upward
    )

    assert not np.signbit([rule.vmin, zeros.vmin, zeros.vmax]).any()
    assert (pale.words, dark.words) == ("0", "1")
    assert (pale.colour, dark.colour) == ("caption", "text")
