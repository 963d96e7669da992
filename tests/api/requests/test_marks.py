"""Marks of an image: dilation, and the kind of each mark by its form."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from api.requests.marks import Mark, dilated, marks_in

SIDE = 200


def marks_of(draw) -> list[Mark]:
    """Return the marks of a drawing, longest first."""
    image = Image.new("L", (SIDE, SIDE))
    draw(ImageDraw.Draw(image))
    found = marks_in(np.asarray(image).astype(np.float32), 100)
    return sorted(found, key=lambda mark: -mark.length)


@pytest.mark.parametrize("seed", range(30))
def test_dilation_is_a_maximum_filter(seed: int) -> None:
    """Dilation by shifted copies is the maximum over a square."""
    random = np.random.default_rng(seed)
    mask = random.random(random.integers(1, 30, 2)) < 0.05
    distance = int(random.integers(1, 8))
    expected = ndimage.maximum_filter(mask.astype(np.uint8), 2 * distance + 1, mode="constant")

    np.testing.assert_array_equal(dilated(mask, distance), expected.astype(bool))


@pytest.mark.parametrize(
    ("kind", "draw"),
    [
        ("stroke", lambda pen: pen.line((60, 50, 140, 50, 90, 160), 255, 8)),
        ("stroke", lambda pen: pen.ellipse((60, 40, 130, 160), outline=255, width=9)),
        ("stroke", lambda pen: pen.line((100, 40, 104, 160), 255, 9)),
        ("line", lambda pen: pen.line((0, 90, 200, 96), 255, 3)),
        ("rule", lambda pen: pen.line((40, 160, 150, 158), 255, 4)),
        ("frame", lambda pen: pen.rectangle((20, 30, 180, 170), outline=255, width=4)),
        ("panel", lambda pen: pen.rectangle((40, 60, 160, 150), fill=255)),
        ("panel", lambda pen: pen.polygon((50, 60, 150, 40, 165, 130, 60, 150), fill=255)),
        ("border", lambda pen: pen.ellipse((-40, 70, 18, 140), fill=255)),
        (
            "blob",
            lambda pen: pen.polygon(
                (60, 60, 140, 60, 140, 100, 100, 100, 100, 150, 60, 150), fill=255
            ),
        ),
    ],
    ids=["7", "0", "1", "line", "rule", "frame", "card", "tilted card", "border", "blob"],
)
def test_kinds_are_known_by_form(kind: str, draw) -> None:
    """Each form has its kind."""
    assert marks_of(draw)[0].kind == kind


def test_a_net_of_lines_is_a_line() -> None:
    """Squared paper is one mark from side to side, and no stroke."""

    def squares(pen) -> None:
        for place in range(10, SIDE, 30):
            pen.line((place, 0, place, SIDE), 255, 2)
            pen.line((0, place, SIDE, place), 255, 2)

    assert marks_of(squares)[0].kind == "line"


def test_openings_in_a_panel_are_inside_it() -> None:
    """A light island in the counter of a light panel is no stroke on it."""

    def card(pen) -> None:
        pen.rectangle((30, 30, 170, 170), fill=255)
        pen.rectangle((80, 60, 120, 130), fill=0)
        pen.line((90, 70, 110, 120), 255, 4)

    panel, island = marks_of(card)
    assert (panel.kind, island.kind) == ("panel", "inside")


def test_thickness_is_that_of_the_pen() -> None:
    """Twice the area over the outline is the width of a stroke."""
    drawn = marks_of(lambda pen: pen.line((60, 50, 140, 50, 90, 160), 255, 8))[0]

    assert drawn.thickness == pytest.approx(8, abs=1.5)
