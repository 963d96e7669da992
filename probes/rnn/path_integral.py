"""Adaptive quadrature of gradients along a straight path, by the completeness of its parts."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from models.runtime.cancellation import raise_if_cancelled
from models.runtime.programs import Call, Outputs
from probes.declaration import ResultWarning
from probes.shared.quadrature import gauss_legendre

PART_NODES = 16
"""Gauss-Legendre nodes of each half of a path's part that was halved."""

PART_TOLERANCE = 2e-4
"""Largest error of the sum over one part of a path, in logits, at which it is not halved."""

MIN_PART = 2.0**-20
"""Smallest part of a path that is still halved; places in float32 are 2^-24 apart."""

MAX_EVALUATIONS = 4096
"""Most gradients along one path; after them, parts of it may keep a larger error."""

INCOMPLETE_SHARE, MIN_ERROR = 0.05, 0.01
"""Largest error of a path integral without a warning: share of the target's change, and logits."""

Gradients = Float64[np.ndarray, "places inputs"]
Scores = Float64[np.ndarray, " places"]
Evaluation = Generator[Sequence[Call], list[Outputs], tuple[Gradients, Scores]]


@dataclass(frozen=True, eq=False)
class PathIntegral:
    """Integral of a target's gradient along a straight path, by adaptive quadrature.

    Attributes:
        gradient: Mean gradient along the path, by input.
        start: Target at the start of the path.
        end: Target at the end of the path.
        evaluations: Number of gradients that were computed.
    """

    gradient: Float64[np.ndarray, " inputs"]
    start: float
    end: float
    evaluations: int


def integrate(
    evaluate: Callable[[Float64[np.ndarray, " places"]], Evaluation],
    way: Float64[np.ndarray, " inputs"],
    nodes: int,
) -> Generator[Sequence[Call], list[Outputs], PathIntegral]:
    """Integrate a gradient along a path: halve the parts on which it misses the target's change.

    A counting LSTM changes its logits within a small part of the path, between whose ends its
    units are saturated: nodes that are spread over the path can miss it.

    Args:
        evaluate: Returns gradients and targets at places along the path, from 0 to 1.
        way: Change of each input along the path.
        nodes: Nodes over the whole path; the halves of a part have `PART_NODES` each.
    """
    parts = np.array([[0.0, 1.0]])
    total, ends, evaluations = np.zeros(len(way)), (0.0, 0.0), 0
    while len(parts):
        raise_if_cancelled()
        places, weights = gauss_legendre(nodes)
        width = np.diff(parts)
        at = parts[:, :1] + width * np.array([0.0, *places, 1.0])
        gradients, targets = yield from evaluate(at.ravel())
        targets = targets.reshape(at.shape)
        if not evaluations:
            ends = (float(targets[0, 0]), float(targets[0, -1]))
        evaluations += at.size
        integrals = width * (weights @ gradients.reshape(*at.shape, len(way))[:, 1:-1])
        error = np.abs(integrals @ way - (targets[:, -1] - targets[:, 0]))
        halved = (error > PART_TOLERANCE) & (width[:, 0] > MIN_PART)
        nodes = PART_NODES
        if evaluations + 2 * halved.sum() * (nodes + 2) > MAX_EVALUATIONS:
            halved[:] = False
        total = total + integrals[~halved].sum(axis=0)
        low, high = parts[halved].T
        middle = (low + high) / 2
        parts = np.concatenate([np.stack([low, middle], 1), np.stack([middle, high], 1)])
    return PathIntegral(total, *ends, evaluations)


def incompleteness(
    delta: float, difference: float, without_path: Sequence[str] = ("flip", "shapley")
) -> list[ResultWarning]:
    """Return a warning about a path integral whose sum misses the change of the target.

    Args:
        delta: Sum of the attributions minus the change of the target.
        difference: Change of the target along the path.
        without_path: Methods of the network that need no path.
    """
    if abs(delta) <= max(INCOMPLETE_SHARE * abs(difference), MIN_ERROR):
        return []
    message = (
        f"The attribution sums to {difference + delta:.2f}, but the targets of sequence and "
        f"baseline differ by {difference:.2f}, an error of {delta:.2f} logits: the network changes "
        "its answer within too small a part of the path. Methods "
        f"{' and '.join(f'`{name}`' for name in without_path)} need no path."
    )
    return [ResultWarning("incomplete", message)]
