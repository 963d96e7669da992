"""What a network says of its classes: probabilities, and how they are drawn."""

import math

import numpy as np
from jaxtyping import Float

from probes.figures import colours
from probes.figures.figures import Bars, Tensor


def softmax(logits: Float[np.ndarray, "*batch classes"]) -> Float[np.ndarray, "*batch classes"]:
    """Turn logits into probabilities, without overflow."""
    if logits.ndim == 1:  # of so few, NumPy takes longer to begin than Python to end
        listed = logits.tolist()
        largest = max(listed)
        shares = [math.exp(logit - largest) for logit in listed]
        total = sum(shares)
        return np.array([share / total for share in shares], logits.dtype)
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def class_bars(probabilities: Float[np.ndarray, " classes"], classes: tuple[str, ...]) -> Bars:
    """Draw one bar for each class on a fixed axis from 0 to 1, the largest pointed out."""
    tensor = Tensor(
        "probabilities",
        "probability",
        ("label",),
        probabilities,
        {"label": classes},
        colours.unit_interval("viridis"),
    )
    return Bars("Probabilities", tensor, (0.0, 1.0), int(probabilities.argmax()))
