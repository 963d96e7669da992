"""Adaptive quadrature along a path: known integrals, steep ones, and its limits."""

from collections.abc import Callable

import numpy as np
import pytest

from probes.rnn.path_integral import (
    MAX_EVALUATIONS,
    PART_TOLERANCE,
    Evaluation,
    PathIntegral,
    integrate,
)


def integral_of(
    target: Callable[[np.ndarray], np.ndarray],
    slope: Callable[[np.ndarray], np.ndarray],
    nodes: int,
) -> PathIntegral:
    """Integrate the slope of a target along one input from 0 to 1."""

    def evaluate(places: np.ndarray) -> Evaluation:
        yield ()
        return slope(places)[:, None], target(places)

    run = integrate(evaluate, np.ones(1), nodes)
    try:
        while True:
            next(run)
    except StopIteration as end:
        return end.value


def test_a_polynomial_needs_one_pass() -> None:
    """Eight nodes integrate x^9 exactly: no part is halved."""
    found = integral_of(lambda x: x**10 / 10, lambda x: x**9, 8)

    assert found.gradient == pytest.approx([0.1], abs=1e-14)
    assert (found.start, found.end, found.evaluations) == (0.0, 0.1, 10)


@pytest.mark.parametrize("steepness", [10.0, 1e3, 1e5])
@pytest.mark.parametrize("middle", [0.5, 0.3210987])
def test_a_saturated_step_is_found(steepness: float, middle: float) -> None:
    """Between its ends a counter's logits change in a small part of the path: it is integrated."""

    def target(x: np.ndarray) -> np.ndarray:
        return 20 * np.tanh(steepness * (x - middle))

    def slope(x: np.ndarray) -> np.ndarray:
        return 20 * steepness * (1 - np.tanh(steepness * (x - middle)) ** 2)

    found = integral_of(target, slope, 50)

    ends = target(np.array([0.0, 1.0]))
    assert found.gradient[0] == pytest.approx(ends[1] - ends[0], abs=20 * PART_TOLERANCE)
    assert found.evaluations < 1000


def test_evaluations_are_limited() -> None:
    """A gradient that never adds up ends the search, and its error remains."""
    noise = np.random.default_rng(1)

    found = integral_of(lambda x: x, lambda x: noise.normal(0, 1e4, x.shape), 200)

    assert 1000 < found.evaluations <= MAX_EVALUATIONS
    assert abs(found.gradient[0] - 1) > 1
