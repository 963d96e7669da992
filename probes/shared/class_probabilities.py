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


MAX_ANSWERS = 12
"""Most classes of which a picture shows the probability of each in its answer."""


def answer_bars(probabilities: Float[np.ndarray, " classes"], classes: tuple[str, ...]) -> Bars:
    """Bar chart of the answer in a picture: class probabilities, of many classes the likeliest."""
    if len(classes) > MAX_ANSWERS:
        shown = np.argsort(-probabilities, kind="stable")[:MAX_ANSWERS]
        probabilities, classes = probabilities[shown], tuple(classes[at] for at in shown.tolist())
    return class_bars(probabilities, classes)


def class_bars(probabilities: Float[np.ndarray, " classes"], classes: tuple[str, ...]) -> Bars:
    """Bar chart of class probabilities from 0 to 1: the largest, highlighted, is the answer."""
    label = int(probabilities.argmax())
    tensor = Tensor(
        "probabilities",
        "probability",
        ("label",),
        probabilities,
        {"label": classes},
        colours.unit_interval("viridis"),
    )
    return Bars(f"Answer: {classes[label]}", tensor, (0.0, 1.0), label)
