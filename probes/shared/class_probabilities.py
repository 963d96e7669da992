"""Class probabilities: softmax of logits, and their bar chart."""

import math
from dataclasses import replace

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


MAX_ANSWERS = 12
"""Most classes of which a picture shows the probability of each in its answer."""


def answer_bars(probabilities: Float[np.ndarray, " classes"], classes: tuple[str, ...]) -> Bars:
    """Bar chart of the answer in a picture: class probabilities, of many classes the likeliest."""
    label, shown = int(probabilities.argmax()), np.arange(len(classes))
    if len(classes) > MAX_ANSWERS:
        shown = np.argsort(-probabilities, kind="stable")[:MAX_ANSWERS]
    bars = class_bars(probabilities[shown], tuple(classes[one] for one in shown.tolist()))
    return replace(
        bars, title=f"Answer: {classes[label]}", highlight=int(np.flatnonzero(shown == label)[0])
    )


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
