from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.figures.figures import (
    Bars,
    Box,
    Figure,
    Heatmap,
    Lines,
    Overlay,
    Panels,
    Scatter,
)
from probes.output.drawing.layout import page
from probes.output.drawing.marks import Area, Text, walk
from probes.output.drawing.themes import THEMES
from probes.output.render import place
from tests.probes.pictures import RANDOM, SIGNED, cells, expected, holding, pixels, tensor

FEW_EXAMPLES = settings(max_examples=25, derandomize=True, database=None)


def test_panels_put_one_step_at_one_place() -> None:
    """A state of steps 0 to 20 and a gate of steps 1 to 20 share their axis, step under step."""
    gate = replace(tensor((20, 4), name="gate"), coordinates={"step": list(range(1, 21))})
    cell = tensor((21, 4), name="cell")
    line = replace(gate, name="line")
    figure = Panels(
        "p", (Heatmap("g", gate, "step"), Heatmap("c", cell, "step"), Lines("l", (line,), "step"))
    )

    first, second, third = place(figure)

    step = second.width / 21
    assert first.x == second.x + step
    assert first.x + first.width == second.x + second.width
    assert (third.x, third.width) == (second.x, second.width)


def test_panels_fill_their_columns() -> None:
    """Three figures in two columns are placed in two rows with aligned data."""
    figure = Panels(
        "p", tuple(Heatmap(str(i), tensor((9, 3), name=str(i)), "step") for i in range(3)), 2
    )

    first, second, third = place(figure)

    assert first.y == second.y
    assert first.x == third.x
    assert first.x + first.width < second.x
    assert first.y + first.height < third.y


def test_bars_are_as_long_as_their_values() -> None:
    """Within fixed limits, a bar's share of the full length is its value."""
    values = np.array([0.25, 1.0, 0.0, 2.0, np.nan])
    figure = Bars("b", holding(values, "class", None), (0.0, 1.0))

    widths = [area.width for area in place(figure)]

    assert [width / widths[1] for width in widths] == [0.25, 1.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize("count", [4, 40])
def test_bars_of_infinite_values_extend_to_the_end_of_the_range(count: int) -> None:
    """An infinite time constant is as long as the longest bar; a NaN has no length."""
    values = np.resize([1.0, np.inf, np.nan], count)
    side = "width" if count <= 16 else "height"

    lengths = [getattr(area, side) for area in place(Bars("b", holding(values, "unit", None)))]

    assert [length / lengths[0] for length in lengths[:3]] == [1.0, 1.0, 0.0]
    assert lengths[0] > 100


@pytest.mark.parametrize("count", [4, 40])
def test_signed_bars_go_both_ways_from_zero(count: int) -> None:
    """Positive and negative bars meet at zero and end on different sides of it."""
    values = np.linspace(-1, 1, count)
    areas = place(Bars("b", holding(values, "unit", None)))
    if count <= 16:
        assert areas[0].x + areas[0].width == areas[-1].x
    else:
        assert areas[0].y == areas[-1].y + areas[-1].height


def test_the_highlighted_bar_stands_out() -> None:
    """The bar that is pointed out keeps its full colour while others turn pale."""
    values = np.array([0.5, 0.5])
    figure = Bars("b", holding(values, "class", None), (0.0, 1.0), 1)
    pale, full = (cells(figure, (1, 1), area=place)[0, 0].astype(int).sum() for place in (0, 1))

    assert pale > full + 100


def test_a_line_has_a_gap_where_there_is_no_number() -> None:
    """Without the middle of a series, its columns of the plot are empty but for the grid."""
    values = np.full(100, 0.5)
    broken = np.where(np.arange(100) // 10 == 5, np.nan, values)
    whole, gap = (
        Lines("l", (holding(series, "step", None),), "step", (0.0, 1.0))
        for series in (values, broken)
    )
    area = place(gap)[0]
    at = int(area.x + area.width * 0.55)
    rows = slice(int(area.y + area.height * 0.45), int(area.y + area.height * 0.55))

    assert pixels(whole)[rows, at].min() < 100
    assert pixels(gap)[rows, at].min() > 200
    assert pixels(gap)[rows, at - int(area.width * 0.2)].min() < 100


def test_a_line_stands_at_its_value() -> None:
    """A constant series is drawn at its share of the fixed limits."""
    figure = Lines("l", (holding(np.full(50, 0.25), "step", None),), "step", (0.0, 1.0))
    area = place(figure)[0]
    column = pixels(figure)[int(area.y) : int(area.y + area.height), int(area.x + area.width / 2)]

    darkest = column.astype(int).sum(-1).argmin() / area.height

    assert darkest == pytest.approx(0.75, abs=0.02)


def at(area: Area, share: tuple[float, float]) -> tuple[int, int]:
    """Return the row and column of a place in an area, from its bottom left corner."""
    across, upward = share
    return int(area.y + area.height * (1 - upward)), int(area.x + area.width * across)


def test_points_have_the_colour_of_their_value() -> None:
    """Every point of a scatter has the entry of the colour map that its value calls for."""
    ends = holding(np.array([0.0, 1.0]), "end", None)
    colour = replace(ends, name="colour", values=np.array([-1.0, 0.5]), colour=SIGNED)
    figure = Scatter("s", ends, replace(ends, name="y"), colour=colour)
    area, picture = place(figure)[0], pixels(figure)

    # The limits leave 8 % of the range free on either side.
    low, high = 0.08 / 1.16, 1.08 / 1.16
    for share, value in ((low, -1.0), (high, 0.5)):
        wanted = expected(np.array([[value]]), SIGNED.map, -1.0, 1.0)[0, 0]
        assert np.array_equal(picture[at(area, (share, share))], wanted)


def test_a_path_is_drawn_and_cut_off_and_marked_points_are_shown_whole() -> None:
    """A path does not change the limits, but marked points do."""
    ends = holding(np.array([0.0, 1.0]), "end", None)
    plain = Scatter("s", ends, replace(ends, name="y"))
    level = replace(ends, values=np.array([0.5, 0.5]))
    far = replace(ends, values=np.array([-50.0, 50.0]))
    crossed = replace(plain, path=(replace(far, name="a"), replace(level, name="b")))
    corner = replace(ends, values=np.array([3.0]))
    marked = replace(plain, marked=(replace(corner, name="c"), replace(corner, name="d")))
    area = place(plain)[0]

    changed = (pixels(plain) != pixels(crossed)).any(-1)
    row = at(area, (0.5, 0.5))[0]
    assert changed[row, int(area.x) + 2 : int(area.x + area.width) - 2].all()
    assert not changed[: row - 3].any()
    assert not changed[row + 3 :].any()
    middle = at(place(marked)[0], (3.24 / 3.48, 3.24 / 3.48))
    assert tuple(pixels(marked)[middle]) == THEMES["light"].shades["text"]


def test_the_overlay_shows_picture_and_map() -> None:
    """Both the image and the map affect the pixels of an overlay."""
    picture, above = tensor((8, 8), "y x"), tensor((2, 2), "y x", name="map")
    inverted = replace(picture, values=1 - picture.values)
    other = replace(above, values=1 - above.values)
    context, darker, changed = (
        cells(Overlay("o", low, high), (8, 8))
        for low, high in ((picture, above), (inverted, above), (picture, other))
    )

    assert (context != darker).any(-1).all()
    assert (context != changed).any(-1).all()


def test_a_box_is_drawn_around_its_pixels() -> None:
    """The outline of a box runs along the outer edge of the pixels that it names."""
    picture = replace(tensor((8, 8), "y x"), values=np.zeros((8, 8)))
    plain = Overlay("o", picture, replace(picture, name="map"))
    boxed = replace(plain, boxes=(Box(2, 3, 4, 6), Box(20, 20, 30, 30)))
    area, cell = place(plain)[0], place(plain)[0].width / 8
    rows, columns, _ = np.nonzero(pixels(plain) != pixels(boxed))

    assert (area.y + 2 * cell, area.y + 5 * cell) == pytest.approx((rows.min(), rows.max()), abs=2)
    assert (area.x + 3 * cell, area.x + 7 * cell) == pytest.approx(
        (columns.min(), columns.max()), abs=2
    )


@FEW_EXAMPLES
@given(
    steps=st.integers(1, 300),
    units=st.integers(1, 20),
    kind=st.sampled_from(["heatmap", "lines", "bars", "scatter"]),
    special=st.sampled_from([0.0, 1e-12, -1e30, np.nan, np.inf]),
)
def test_charts_of_any_values_are_drawn(steps: int, units: int, kind: str, special: float) -> None:
    """No number of values, and no value however odd, keeps a chart from being drawn."""
    values = RANDOM.normal(size=(steps, units))
    values[RANDOM.random(values.shape) < 0.3] = special
    matrix = holding(values, "step unit", None)
    vector = holding(values[:, 0], "step", None)
    figures: dict[str, Figure] = {
        "heatmap": Heatmap("h", matrix, "step"),
        "lines": Lines("l", (matrix, replace(vector, name="one")), "step"),
        "bars": Bars("b", vector),
        "scatter": Scatter("s", vector, replace(vector, name="other")),
    }

    assert (pixels(figures[kind]) != 255).any()


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (("so_far.baseline", "so_far.edited"), ["baseline", "edited"]),
        (("so_far.baseline", "edited"), ["so far.baseline", "edited"]),
        (("0.25", "0.75"), ["0.25", "0.75"]),
    ],
)
def test_a_legend_names_what_differs(names: tuple[str, ...], shown: list[str]) -> None:
    """A word before a point that all lines have is in their title, not in each name."""
    each = tuple(tensor((4,), "step", name=name) for name in names)
    block = page(Lines("l", each, "step"))

    words = [
        mark.words for _, _, part in walk(block) for mark in part.marks if isinstance(mark, Text)
    ]
    assert words == shown
