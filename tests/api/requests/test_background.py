"""Background of an image: means of blocks, grey closing, and residues."""

import numpy as np
import pytest
from scipy import ndimage

from api.requests.background import block_means, closing, ranked, residues


@pytest.mark.parametrize("seed", range(20))
def test_closing_is_that_of_scipy_on_a_continued_image(seed: int) -> None:
    """The closing is SciPy's, of the image with its border repeated far enough."""
    random = np.random.default_rng(seed)
    grey = random.random(random.integers(20, 60, 2)).astype(np.float32)
    window = int(random.integers(1, 8)) * 2 + 1
    wide = np.pad(grey, 2 * window, mode="edge")
    inner = (slice(2 * window, -2 * window),) * 2

    np.testing.assert_array_equal(
        closing(grey, window), ndimage.grey_closing(wide, (window, window))[inner]
    )


@pytest.mark.parametrize("width", [1, 3, 20])
def test_a_dark_strip_at_the_border_is_background(width: int) -> None:
    """A strip of desk along a side is not a stroke, however narrow it is."""
    sheet = np.full((60, 80), 200, np.float32)
    sheet[:, :width] = 40

    np.testing.assert_array_equal(closing(sheet, 15), sheet)


def test_an_oblique_edge_of_light_is_background() -> None:
    """The edge of a hard shadow stays where it is, and a stroke over it is filled on both sides."""
    y, x = np.mgrid[:60, :80]
    sheet = np.where(x + y < 70, 220, 110).astype(np.float32)
    drawn = sheet.copy()
    drawn[28:31, 10:70] = 20

    np.testing.assert_array_equal(closing(sheet, 15), sheet)
    away = np.abs(x + y - 70) > 20
    np.testing.assert_array_equal(closing(drawn, 15)[away], sheet[away])


@pytest.mark.parametrize(("height", "width", "block"), [(12, 9, 3), (10, 11, 4), (7, 7, 1)])
def test_block_means_are_means(height: int, width: int, block: int) -> None:
    """Each value is the mean of its block, the last row and column repeated."""
    grey = np.random.default_rng(0).integers(0, 256, (height, width)).astype(np.uint8)
    padded = np.pad(grey, ((0, -height % block), (0, -width % block)), mode="edge").astype(float)
    expected = padded.reshape(len(padded) // block, block, -1, block).mean(axis=(1, 3))

    np.testing.assert_allclose(block_means(grey, block), expected, rtol=1e-6)


def test_ranked_is_a_quantile() -> None:
    """The value has the wanted share of the others below it."""
    values = np.random.default_rng(0).permutation(1000).astype(np.float32)

    assert ranked(values, 0.9) == 900
    assert ranked(values, 1) == 999


@pytest.mark.parametrize("dark", [True, False])
def test_the_first_residue_is_of_the_strokes(dark: bool) -> None:
    """The likeliest background of a clean drawing is its border level, of the strokes' sign."""
    raster = np.full((100, 100), 255 if dark else 0, np.float32)
    raster[20:80, 48:53] = 128
    first = next(residues(raster))

    assert first.dark == dark
    assert first.expected
    assert first.values.max() == first.values[50, 50] > 120
    assert not first.values[:20].any()
