import numpy as np
import pytest
from jaxtyping import Float

from probes.figures.colormaps import CATEGORICAL, DIVERGING, NAMES, lookup_table

SEQUENTIAL = [name for name in NAMES if name not in {DIVERGING, CATEGORICAL}]


def lightness(name: str) -> Float[np.ndarray, "256"]:
    """Return CIE 1931 luminance, which rises with perceived lightness."""
    share = lookup_table(name) / 255.0
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("name", NAMES)
def test_a_table_has_256_colours_of_three_bytes(name: str) -> None:
    """Every map is a table of 256 colours, each of 8-bit red, green and blue."""
    table = lookup_table(name)

    assert table.shape == (256, 3)
    assert np.uint8 == table.dtype


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_sequential_maps_rise_in_lightness(name: str) -> None:
    """On a sequential map a greater value is never darker, up to the rounding of a byte."""
    steps = np.diff(lightness(name))

    assert steps.min() > -0.002
    assert lightness(name)[-1] - lightness(name)[0] > 0.5


def test_the_diverging_map_is_red_below_white_at_and_blue_above_zero() -> None:
    """Negative values are red, zero is nearly white, positive values are blue."""
    table = lookup_table(DIVERGING).astype(int)
    red, blue = table[:, 0], table[:, 2]

    assert (red[:96] > blue[:96] + 50).all()
    assert table[127:129].min() > 240
    assert (blue[160:] > red[160:] + 30).all()


def test_the_diverging_map_is_lightest_in_the_middle() -> None:
    """Both arms of the diverging map darken away from zero."""
    light = lightness(DIVERGING)

    assert (np.diff(light[:128]) > -0.002).all()
    assert (np.diff(light[128:]) < 0.002).all()


def test_an_unknown_map_is_refused() -> None:
    """A name that is not one of ours has no table."""
    with pytest.raises(KeyError, match="jet"):
        lookup_table("jet")


def test_categories_are_ten_colours_that_differ() -> None:
    """Of the whole numbers 0 to 9 each has a colour of its own, none near another."""
    table = lookup_table(CATEGORICAL).astype(int)
    ten = table[np.round(np.arange(10) / 9 * 255).astype(int)]
    distances = np.abs(ten[:, None] - ten[None]).sum(axis=-1)

    assert len(np.unique(table, axis=0)) == 10
    assert distances[~np.eye(10, dtype=bool)].min() > 60
