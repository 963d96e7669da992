"""Linear probes: logistic regression from the values of one layer to the digit."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int

PENALTY = 1e-4
"""Linear probe: L2 penalty on half the squared weights, for rows with mean square norm 1."""

CONSTANT = 0.3
"""Linear probe: constant feature of every row, whose weights are the bias.

Features have mean 0, so that little bias is needed; a larger constant would slow the descent.
"""

STEPS = 300
"""Linear probe: number of steps of accelerated gradient descent.

The remaining gradient is reported.
"""

POWER_STEPS = 30

Features = Float32[np.ndarray, "images features"]


@dataclass(frozen=True, eq=False)
class Standard:
    """Standardisation of a linear probe's features by mean and deviation over training images.

    A constant feature becomes zero.
    """

    mean: Float32[np.ndarray, " features"]
    scale: Float32[np.ndarray, " features"]

    def __call__(self, features: Features) -> Features:
        """Standardise features of a linear probe: mean 0, and rows whose mean square norm is 1."""
        return np.asarray((features - self.mean) * self.scale)


def standard(features: Features) -> Standard:
    """Fit the standardisation of a linear probe to the features of training images."""
    deviation = features.std(axis=0, dtype=np.float64)
    changes = deviation > 1e-6 * max(float(deviation.max()), 1e-12)
    inverse = np.where(changes, 1 / np.where(changes, deviation, 1), 0) / np.sqrt(
        changes.sum() or 1
    )
    mean = features.mean(axis=0, dtype=np.float64)
    return Standard(mean.astype(np.float32), inverse.astype(np.float32))


@dataclass(frozen=True, eq=False)
class LinearProbe:
    """Fitted linear probe: logits are features @ weights + bias.

    Attributes:
        gradient: Norm of the objective's gradient after the last step; 0 at the optimum.
    """

    weights: Float32[np.ndarray, "features classes"]
    bias: Float32[np.ndarray, " classes"]
    gradient: float

    def predict(self, features: Features) -> Int[np.ndarray, " images"]:
        """Predict the class of each row of standardised features by the linear probe."""
        return np.asarray((features @ self.weights + self.bias).argmax(axis=1))


def fit(
    features: Features, tasks: Int[np.ndarray, "tasks images"], classes: int
) -> list[LinearProbe]:
    """Fit linear probes (multinomial logistic regressions) to equal features, one for each task.

    The objective, mean cross-entropy + `PENALTY`/2 · squared weights, is strictly
    convex. Its gradient is a sum over images, so all steps are done in the coefficients of that
    sum, of which there are as many as images, however many features there are. Steps are those of
    Nesterov, with constant momentum.

    Args:
        features: Standardised.
        tasks: The class of each image, from 0, by task.
        classes: Number of classes.

    References:
        Alain & Bengio (2016), Understanding intermediate layers using linear classifier probes.
    """
    count = len(features)
    targets = (tasks.T[..., None] == np.arange(classes)).astype(np.float32).reshape(count, -1)
    inner = features @ features.T + np.float32(CONSTANT**2)
    now, rest = _minimise(inner, targets, classes)
    left = (rest * (inner @ rest)).reshape(count, len(tasks), classes).sum(axis=(0, 2))
    coefficients = now.reshape(count, len(tasks), classes).swapaxes(0, 1)
    return [
        LinearProbe(
            features.T @ each, CONSTANT**2 * each.sum(axis=0), float(np.sqrt(max(squared, 0.0)))
        )
        for each, squared in zip(coefficients, left, strict=True)
    ]


def _minimise(
    inner: Float32[np.ndarray, "images images"],
    targets: Float32[np.ndarray, "images together"],
    classes: int,
) -> tuple[Float32[np.ndarray, "images together"], Float32[np.ndarray, "images together"]]:
    """Minimise the objective of linear probes; return the coefficients and the gradient there."""
    count = len(inner)
    # The Hessian of the cross-entropy is at most half of the features' second moment.
    smooth = np.float32(0.5 * _largest_eigenvalue(inner) / count + PENALTY)
    # Optimal momentum for a strongly convex objective; its convexity is at least the penalty.
    root = np.sqrt(PENALTY / smooth)
    momentum = np.float32((1 - root) / (1 + root))

    def gradient(at: np.ndarray) -> np.ndarray:
        found = (_softmax(inner @ at, classes) - targets) / count + np.float32(PENALTY) * at
        return np.asarray(found)

    now = ahead = np.zeros_like(targets)
    for _ in range(STEPS):
        before, now = now, ahead - gradient(ahead) / smooth
        ahead = now + momentum * (now - before)
    return now, gradient(now)


def _softmax(
    logits: Float32[np.ndarray, "images together"], classes: int
) -> Float32[np.ndarray, "images together"]:
    """Return the softmax of the logits of each linear probe's task.

    Logits of the tasks are concatenated on the last axis.
    """
    apart = logits.reshape(len(logits), -1, classes)
    powers = np.exp(apart - apart.max(axis=-1, keepdims=True))
    return np.asarray((powers / powers.sum(axis=-1, keepdims=True)).reshape(logits.shape))


def _largest_eigenvalue(matrix: Float32[np.ndarray, "rows rows"]) -> float:
    """Return an upper bound of the largest eigenvalue, for the step size of linear probes.

    It is that of power iteration, plus 5%.
    """
    vector = np.ones(len(matrix), np.float32)
    for _ in range(POWER_STEPS):
        vector = matrix @ vector
        vector /= np.linalg.norm(vector)
    return 1.05 * float(np.linalg.norm(matrix @ vector))
