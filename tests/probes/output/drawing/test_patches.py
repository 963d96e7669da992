"""Patches of pictures: the same pixels as of groups that are painted mark by mark."""

import numpy as np
import pytest
from fastapi import FastAPI

from api.inference.jobs import Job
from api.inference.memory_budget import MIB, MemoryBudget
from probes.figures.figures import Bars, Figure, Heatmap, Lines, Panels, Tiles
from probes.output.drawing import canvas
from probes.output.drawing.canvas import paint
from probes.output.drawing.layout import page
from probes.output.drawing.marks import Block, Group, Rectangle, Text
from probes.output.drawing.patches import MOST_GROUPS, PATCHES, Patch, Patches
from probes.output.drawing.themes import THEMES
from tests.probes.pictures import SIGNED, UNIT, tensor

LIGHT = THEMES["light"]
WORDS = Group((Text(10, 12, "words"), Rectangle(10, 20, 12, 1, "frame")))


@pytest.fixture
def patches(monkeypatch: pytest.MonkeyPatch) -> Patches:
    """Patches of this test alone."""
    held = Patches()
    monkeypatch.setattr(canvas, "PATCHES", held)
    return held


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


@pytest.mark.parametrize("scale", [0.3, 1, 1.5, 2])
def test_pixels_are_those_of_a_picture_alone(
    scale: float, patches: Patches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture with patches, at whole scales, is equal to the one without, in each theme."""
    for theme in THEMES.values():
        for _ in range(3):
            block = page(figure())
            with_patches = paint(block, scale, theme)
            with monkeypatch.context() as alone:
                alone.setattr(canvas, "PATCHES", Patches())
                assert np.array_equal(with_patches, paint(block, scale, theme))
    assert (patches.nbytes > 0) == float(scale).is_integer()


def test_a_group_has_a_patch_from_its_third_use_on(patches: Patches) -> None:
    """The patch is made once, wherever in the picture the group is."""
    sizes = []
    for right in (0, 7, 20, 5):
        paint(Block(80, 30, parts=((right, 0, Block(50, 30, (WORDS,))),)), 1, LIGHT)
        sizes.append(patches.nbytes)

    assert sizes[0] == sizes[1] == 0
    assert sizes[2] == sizes[3] > 0


@pytest.mark.usefixtures("patches")
def test_a_group_over_another_mark_is_blended_into_it() -> None:
    """A patch covers the ground alone: over colours, the marks of the group are painted."""
    red = Rectangle(0, 0, 60, 30, (200, 0, 0))
    found = [paint(Block(60, 30, (red, WORDS)), 1, LIGHT) for _ in range(3)]

    assert tuple(found[2][28, 58]) == (200, 0, 0)
    assert np.array_equal(found[0], found[2])
    assert not (found[2] == 255).all(axis=2).any()


@pytest.mark.usefixtures("patches")
def test_a_group_at_the_edge_is_cut() -> None:
    """A group that is in part outside of the canvas has the pixels that are inside."""
    found = [paint(Block(30, 20, (WORDS,)), 1, LIGHT) for _ in range(3)]

    assert np.array_equal(found[0], found[2])
    assert (found[2] < 255).any()


@pytest.mark.usefixtures("patches")
@pytest.mark.parametrize("marks", [(), (Text(10, 10, " "),)])
def test_a_group_without_ink_is_no_error(marks: tuple[Text, ...]) -> None:
    """Groups without marks, or of spaces, leave the ground."""
    group = Group(marks)

    for _ in range(3):
        assert (paint(Block(40, 20, (group,)), 1, LIGHT) == 255).all()


def test_patches_give_way_to_requests(app: FastAPI) -> None:
    """The memory budget counts them, and drops them before it refuses a request."""
    memory = MemoryBudget(100 * MIB, resident=lambda: 0)
    held = Patches()
    memory.caches.append(held)
    patch = Patch(0, 0, np.zeros((1024, 1024), np.uint8))
    for _ in range(3):
        held.get("a", lambda: patch)

    assert memory.kept == MIB
    memory.take(99 * MIB, Job())
    assert held.nbytes == MIB
    memory.take(MIB, Job())
    assert held.nbytes == memory.kept == 0
    assert held.get("a", lambda: patch) is None
    assert PATCHES in app.state.engine.admission.memory.caches


def test_few_patches_are_kept() -> None:
    """Those that were not used for longest are dropped, so that clients cannot fill memory."""
    patch = Patch(0, 0, np.zeros((10, 300), np.uint8))
    held = Patches(10_000)
    for key in range(2 * MOST_GROUPS):
        for _ in range(2):
            assert held.get(key, lambda: patch) is None
        assert held.get(key, lambda: patch) is patch

    assert held.nbytes <= 10_000
    last = 2 * MOST_GROUPS - 1
    assert held.get(last, lambda: None) is patch
    assert held.get(0, lambda: None) is None
