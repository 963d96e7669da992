"""Debiased CKA against its formula in float64, and its identities."""

import numpy as np
import pytest

from models.cnn.cka import centred_gram, cka

RANDOM = np.random.default_rng(3)


def hsic(one: np.ndarray, other: np.ndarray) -> float:
    """HSIC₁ straight from Song et al. (2012), equation 5, of two inner-product matrices."""
    count = len(one)
    ones = np.ones(count)
    k, ell = (matrix - np.diag(np.diagonal(matrix)) for matrix in (one, other))
    total = np.trace(k @ ell)
    total += (ones @ k @ ones) * (ones @ ell @ ones) / ((count - 1) * (count - 2))
    total -= 2 / (count - 2) * (ones @ k @ ell @ ones)
    return total / (count * (count - 3))


def direct(one: np.ndarray, other: np.ndarray) -> float:
    """CKA of two sets of features by that formula, in float64."""
    k, ell = (each.astype(np.float64) @ each.T.astype(np.float64) for each in (one, other))
    return hsic(k, ell) / np.sqrt(hsic(k, k) * hsic(ell, ell))


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    """CKA as the artifacts have it."""
    return float(cka([centred_gram(one)], [centred_gram(other)])[0, 0])


def features(rows: int = 60, columns: int = 12) -> np.ndarray:
    """Draw features that are far from centred."""
    return (RANDOM.normal(size=(rows, columns)) + 3).astype(np.float32)


def test_it_is_the_formula_of_hsic() -> None:
    """Related and unrelated features have the CKA that the formula gives in float64."""
    for _ in range(60):
        one = features()
        mixed = np.maximum(one @ RANDOM.normal(size=(12, 7)).astype(np.float32), 0)
        for other in (mixed, features(), features(columns=40)):
            assert similarity(one, other) == pytest.approx(direct(one, other), abs=2e-8)


def test_a_layer_is_like_itself_rotated_moved_and_scaled() -> None:
    """CKA is 1 with itself, and a rotation, a shift or a scale of one of both changes nothing."""
    one, other = features(), features()
    turned, _ = np.linalg.qr(RANDOM.normal(size=(12, 12)))
    moved = (7 * one @ turned.astype(np.float32) - 5).astype(np.float32)

    assert similarity(one, one) == pytest.approx(1, abs=1e-9)
    assert similarity(one, moved) == pytest.approx(1, abs=1e-5)
    assert similarity(moved, other) == pytest.approx(similarity(one, other), abs=1e-5)


def test_unrelated_features_are_not_alike_even_of_few_images() -> None:
    """Its mean over draws is zero; the plain CKA of 20 images and 50 features is above 0.5."""
    draws = [similarity(features(20, 50), features(20, 50)) for _ in range(200)]

    error = np.std(draws) / np.sqrt(len(draws))
    assert abs(np.mean(draws)) < 4 * error
    assert error < 0.01
    assert min(draws) < 0


def test_what_never_changes_is_like_nothing() -> None:
    """A constant layer has no CKA, and too few images are refused."""
    assert np.isnan(similarity(np.ones((8, 3), np.float32), features(8, 3)))
    with pytest.raises(ValueError, match="at least 4 images, got 3"):
        centred_gram(features(3, 3))
