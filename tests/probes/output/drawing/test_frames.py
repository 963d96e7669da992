"""Frames of pictures: the same pixels as of a picture that is painted alone."""

import numpy as np
import pytest

from probes.figures.figures import Bars, Figure, Heatmap, Lines, Panels, Tiles
from probes.output.drawing import frames
from probes.output.drawing.canvas import paint
from probes.output.drawing.frames import MOST_FRAMES, begin
from probes.output.drawing.layout import page
from probes.output.drawing.marks import Block, Group, Rectangle, Text, walk
from probes.output.drawing.themes import THEMES
from tests.probes.pictures import SIGNED, UNIT, tensor

LIGHT = THEMES["light"]


@pytest.fixture(autouse=True)
def _no_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "_frames", {})


def figure() -> Figure:
    """Panels of every kind that has texts or rectangles, of random values."""
    return Panels(
        "Panels",
        (
            Heatmap("Steps", tensor((9, 4)), "step"),
            Heatmap("Written", tensor((5,), "step", UNIT), "step", written=True),
            Bars("Printed", tensor((6,), "class"), (0.0, 1.0), 2),
            Bars("Upright", tensor((30,), "channel", SIGNED)),
            Lines("Lines", (tensor((9,), "step"),), "step", None, 0.5),
            Tiles("Maps", tensor((6, 5, 5), "channel y x")),
        ),
    )


def test_pixels_are_those_of_a_picture_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that begins with a frame is equal to the one without, also at other scales."""
    for scale in (1, 1.5):
        for _ in range(4):
            block = page(figure())
            with_frame = paint(block, scale, LIGHT)
            with monkeypatch.context() as alone:
                alone.setattr(frames, "_frames", {})
                assert np.array_equal(with_frame, paint(block, scale, LIGHT))


def test_common_marks_are_painted_once() -> None:
    """From the third picture on, marks that all pictures have in common are not painted again."""
    pages = [
        page(Panels("p", tuple(Heatmap("Steps", tensor((9, 4)), "step") for _ in range(2))))
        for _ in range(3)
    ]
    painted = []
    for block in pages:
        begun = begin("key", block, lambda marks: paint(Block(40, 40), 1, LIGHT))
        painted.append(len(begun.rest))
    marks = [mark for _, _, part in walk(pages[0]) for mark in part.marks]
    every = sum(len(mark.marks) if isinstance(mark, Group) else 1 for mark in marks)

    assert painted[0] == len(marks)
    assert painted[1] < every / 2
    assert painted[2] < every / 2


def test_text_over_a_mark_of_one_picture_is_painted_after_it() -> None:
    """Text that follows another mark in its block is blended once, and rectangles cover it."""
    colours = [(10 * at, 0, 0) for at in range(4)]
    for colour in colours:
        block = Block(
            60,
            30,
            (
                Rectangle(0, 0, 60, 30, colour),
                Rectangle(10, 5, 20, 20, "grid"),
                Text(12, 15, "8", colour="text"),
            ),
        )
        found = paint(block, 1, LIGHT)

        assert tuple(found[28, 58]) == colour
        assert tuple(found[6, 28]) == LIGHT.rgb("grid")
        assert found[5:25, 10:30].std() > 0


def test_few_frames_are_kept() -> None:
    """The oldest frame is dropped, so that clients cannot fill memory with sizes."""
    for at in range(2 * MOST_FRAMES):
        paint(Block(20 + at, 20, (Text(2, 10, "a"),)), 1, LIGHT)

    assert len(frames._frames) == MOST_FRAMES
