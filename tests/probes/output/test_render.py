import numpy as np
import pytest

from probes.figures.colormaps import DIVERGING, NAMES, lookup_table
from probes.figures.figures import (
    Bars,
    Box,
    Colour,
    Figure,
    Heatmap,
    Lines,
    Measure,
    Overlay,
    Panels,
    Scatter,
    Tiles,
)
from probes.output import render as render_module
from probes.output.drawing.themes import NAN_COLOURS
from probes.output.render import MOST_PIXELS, place, render
from probes.output.style import Style
from tests.probes.pictures import RANDOM, SIGNED, UNIT, cells, expected, holding, pixels, tensor


def every_figure() -> dict[str, Figure]:
    """Return small figures of every kind."""
    maps = tensor((5, 6, 7), "channel y x", name="maps")
    series = tensor((9, 3), name="series")
    return {
        "tiles": Tiles("Tiles", maps),
        "filters": Tiles("Table", tensor((4, 3, 3, 3), "output_channel input_channel y x", SIGNED)),
        "heatmap": Heatmap("Heatmap", series, "step", (Measure("steps", 9),)),
        "lines": Lines("Lines", (series,), "step", (0.0, 1.0), 0.5),
        "bars": Bars("Bars", tensor((10,), "class"), (0.0, 1.0), 3),
        "many bars": Bars("Many", tensor((40,), "unit")),
        "scatter": Scatter("Scatter", tensor((6,), "u"), tensor((6,), "u", name="y"), tuple("abc")),
        "coloured points": Scatter(
            "Points",
            tensor((6, 2), "u v"),
            tensor((6, 2), "u v", name="y"),
            colour=tensor((6, 2), "u v", name="colour"),
            path=(tensor((2,), "end", name="path_x"), tensor((2,), "end", name="path_y")),
            marked=(tensor((3,), "at", name="marked_x"), tensor((3,), "at", name="marked_y")),
        ),
        "overlay": Overlay(
            "Overlay", tensor((8, 8), "y x"), tensor((2, 2), "y x", name="map"), (Box(-1, 0, 3, 9),)
        ),
        "panels": Panels("Panels", (Tiles("a", maps), Heatmap("b", series, "step")), 2),
    }


FIGURES = every_figure()


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_drawn_at_every_scale(name: str, scale: int) -> None:
    """Each kind of figure makes a picture whose sides the scale multiplies."""
    height, width, _ = pixels(FIGURES[name]).shape
    found = pixels(FIGURES[name], scale).shape

    assert found == pytest.approx((height * scale, width * scale, 3), abs=scale)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_always_makes_the_same_bytes(name: str) -> None:
    """Drawing a figure twice makes identical files."""
    assert render(FIGURES[name], Style(2)) == render(FIGURES[name], Style(2))


@pytest.mark.parametrize("name", FIGURES)
def test_a_picture_has_a_white_border(name: str) -> None:
    """Nothing that is drawn touches the edge, so nothing is cut off there."""
    picture = pixels(FIGURES[name])

    for edge in (picture[:8], picture[-8:], picture[:, :8], picture[:, -8:]):
        assert (edge == 255).all()
    assert (picture != 255).any()


@pytest.mark.parametrize("colours", NAMES)
@pytest.mark.parametrize("scale", [1, 3])
def test_cells_of_a_heatmap_have_the_colour_of_their_value(colours: str, scale: int) -> None:
    """A cell of a heatmap is the entry of the colour map that its value calls for, exactly."""
    values = RANDOM.uniform(-2, 3, (20, 16)).astype(np.float32)
    figure = Heatmap("h", holding(values, "step unit", Colour(colours, -2.0, 3.0, "fixed")), "step")

    found = cells(figure, (16, 20), scale)

    assert np.array_equal(found, expected(values.T, colours, -2.0, 3.0))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_hatched(value: float) -> None:
    """A cell without a number shows the hatch, its neighbours their own colours."""
    values = np.full((4, 5), 0.5)
    values[1, 2] = value
    figure = Heatmap("h", holding(values, "unit step", UNIT), "step")
    area = place(figure)[0]
    wide, high = area.width / 5, area.height / 4
    top, left = int(area.y + high), int(area.x + 2 * wide)
    cell = pixels(figure)[top : top + int(high), left : left + int(wide)].reshape(-1, 3)

    assert set(NAN_COLOURS) == {tuple(colour) for colour in np.unique(cell, axis=0).tolist()}
    assert np.array_equal(cells(figure, (4, 5))[0], expected(values[:1], "viridis", 0, 1)[0])


@pytest.mark.parametrize("name", NAMES)
def test_no_colour_map_has_a_colour_of_the_hatch(name: str) -> None:
    """The hatch colours of NaN are far from all colours of every colour map."""
    distances = np.abs(lookup_table(name).astype(int)[:, None] - np.array(NAN_COLOURS)).sum(-1)

    assert distances.min() > 12


def test_values_outside_the_range_have_the_colour_of_its_end() -> None:
    """A value beyond the range is drawn as the end of the range."""
    values = np.array([[-5.0, -1.0, 0.0, 1.0, 5.0]])
    figure = Heatmap("h", holding(values, "unit step", SIGNED), "step")

    assert np.array_equal(cells(figure, (1, 5)), expected(values.clip(-1, 1), DIVERGING, -1, 1))


@pytest.mark.parametrize(("beyond", "entry", "end"), [(5.0, 255, 0), (-5.0, 0, -1)])
def test_the_colour_bar_points_to_values_outside_the_range(
    beyond: float, entry: int, end: int
) -> None:
    """Only where values lie beyond an end of the range, the bar runs to a point at that end."""
    narrow = []
    for value in (beyond, np.sign(beyond)):
        figure = Heatmap("h", holding(np.full((9, 5), value), "unit step", SIGNED), "step")
        area = place(figure)[0]
        beside = pixels(figure)[:, int(area.x + area.width) + 8 :]
        widths = (beside == lookup_table(DIVERGING)[entry]).all(-1).sum(1)
        narrow.append(bool(widths[widths > 0][end] < 8))

    assert narrow == [True, False]


@pytest.mark.parametrize(
    ("value", "name", "entry"),
    [(0.0, "viridis", 0), (3.0, "viridis", 0), (0.0, DIVERGING, 128), (-2.0, DIVERGING, 0)],
)
def test_equal_values_have_one_colour(value: float, name: str, entry: int) -> None:
    """A tensor of one value is drawn, in the colour that its sign calls for."""
    colour = Colour(name, value, value, "layer") if value >= 0 else None
    figure = Heatmap("h", holding(np.full((3, 4), value), "unit step", colour), "step")

    found = cells(figure, (3, 4))

    assert (found == lookup_table(name)[entry]).all()


@pytest.mark.parametrize(
    ("values", "name", "low", "high"),
    [([[1.0, 2.0, 4.0]], "viridis", 1.0, 4.0), ([[-1.0, 0.0, 4.0]], DIVERGING, -4.0, 4.0)],
)
def test_a_tensor_without_a_rule_is_coloured_by_its_sign(
    values: list[list[float]], name: str, low: float, high: float
) -> None:
    """Non-negative values take viridis over their range, signed ones a range even about zero."""
    array = np.array(values)
    figure = Heatmap("h", holding(array, "unit step", None), "step")

    assert np.array_equal(cells(figure, (1, 3)), expected(array, name, low, high))


@pytest.mark.parametrize("steps", [1, 2, 100, 4096])
@pytest.mark.parametrize("units", [1, 64])
def test_heatmaps_of_any_length_keep_every_step(steps: int, units: int) -> None:
    """From 1 to 4,096 steps, every value has a pixel of its own and few cells stay moderate."""
    values = tensor((steps, units))
    figure = Heatmap("h", values, "step")
    area = place(figure)[0]

    found = cells(figure, (units, steps))

    assert np.array_equal(found, expected(values.values.T, "viridis", 0, 1))
    assert 1 <= area.width / steps <= 48
    assert 1 <= area.height / units <= 24


@pytest.mark.parametrize("scale", [1, 4])
def test_no_picture_exceeds_the_cap(scale: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A figure that would be too large is drawn smaller, and its cells keep exact colours."""
    most = 200_000
    monkeypatch.setattr(render_module, "MOST_PIXELS", most)
    values = np.repeat([[0.0, 1.0]], 500, axis=1).repeat(600, axis=0)
    figure = Heatmap("h", holding(values, "unit step", UNIT), "step")
    height, width, _ = pixels(figure, scale).shape

    assert most * 0.9 < height * width < most * 1.01
    assert np.array_equal(
        cells(figure, (1, 2), scale), expected(values[:1, ::500], "viridis", 0, 1)
    )


def test_the_cap_is_16_megapixels() -> None:
    """The scale of 4,096 steps of 64 units is lowered from 4 to where the picture fits the cap."""
    figure = Panels("p", tuple(Heatmap("h", tensor((4096, 64)), "step") for _ in range(3)))
    height, width, _ = pixels(figure, 4).shape

    assert MOST_PIXELS == 16_000_000
    assert height * width <= MOST_PIXELS
    assert pixels(figure, 1).shape == (height, width, 3)


def test_a_large_figure_falls_back_to_a_whole_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a smaller whole scale fits, that one is taken, so that all cells are equally large."""
    figure = Heatmap("h", tensor((30, 10)), "step")
    height, width, _ = pixels(figure).shape
    monkeypatch.setattr(render_module, "MOST_PIXELS", height * width * 5)

    assert render(figure, Style(4)) == render(figure, Style(2))


@pytest.mark.parametrize(
    "figure",
    [
        Tiles("t", tensor((0, 4, 4), "channel y x")),
        Heatmap("h", tensor((0, 3)), "step"),
        Lines("l", (tensor((0,), "step"),), "step"),
        Bars("b", tensor((0,), "class")),
        Panels("p", ()),
    ],
)
def test_figures_without_values_are_drawn(figure: Figure) -> None:
    """A figure of nothing says so instead of failing."""
    assert (pixels(figure) != 255).any()


@pytest.mark.parametrize("words", ["", "σ(f) ⊙ c − 0.5 × 日本", "a" * 500])
def test_any_title_is_drawn(words: str) -> None:
    """Titles that are empty, long, or beyond the font's glyphs make a picture all the same."""
    assert pixels(Heatmap(words, tensor((3, 3)), "step")).shape[1] < 2000
