"""Linear probes reach the optimum of their convex objective, computed in float64."""

import numpy as np
import pytest

from models.cnn.linear_probes import CONSTANT, PENALTY, fit, standard

RANDOM = np.random.default_rng(4)


@pytest.fixture(scope="module")
def lesson() -> tuple[np.ndarray, np.ndarray]:
    """Features in which the class can be read off, roughly; one of them never changes."""
    labels = RANDOM.integers(0, 10, 120)
    centres = RANDOM.normal(size=(10, 30))
    features = centres[labels] + RANDOM.normal(size=(120, 30)) * 0.5 + 2
    features[:, 4] = 1.5
    return features.astype(np.float32), labels


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def newton(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Minimise the same objective in float64 with the whole Hessian; the last row is the bias."""
    rows = np.hstack([features.astype(np.float64), np.full((len(features), 1), CONSTANT)])
    targets = np.eye(10)[labels]
    weights = np.zeros((rows.shape[1], 10))
    for _ in range(15):
        guesses = softmax(rows @ weights)
        gradient = rows.T @ (guesses - targets) / len(rows) + PENALTY * weights
        curvature = np.einsum("nc,cd->ncd", guesses, np.eye(10))
        curvature -= np.einsum("nc,nd->ncd", guesses, guesses)
        hessian = np.einsum("ni,ncd,nj->icjd", rows, curvature, rows, optimize=True) / len(rows)
        hessian = hessian.reshape(weights.size, -1) + PENALTY * np.eye(weights.size)
        weights -= np.linalg.solve(hessian, gradient.ravel()).reshape(weights.shape)
    return weights


def test_it_ends_where_newtons_method_does(lesson: tuple[np.ndarray, np.ndarray]) -> None:
    """Both tasks have the weights of the one optimum, and the gradient that is stated is left."""
    features, labels = lesson
    scaled = standard(features)(features)
    tasks = np.stack([labels, RANDOM.integers(0, 10, 120)])

    for probe, task in zip(fit(scaled, tasks, 10), tasks, strict=True):
        expected = newton(scaled, task)
        size = np.abs(expected).max()
        np.testing.assert_allclose(probe.weights, expected[:-1], atol=1e-2 * size)
        np.testing.assert_allclose(probe.bias, CONSTANT * expected[-1], atol=1e-2 * size)
        whole = np.vstack([probe.weights, probe.bias / CONSTANT]).astype(np.float64)
        rows = np.hstack([scaled.astype(np.float64), np.full((120, 1), CONSTANT)])
        gradient = rows.T @ (softmax(rows @ whole) - np.eye(10)[task]) / 120 + PENALTY * whole
        assert np.linalg.norm(gradient) < 1e-5
        assert probe.gradient == pytest.approx(np.linalg.norm(gradient), abs=2e-6)


def test_features_are_standardised(lesson: tuple[np.ndarray, np.ndarray]) -> None:
    """Each has mean 0 and the same deviation; rows have mean square norm 1; a constant is zero."""
    features, _ = lesson
    scaled = standard(features)(features)

    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-6)
    assert (scaled**2).sum(axis=1).mean() == pytest.approx(1, rel=1e-5)
    assert not scaled[:, 4].any()
    np.testing.assert_allclose(np.delete(scaled, 4, axis=1).std(axis=0), 29**-0.5, rtol=1e-4)


def test_it_reads_the_class_off_and_guesses_at_random(
    lesson: tuple[np.ndarray, np.ndarray],
) -> None:
    """Labels that follow from the features are found; random ones are not, in other images."""
    features, labels = lesson
    scaled = standard(features)(features)
    noise = RANDOM.integers(0, 10, 120)
    true, control = fit(scaled[:80], np.stack([labels, noise])[:, :80], 10)

    assert (true.predict(scaled[80:]) == labels[80:]).mean() > 0.8
    assert (control.predict(scaled[80:]) == noise[80:]).mean() < 0.35
