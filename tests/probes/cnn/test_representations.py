"""Similarity of images: areas under the curve and readouts, against their definitions."""

import numpy as np
import pytest

from probes.cnn.representations import (
    PENALTY,
    auc,
    correlations,
    midranks,
    position_r2,
    same_digit_auc,
)

LABELS = np.repeat(np.arange(10), 6)


def drawn(*shape: int, seed: int = 0) -> np.ndarray:
    """Draw float32 values."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_auc_counts_pairs_and_half_of_ties() -> None:
    """Against all pairs written out, on values with many ties."""
    values = np.random.default_rng(1).integers(0, 4, (30, 5)).astype(float)
    positive = np.arange(30) % 3 == 0
    one, other = values[positive][:, None], values[~positive][None]
    expected = ((one > other) + (one == other) / 2).mean(axis=(0, 1))

    assert auc(values, positive) == pytest.approx(expected)


def test_midranks_share_the_mean_of_equal_values() -> None:
    """From 1 on, by column."""
    values = np.array([[2.0, 1], [1, 1], [2, 0]])

    assert midranks(values).tolist() == [[2.5, 2.5], [1, 2.5], [2.5, 1]]


def test_correlations_are_those_of_numpy() -> None:
    """An image with constant values correlates with none."""
    values = drawn(5, 40)
    values[4] = 3

    found = correlations(values)

    assert found[:4, :4] == pytest.approx(np.corrcoef(values[:4]), abs=1e-6)
    assert not found[4].any()


def test_images_of_one_digit_are_most_similar_where_a_layer_tells_digits() -> None:
    """1 for values that depend on the digit alone, about 0.5 for values that do not."""
    digits = drawn(10, 50)[LABELS]

    assert same_digit_auc(digits + drawn(60, 50, seed=1) / 100, LABELS) == pytest.approx(1)
    assert same_digit_auc(drawn(60, 50), LABELS) == pytest.approx(0.5, abs=0.05)
    assert same_digit_auc(digits, np.random.default_rng(2).permutation(LABELS)) < 0.6
    assert same_digit_auc(np.zeros((60, 3), np.float32), LABELS) == 0.5


def test_a_linear_readout_is_judged_on_images_that_it_was_not_fitted_to() -> None:
    """Against a ridge regression fitted once for each image, without that image."""
    values, positions = drawn(20, 8), drawn(20, 2, seed=1).astype(float)
    centred = (values - values.mean(axis=0)).astype(float)
    scale = (centred**2).sum() / len(values)
    features = np.column_stack([centred / np.sqrt(scale), np.ones(20)])
    predicted = []
    for index in range(20):
        others = np.arange(20) != index
        design = features[others]
        fitted = np.linalg.solve(
            design.T @ design + PENALTY * np.eye(9), design.T @ positions[others]
        )
        predicted.append(features[index] @ fitted)
    wrong = ((np.array(predicted) - positions) ** 2).sum()
    expected = 1 - wrong / ((positions - positions.mean(axis=0)) ** 2).sum()

    assert position_r2(values, positions) == pytest.approx(expected, abs=1e-4)


def test_positions_are_read_from_values_that_have_them() -> None:
    """Nearly all of a linear function of the position, nothing of random or constant values."""
    positions = np.random.default_rng(3).integers(-4, 5, (200, 2)).astype(float)
    linear = (positions @ np.random.default_rng(4).normal(size=(2, 30))).astype(np.float32)

    assert position_r2(linear, positions) > 0.99
    assert position_r2(drawn(200, 30), positions) < 0.1
    assert position_r2(np.ones((200, 30), np.float32), positions) < 0.01
