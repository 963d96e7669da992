"""Target of attributions of the LSTM: one logit, or the difference of both."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from jaxtyping import Float64
from pydantic import Field

from probes.declaration import Parameters

Target = Literal["difference", "yes", "no"]

LOGIT_WEIGHTS: Mapping[Target, Float64[np.ndarray, " classes"]] = {
    "difference": np.array([-1.0, 1.0]),
    "yes": np.array([0.0, 1.0]),
    "no": np.array([1.0, 0.0]),
}
"""Weights of the logits of "no" and "yes" for each target of LSTM attributions."""

TARGET_NAMES: Mapping[Target, str] = {"difference": "yes - no", "yes": "yes", "no": "no"}


class LSTMTargetParameters(Parameters):
    """Parameters that choose the LSTM's target logit: yes, no, or their difference."""

    target: Target = Field(
        "difference",
        description="Explained logit: `yes`, `no`, or their `difference`, yes minus no, whose sign "
        "is the answer.",
    )


def difference(logits: np.ndarray) -> float:
    """Return the LSTM's target `difference`: the last logit of "yes" minus that of "no"."""
    # The predict program returns one row of logits, the others a row for each step.
    last = logits.reshape(-1, len(TARGET_NAMES) - 1)[-1].astype(np.float64)
    return float(last @ LOGIT_WEIGHTS["difference"])
