"""Class probabilities: softmax of logits, and their bar chart."""

import math

import numpy as np
from jaxtyping import Float

from probes.figures import colours
from probes.figures.figures import Bars, Tensor


def softmax(
    logits: Float[np.ndarray, "*batch classes"], temperature: float = 1.0
) -> Float[np.ndarray, "*batch classes"]:
    """Class probabilities of logits / temperature: softmax over the last axis, without overflow."""
    if logits.ndim == 1:  # for a few values Python is faster than the overhead of NumPy
        listed = logits.tolist()
        largest = max(listed)
        shares = [math.exp((logit - largest) / temperature) for logit in listed]
        total = sum(shares)
        return np.array([share / total for share in shares], logits.dtype)
    powers = np.exp((logits - logits.max(axis=-1, keepdims=True)) / temperature)
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def class_bars(probabilities: Float[np.ndarray, " classes"], classes: tuple[str, ...]) -> Bars:
    """Bar chart of class probabilities on a fixed axis from 0 to 1, the largest highlighted."""
    tensor = Tensor(
        "probabilities",
        "probability",
        ("label",),
        probabilities,
        {"label": classes},
        colours.unit_interval("viridis"),
    )
    return Bars("Probabilities", tensor, (0.0, 1.0), int(probabilities.argmax()))
