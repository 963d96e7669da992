"""Softmax of one vector of logits, and of many."""

import numpy as np
import pytest

from probes.shared.class_probabilities import softmax

LOGITS = np.random.default_rng(5).normal(scale=20.0, size=(50, 10)).astype(np.float32)


def test_one_answer_has_the_probabilities_that_it_has_among_others() -> None:
    """The two ways to work them out agree with float64, to rounding."""
    exact = np.exp(LOGITS.astype(np.float64) - LOGITS.max(axis=1, keepdims=True))
    exact /= exact.sum(axis=1, keepdims=True)

    one_by_one = np.stack([softmax(logits) for logits in LOGITS])

    assert one_by_one.dtype == np.float32
    np.testing.assert_allclose(one_by_one, exact, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(softmax(LOGITS), exact, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("far", [1e4, 3e38])
def test_nothing_overflows(far: float) -> None:
    """However far apart logits lie, the largest takes all."""
    np.testing.assert_array_equal(softmax(np.array([-far, far, 0.0], np.float32)), [0, 1, 0])


@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_is_not_a_number_leaves_nothing_certain(place: int) -> None:
    """A NaN among the logits makes all probabilities NaN, at any position."""
    logits = np.zeros(3, np.float32)
    logits[place] = np.nan

    assert np.isnan(softmax(logits)).all()
