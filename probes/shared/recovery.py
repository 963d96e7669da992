"""Recovery: how far an edit moves the answer from one input's to another's."""

import numpy as np
from jaxtyping import Float

NEGLIGIBLE = 1e-6
"""Where two inputs differ by less logits than this, no share of the difference is stated."""


def share_of_way(edited: float, baseline: float, source: float) -> float | None:
    """Return (edited - baseline) / (source - baseline): 0 not at all, 1 all the way.

    Args:
        edited: A difference of logits, with the edit.
        baseline: Of the one input, unedited.
        source: Of the other.

    Returns:
        None where both inputs have the same difference.

    References:
        Zhang & Nanda (2023), Towards best practices of activation patching, section 2.
    """
    whole = source - baseline
    return (edited - baseline) / whole if abs(whole) >= NEGLIGIBLE else None


def shares_of_way(
    edited: Float[np.ndarray, "*edits"], baseline: float, source: float
) -> Float[np.ndarray, "*edits"]:
    """Do the same for many edits; NaN where there is no share."""
    whole = source - baseline
    if abs(whole) < NEGLIGIBLE:
        return np.full(edited.shape, np.nan)
    return np.asarray((edited - baseline) / whole)
