"""Random convolutions: the values they keep, and those they lose."""

import numpy as np
import pytest

from models.cnn.random_convolutions import permuted, redrawn
from tests.oracles.parameters import CNN_SHAPES, draw

CONVOLUTIONS = ("conv1", "conv2", "conv3")
WEIGHTS = draw(CNN_SHAPES, 3)


@pytest.mark.parametrize("layer", CONVOLUTIONS)
def test_a_permuted_filter_keeps_its_values_and_its_bias(layer: str) -> None:
    """Each filter has its own values in other places."""
    found = permuted(WEIGHTS, CONVOLUTIONS, 0)
    before, after = (
        each[f"{layer}.kernel"].reshape(-1, len(WEIGHTS[f"{layer}.bias"]))
        for each in (WEIGHTS, found)
    )

    assert np.array_equal(np.sort(before, axis=0), np.sort(after, axis=0))
    assert (before != after).mean() > 0.8
    assert np.array_equal(found[f"{layer}.bias"], WEIGHTS[f"{layer}.bias"])


@pytest.mark.parametrize("layer", CONVOLUTIONS)
def test_redrawn_filters_are_those_before_training(layer: str) -> None:
    """Mean 0, variance 1 / inputs, no bias; the values of the weights are not read."""
    found = redrawn(WEIGHTS, CONVOLUTIONS, 0)
    kernel = found[f"{layer}.kernel"]
    inputs = np.prod(kernel.shape[:-1])

    assert kernel.std() == pytest.approx(1 / np.sqrt(inputs), rel=0.15)
    assert abs(kernel.mean()) < 4 * kernel.std() / np.sqrt(kernel.size)
    assert not found[f"{layer}.bias"].any()
    assert np.array_equal(kernel, redrawn(draw(CNN_SHAPES, 4), CONVOLUTIONS, 0)[f"{layer}.kernel"])


@pytest.mark.parametrize("make", [permuted, redrawn])
def test_seeds_give_other_convolutions_and_repeat(make: object) -> None:
    """One seed always gives the same convolutions, of exactly the parameters of the layers."""
    assert callable(make)
    first, again, other = (make(WEIGHTS, CONVOLUTIONS, seed) for seed in (0, 0, 1))

    assert set(first) == {
        f"{layer}.{name}" for layer in CONVOLUTIONS for name in ("kernel", "bias")
    }
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["conv2.kernel"], other["conv2.kernel"])
