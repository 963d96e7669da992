"""Target of attributions and sweeps of the CNN: a logit, or the difference of two."""

import numpy as np
from jaxtyping import Float32
from pydantic import Field

from models.simple_networks import CLASSES, DIGITS
from probes.declaration import ParameterError, Parameters, ProbeCall


class TargetParameters(Parameters):
    """Parameters that choose the CNN's target digit, and a contrast digit to subtract."""

    target: int | None = Field(
        None,
        ge=0,
        lt=CLASSES,
        description="Target class: the digit whose logit is explained; default the prediction.",
    )
    against: int | None = Field(
        None,
        ge=0,
        lt=CLASSES,
        description="Contrast class: a digit whose logit is subtracted from the target's.",
    )


def check_target(call: ProbeCall[TargetParameters]) -> None:
    """Raise `ParameterError` for a contrast digit that is the CNN's target digit."""
    parameters = call.parameters
    if parameters.target is not None and parameters.target == parameters.against:
        raise ParameterError("against", f"against {parameters.against} is the target itself")


def weights(parameters: TargetParameters, logits: Float32[np.ndarray, " classes"]) -> np.ndarray:
    """Return the CNN target's logit weights: 1 for its digit, -1 for the contrast digit, else 0."""
    label = chosen(parameters, logits)
    found = np.zeros(CLASSES, np.float32)
    # Added, not set: where the predicted digit is the contrast digit, the target is constantly 0.
    found[label] += 1.0
    if parameters.against is not None:
        found[parameters.against] -= 1.0
    return found


def chosen(parameters: TargetParameters, logits: Float32[np.ndarray, " classes"]) -> int:
    """Return the CNN's target digit: the one that the request names, or the predicted one."""
    return int(logits.argmax()) if parameters.target is None else parameters.target


def called(parameters: TargetParameters, logits: Float32[np.ndarray, " classes"]) -> str:
    """Return the name of the CNN's target: `7`, or `7 - 1` with a contrast digit."""
    name = DIGITS[chosen(parameters, logits)]
    return name if parameters.against is None else f"{name} - {DIGITS[parameters.against]}"
