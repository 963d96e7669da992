"""Target of attributions of networks of sequences: one logit, or the difference of two."""

from typing import Annotated

import numpy as np
from jaxtyping import Float64
from pydantic import Field

from models.architecture import Architecture
from probes.declaration import LayerChoice, Parameters

DIFFERENCE = "difference"
"""Target of sequence attributions that compares two logits."""

TWO = 2

LogitWeights = Float64[np.ndarray, " classes"]
"""Weight of each logit in the target of a sequence attribution."""


def target_names(architecture: Architecture) -> tuple[str, ...]:
    """Return the targets of attributions of a network: `difference`, and its classes."""
    classes = architecture.classes
    # Of two, the one that the difference counts as positive is first.
    ordered = classes[::-1] if len(classes) == TWO else classes
    return tuple(dict.fromkeys((DIFFERENCE, *ordered)))


class SequenceTargetParameters(Parameters):
    """Parameters that choose the target logit of a sequence: one class, or a difference."""

    target: Annotated[str, LayerChoice(target_names)] = Field(
        DIFFERENCE,
        description="Explained logit: that of a class by its name, or the `difference` of two. "
        "With two classes that is the second minus the first, whose sign is the answer (yes minus "
        "no); with more, the predicted class minus the one with the next largest logit. Of a "
        "network that ends in one sigmoid unit, a class is its logit minus the other's.",
    )


def compared_classes(logits: np.ndarray) -> tuple[int, int]:
    """Return the two labels that the target `difference` compares, the positive one first.

    Args:
        logits: Logits of the unedited sequence, of one step or of every step.
    """
    last = logits.reshape(-1, logits.shape[-1])[-1]
    if len(last) == TWO:
        return 1, 0
    order = np.argsort(-last, kind="stable")
    return int(order[0]), int(order[1])


def logit_weights(
    architecture: Architecture, logits: np.ndarray, target: str = DIFFERENCE
) -> LogitWeights:
    """Return the weight of each logit in the target of a sequence attribution.

    Args:
        architecture: Network.
        logits: Logits of the unedited sequence, which decide between more than two classes.
        target: One of `target_names`.
    """
    weights = np.zeros(len(architecture.classes))
    positive, negative = _terms(architecture, logits, target)
    weights[positive] = 1.0
    if negative is not None:
        weights[negative] = -1.0
    return weights


def target_title(architecture: Architecture, logits: np.ndarray, target: str = DIFFERENCE) -> str:
    """Return the target of a sequence attribution for titles: a class, or “yes” minus “no”."""
    classes = architecture.classes
    positive, negative = _terms(architecture, logits, target)
    if negative is None:
        return classes[positive]
    return f"“{classes[positive]}” minus “{classes[negative]}”"


def _terms(architecture: Architecture, logits: np.ndarray, target: str) -> tuple[int, int | None]:
    """Return the label of a target's logit, and that of the logit that is subtracted, if any."""
    if target == DIFFERENCE:
        return compared_classes(logits)
    label = architecture.classes.index(target)
    # Of one sigmoid unit, the logit of the first class is the constant 0: so are its attributions.
    return label, 1 - label if architecture.is_sigmoid else None


def weighted(logits: np.ndarray, weights: LogitWeights) -> float:
    """Return the target of an attribution after the last step: the weighted sum of its logits."""
    # The predict program returns one row of logits, the others a row for each step.
    last = logits.reshape(-1, len(weights))[-1].astype(np.float64)
    return float(last @ weights)
