"""What an attribution or an intervention is about: a logit, or the difference of two."""

import numpy as np
from jaxtyping import Float32
from pydantic import Field

from models.architecture import CLASSES, DIGITS
from probes.declaration import ParameterError, Parameters, ProbeCall


class Targeted(Parameters):
    """Which logit a question is about."""

    target: int | None = Field(
        None,
        ge=0,
        lt=CLASSES,
        description="The digit whose logit is explained; what the network sees where left out.",
    )
    against: int | None = Field(
        None,
        ge=0,
        lt=CLASSES,
        description="A digit whose logit is subtracted: why this one and not that one.",
    )


def check_target(call: ProbeCall[Targeted]) -> None:
    """Refuse the difference of a logit and itself."""
    parameters = call.parameters
    if parameters.target is not None and parameters.target == parameters.against:
        raise ParameterError("against", f"against {parameters.against} is the target itself")


def weights(parameters: Targeted, logits: Float32[np.ndarray, " classes"]) -> np.ndarray:
    """Return what each logit counts for: 1 for the target, -1 for what it is held against."""
    label = chosen(parameters, logits)
    found = np.zeros(CLASSES, np.float32)
    found[label] += 1.0
    if parameters.against is not None:
        found[parameters.against] -= 1.0
    return found


def chosen(parameters: Targeted, logits: Float32[np.ndarray, " classes"]) -> int:
    """Return the digit that is explained."""
    return int(logits.argmax()) if parameters.target is None else parameters.target


def called(parameters: Targeted, logits: Float32[np.ndarray, " classes"]) -> str:
    """Name the target: `7`, or `7 - 1`."""
    name = DIGITS[chosen(parameters, logits)]
    return name if parameters.against is None else f"{name} - {DIGITS[parameters.against]}"
