import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.figures.colormaps import DIVERGING
from probes.figures.figures import (
    Colour,
    Tiles,
)
from probes.output.render import place, render
from tests.probes.pictures import RANDOM, SIGNED, cells, expected, holding, pixels, tensor

FEW_EXAMPLES = settings(max_examples=25, derandomize=True, database=None)


@pytest.mark.parametrize("side", [3, 7, 14, 28])
@pytest.mark.parametrize("count", [1, 4, 32])
def test_cells_of_tiles_have_the_colour_of_their_value(side: int, count: int) -> None:
    """Each value of each tile can be read back from the picture, where `place` says that it is."""
    maps = tensor((count, side, side), "channel y x")
    figure = Tiles("t", maps)

    for channel, area in enumerate(place(figure)):
        found = cells(figure, (side, side), area=channel)
        assert area.index == (channel,)
        assert np.array_equal(found, expected(maps.values[channel], "viridis", 0.0, 1.0))


def test_small_maps_are_enlarged_most() -> None:
    """A value of a 3x3 kernel is many pixels wide, that of a 28x28 map at least two."""
    sizes = {
        side: place(Tiles("t", tensor((32, side, side), "channel y x")))[0].width / side
        for side in (3, 7, 14, 28)
    }

    assert sizes == {3: 18, 7: 8, 14: 4, 28: 2}


def test_a_table_of_filters_has_output_channels_as_rows() -> None:
    """The tile of output channel 2 and input channel 1 is in the third row, second column."""
    kernels = tensor((4, 3, 3, 3), "output_channel input_channel y x", SIGNED)
    areas = {area.index: area for area in place(Tiles("t", kernels))}
    chosen = areas[2, 1]
    figure = Tiles("t", kernels)

    found = cells(figure, (3, 3), area=list(areas).index((2, 1)))

    assert sum(areas[row, 1].y < chosen.y for row in range(4)) == 2
    assert sum(areas[2, column].x < chosen.x for column in range(3)) == 1
    assert np.array_equal(found, expected(kernels.values[2, 1], DIVERGING, -1.0, 1.0))


def test_thousands_of_kernels_fit_one_picture() -> None:
    """4,096 kernels of 3x3 make one picture not larger than a slide."""
    figure = Tiles("t", tensor((64, 64, 3, 3), "output_channel input_channel y x"))
    height, width, _ = pixels(figure).shape

    assert len(place(figure)) == 4096
    assert max(height, width) < 1200


def test_each_channel_may_have_its_own_range() -> None:
    """With a range for each channel, the greatest value of every tile has the lightest colour."""
    maps = tensor((3, 4, 4), "channel y x")
    scaled = maps.values * np.array([1, 10, 100], np.float32)[:, None, None]
    lows, highs = scaled.min((1, 2)).tolist(), scaled.max((1, 2)).tolist()
    colour = Colour("viridis", tuple(lows), tuple(highs), "channel")
    figure = Tiles("t", holding(scaled, "channel y x", colour))

    for channel in range(3):
        found = cells(figure, (4, 4), area=channel)
        wanted = expected(scaled[channel], "viridis", lows[channel], highs[channel])
        assert np.array_equal(found, wanted)


def test_the_range_of_each_tile_is_printed() -> None:
    """Two pictures that differ only in the ranges of their channels differ below the tiles."""
    values = RANDOM.random((2, 4, 4))
    one, other = (
        Tiles(
            "t",
            holding(
                values * times, "channel y x", Colour("gray", (0.0,) * 2, (times,) * 2, "channel")
            ),
        )
        for times in (1.0, 8.0)
    )

    assert np.array_equal(cells(one, (4, 4)), cells(other, (4, 4)))
    assert render(one) != render(other)


@FEW_EXAMPLES
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 9), st.integers(1, 40)),
    columns=st.none() | st.integers(1, 50),
    scale=st.integers(1, 4),
)
def test_tiles_of_any_size_can_be_read_back(
    shape: tuple[int, int, int], columns: int | None, scale: int
) -> None:
    """The last tile is at the position that `place` returns, for any number and shape of tiles."""
    maps = tensor(shape, "channel y x")
    figure = Tiles("t", maps, columns)

    found = cells(figure, shape[1:], scale, area=shape[0] - 1)

    assert np.array_equal(found, expected(maps.values[-1], "viridis", 0, 1))
