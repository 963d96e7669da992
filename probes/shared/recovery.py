"""Recovery of activation patching: normalised logit difference."""

import numpy as np
from jaxtyping import Float

MIN_LOGIT_DIFFERENCE = 1e-6
"""Smallest difference of baseline and source, in logits, at which recovery is defined."""


def recovery_of(edited: float, baseline: float, source: float) -> float | None:
    """Return the recovery (edited - baseline) / (source - baseline): 0 without effect, 1 for full.

    Args:
        edited: Logit difference of the edited run.
        baseline: Logit difference of the unedited run.
        source: Logit difference of the run on the source.

    Returns:
        None where baseline and source have one logit difference.

    References:
        Zhang & Nanda (2023), Towards best practices of activation patching, section 2.
    """
    whole = source - baseline
    return (edited - baseline) / whole if abs(whole) >= MIN_LOGIT_DIFFERENCE else None


def recoveries_of(
    edited: Float[np.ndarray, "*edits"], baseline: float, source: float
) -> Float[np.ndarray, "*edits"]:
    """Return the recovery of many edits, as `recovery_of` does; NaN where it is undefined."""
    whole = source - baseline
    if abs(whole) < MIN_LOGIT_DIFFERENCE:
        return np.full(edited.shape, np.nan)
    return np.asarray((edited - baseline) / whole)
