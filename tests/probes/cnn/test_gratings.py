"""Gratings: their waves, and the tuning of handmade kernels to them."""

import numpy as np
import pytest

from probes.cnn.gratings import (
    ORIENTATIONS,
    PERIODS,
    PHASES,
    amplitudes,
    frequency_selectivity,
    gratings,
    orientation_selectivity,
)
from tests.oracles.numpy64 import correlate

EDGE = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
LINE = np.array([[-1, 2, -1], [-1, 2, -1], [-1, 2, -1]])
MEAN = np.ones((3, 3))
SPOT = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]])
PIXEL = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]])


def modulation(*kernels: np.ndarray) -> np.ndarray:
    """Return the modulation of handmade kernels by all gratings, in float64."""
    stacked = np.stack(kernels, axis=-1)[:, :, None].astype(float)
    maps = [
        correlate(image[..., None] / 255, stacked, np.zeros(len(kernels))) for image in gratings()
    ]
    return amplitudes(np.moveaxis(np.stack(maps), -1, 1))


def test_gratings_repeat_after_their_period() -> None:
    """Of the first orientation, along the rows; all orientations have the same contrast."""
    images = gratings().reshape(len(PERIODS), ORIENTATIONS, PHASES, 28, 28).astype(int)

    for index, period in enumerate(PERIODS):
        upright = images[index, 0]
        assert np.abs(upright[..., :-period] - upright[..., period:]).max() <= 1
        assert np.array_equal(upright[:, 0], upright[:, 27])
    assert (images.max(axis=(3, 4)) > 240).mean() > 0.9
    assert (images.min(axis=(3, 4)) < 15).mean() > 0.9


def test_modulation_of_a_kernel_is_its_fourier_amplitude() -> None:
    """|Σ k(x) exp(-i 2π f x)| / √2 of half the contrast, up to the rounding of the images."""
    found = modulation(EDGE)[..., 0]
    y, x = np.mgrid[-1:2, -1:2]
    for index, period in enumerate(PERIODS):
        for turn in range(ORIENTATIONS):
            angle = np.pi * turn / ORIENTATIONS
            wave = np.exp(-2j * np.pi * (np.cos(angle) * x + np.sin(angle) * y) / period)
            expected = abs((EDGE * wave).sum()) / 2 / np.sqrt(2)
            assert found[index, turn] == pytest.approx(expected, rel=0.1, abs=0.05)


def test_edges_and_lines_are_tuned_to_orientation() -> None:
    """More than a mean, a spot or a single pixel, which have no orientation."""
    edge, line, mean, spot, pixel = orientation_selectivity(
        modulation(EDGE, LINE, MEAN, SPOT, PIXEL)
    )

    assert min(edge, line) > 0.25
    assert max(mean, spot, pixel) < 0.1


def test_permuted_edges_lose_their_tuning() -> None:
    """Their mean selectivity over permutations is below that of the edge."""
    random = np.random.default_rng(0)
    others = [random.permutation(EDGE.ravel()).reshape(3, 3) for _ in range(40)]
    edge, *permuted = orientation_selectivity(modulation(EDGE, *others))

    assert edge > np.mean(permuted) + 0.05


def test_frequency_selectivity_is_that_of_differences() -> None:
    """None of a single pixel, which every period modulates equally; some of an edge and a line."""
    edge, line, pixel = frequency_selectivity(modulation(EDGE, LINE, PIXEL))

    assert pixel < 0.05
    assert min(edge, line) > 0.2


def test_a_silent_channel_is_not_tuned() -> None:
    """A channel that nothing modulates has selectivity 0, of both kinds."""
    nothing = modulation(np.zeros((3, 3)))

    assert orientation_selectivity(nothing) == 0
    assert frequency_selectivity(nothing) == 0
