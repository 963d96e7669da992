"""Target of attributions and sweeps of image networks: a logit, or the difference of two."""

from typing import Annotated

import numpy as np
from jaxtyping import Float32
from pydantic import Field

from models.architecture import Architecture
from probes.declaration import ParameterError, Parameters, ProbeCall
from probes.shared.choices import ClassChoice


class TargetParameters(Parameters):
    """Parameters that choose an image network's target class, and a contrast class to subtract."""

    target: Annotated[int | None, ClassChoice()] = Field(
        None,
        ge=0,
        description="Target class: the one whose logit is explained; default the prediction.",
    )
    against: Annotated[int | None, ClassChoice()] = Field(
        None,
        ge=0,
        description="Contrast class: one whose logit is subtracted from the target's; default "
        "none, and the other class of a network that ends in one sigmoid unit.",
    )


def check_target(call: ProbeCall[TargetParameters]) -> None:
    """Raise `ParameterError` for a contrast class that is the target class itself."""
    parameters = call.parameters
    if parameters.target is not None and parameters.target == parameters.against:
        raise ParameterError("against", f"against {parameters.against} is the target itself")


def weights(
    architecture: Architecture,
    parameters: TargetParameters,
    logits: Float32[np.ndarray, " classes"],
) -> np.ndarray:
    """Return a target's logit weights: 1 for its class, -1 for the contrast class, else 0."""
    found = np.zeros(len(logits), np.float32)
    # Added, not set: where the predicted class is the contrast class, the target is constantly 0.
    found[chosen(parameters, logits)] += 1.0
    if (against := contrast(architecture, parameters, logits)) is not None:
        found[against] -= 1.0
    return found


def chosen(parameters: TargetParameters, logits: Float32[np.ndarray, " classes"]) -> int:
    """Return the number of the target class: the one that the request names, or the predicted."""
    return int(logits.argmax()) if parameters.target is None else parameters.target


def contrast(
    architecture: Architecture,
    parameters: TargetParameters,
    logits: Float32[np.ndarray, " classes"],
) -> int | None:
    """Return the number of the contrast class; None for the target's logit alone."""
    if parameters.against is None and architecture.is_sigmoid:
        # The logit of the first class is the constant 0, of which every attribution is 0.
        return 1 - chosen(parameters, logits)
    return parameters.against


def called(
    architecture: Architecture,
    parameters: TargetParameters,
    logits: Float32[np.ndarray, " classes"],
) -> str:
    """Return the name of the target: `7`, or `7 - 1` with a contrast class."""
    name = architecture.classes[chosen(parameters, logits)]
    against = contrast(architecture, parameters, logits)
    return name if against is None else f"{name} - {architecture.classes[against]}"
