"""Specialisation of channels: selectivity by its definition, and interchange by handmade nets."""

import numpy as np
import pytest

from probes.cnn.specialisation import DRAWS, digit_selectivity, interchange, logits, selectivity
from tests.oracles.numpy64 import cnn_trace
from tests.oracles.parameters import CNN_SHAPES, draw, draw_images

LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 20))


def specialists() -> np.ndarray:
    """Maps in which channel d is active for the digit d alone, and channels from 10 on never."""
    maps = np.zeros((len(LABELS), 64, 7, 7), np.float32)
    maps[np.arange(len(LABELS)), LABELS, 3, 4] = 1
    return maps


def readers() -> dict[str, np.ndarray]:
    """Dense layers whose answer is the digit of the most active of the first ten channels."""
    weights = {name: np.zeros(shape, np.float32) for name, shape in CNN_SHAPES.items()}
    kernel = weights["dense1.kernel"].reshape(7, 7, 64, 128)
    for digit in range(10):
        kernel[:, :, digit, digit] = 1
        weights["output.kernel"][digit, digit] = 1
    return weights


def test_selectivity_is_the_probability_of_a_larger_value() -> None:
    """1 for a channel that one digit activates, 0.5 for one that does not change."""
    maxima = specialists().max(axis=(2, 3))
    found = digit_selectivity(maxima, LABELS)

    assert np.diagonal(found) == pytest.approx(np.ones(10))
    assert found[:, 10:] == pytest.approx(np.full((10, 54), 0.5))
    assert selectivity(maxima, LABELS)[:10] == pytest.approx(np.ones(10))


def test_a_favourite_that_one_half_chose_is_measured_on_the_other() -> None:
    """So that noise, or labels in random order, give 0.5 and not the best of ten digits."""
    noise = np.random.default_rng(1).normal(size=(len(LABELS), 64)).astype(np.float32)
    wrong = np.random.default_rng(2).permutation(LABELS)
    every_digit = digit_selectivity(noise, LABELS)

    assert every_digit.max(axis=0).mean() > 0.58
    assert selectivity(noise, LABELS).mean() == pytest.approx(0.5, abs=0.02)
    assert selectivity(specialists().max(axis=(2, 3)), wrong)[:10].mean() == pytest.approx(
        0.5, abs=0.04
    )


def test_logits_are_those_of_the_float64_network() -> None:
    """From the maps of relu3, channel first as programs return them."""
    weights, image = draw(CNN_SHAPES, 1), draw_images(1, 2)[0]
    trace = cnn_trace(image, weights)
    maps = np.moveaxis(trace["relu3"], -1, 0)[None].astype(np.float32)

    assert logits(weights, maps)[0] == pytest.approx(trace["logits"], abs=1e-4)


def test_answers_follow_channels_that_carry_the_digit() -> None:
    """All of them with the channels of both digits, fewer with as many random channels."""
    found = interchange(readers(), specialists(), LABELS)

    assert found.selective == 1
    assert found.random.max() < 0.4
    assert found.gain == pytest.approx(1 - found.random.mean())


def test_answers_that_no_channel_carries_do_not_follow() -> None:
    """Dense layers of zeros answer 0 to any maps."""
    nothing = {name: np.zeros_like(value) for name, value in readers().items()}
    found = interchange(nothing, specialists(), LABELS)

    assert found.gain == pytest.approx(0, abs=1e-12)


def test_random_channels_are_compared_with_the_other_draws() -> None:
    """Their gains are differences from the mean of the others, so that their mean is 0."""
    found = interchange(readers(), specialists(), LABELS)
    first = found.random[0] - found.random[1:].mean()

    assert len(found.random_gains) == DRAWS
    assert found.random_gains[0] == pytest.approx(first)
    assert np.mean(found.random_gains) == pytest.approx(0, abs=1e-12)
