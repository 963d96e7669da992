"""Figures of a sequence: its input, and the running answer of the network after each step."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from models.declaration.declaration import SequenceSpec
from probes.declaration import Parameters, ProbeContext
from probes.figures import colours
from probes.figures.figures import Colour, Coordinates, Heatmap, Lines, Tensor
from probes.rnn.targets import TWO
from probes.shared.class_probabilities import softmax

BITS = ("0", "1")
"""Alphabet of sequences of bits."""

MAX_SYMBOL_ROWS = 32
"""Most symbols of an alphabet that have a row each in the strip of a sequence."""

MAX_PROBABILITY_LINES = 10
"""Most classes whose probability after each step of a sequence is drawn, a line for each."""


def sequence_strip(context: ProbeContext[Parameters], cmap: str = "viridis") -> Heatmap:
    """Heatmap strip of the input sequence, oldest first, to show above values of the network.

    Bits have one row, other alphabets a row for each symbol, and feature vectors one for each
    feature.
    """
    spec, sequence = context.model.architecture.sequence, context.input.row["sequence"]
    strip = _strip(spec, sequence, cmap)
    return Heatmap("Sequence", strip, "step", written=spec.alphabet == BITS)


def _strip(spec: SequenceSpec, sequence: np.ndarray, cmap: str) -> Tensor:
    steps = {"step": range(1, len(sequence) + 1)}
    if not spec.alphabet:
        axes, colour = ("step", "feature"), colours.signed(sequence)
        return Tensor("sequence", "input", axes, sequence, steps, colour)
    if spec.alphabet == BITS:
        unit = colours.unit_interval(cmap)
        return Tensor("sequence", "input", ("step",), sequence, steps, unit)
    if len(spec.alphabet) > MAX_SYMBOL_ROWS:
        ends = Colour(cmap, 0.0, len(spec.alphabet) - 1.0, "fixed")
        return Tensor("sequence", "input", ("step",), sequence, steps, ends)
    return _by_symbol(spec, sequence, steps, cmap)


def _by_symbol(
    spec: SequenceSpec, sequence: np.ndarray, steps: dict[str, range], cmap: str
) -> Tensor:
    """Tensor of a sequence's strip with a row for each symbol: 1 at the steps that have it."""
    rows = (np.arange(len(spec.alphabet))[:, None] == sequence).astype(np.uint8)
    at: Coordinates = {"symbol": spec.alphabet, **steps}
    return Tensor("sequence", "input", ("symbol", "step"), rows, at, colours.unit_interval(cmap))


def running_count(context: ProbeContext[Parameters]) -> Lines:
    """Line of ones minus zeros after each step, next to the gates: above zero, yes is correct."""
    # Unsigned bits would wrap around at 2 · 0 - 1.
    bits = context.input.row["sequence"].astype(np.int32)
    count = np.cumsum(2 * bits - 1, dtype=np.int32)
    steps = {"step": range(1, len(count) + 1)}
    tensor = Tensor("running_count", "count", ("step",), count, steps)
    return Lines("Ones minus zeros so far", (tensor,), "step", reference=0.0)


def running_probability(context: ProbeContext[Parameters]) -> Lines:
    """Lines of class probabilities after each step of a sequence, to show next to the gates.

    Of two classes that of label 1, of up to ten a line for each, of more the predicted one.
    """
    colour = colours.unit_interval("viridis")
    logits = context.outputs["logits"]
    tensor = running_tensor(context, "running_probability", logits, colour)
    return running_lines(context, (tensor,))


def running_lines(context: ProbeContext[Parameters], tensors: tuple[Tensor, ...]) -> Lines:
    """Lines of tensors of running probabilities of a sequence, with the title of both."""
    architecture = context.model.architecture
    labels = _shown_labels(context)
    named = f"“{architecture.classes[labels[0]]}”" if len(labels) == 1 else "each class"
    if architecture.declaration.counts_bits:
        named = "“more ones”"
    reference = 0.5 if len(architecture.classes) == TWO else None
    return Lines(f"Probability of {named} so far", tensors, "step", (0.0, 1.0), reference)


def running_tensor(
    context: ProbeContext[Parameters],
    name: str,
    logits: Float[np.ndarray, "steps classes"],
    colour: Colour | None = None,
) -> Tensor:
    """Tensor of the probabilities after each step of a sequence, of one class or of each.

    Args:
        context: Its prediction chooses between more than ten classes.
        name: Name of the tensor.
        logits: Logits of every step.
        colour: Colour rule; None without one.
    """
    probabilities, labels = softmax(logits), _shown_labels(context)
    steps: Coordinates = {"step": range(1, len(logits) + 1)}
    if len(labels) == 1:
        values = probabilities[:, labels[0]]
        return Tensor(name, "probability", ("step",), values, steps, colour)
    at: Coordinates = {"label": context.model.architecture.classes, **steps}
    values = np.ascontiguousarray(probabilities.T)
    return Tensor(name, "probability", ("label", "step"), values, at, colour)


def _shown_labels(context: ProbeContext[Parameters]) -> Sequence[int]:
    """Return the labels whose probabilities lines of running answers show."""
    classes = len(context.model.architecture.classes)
    if classes == TWO:
        return [1]
    return range(classes) if classes <= MAX_PROBABILITY_LINES else [int(context.logits.argmax())]


def running_logits(context: ProbeContext[Parameters]) -> Lines:
    """Lines of the logits after each step of a sequence, to show below gates and states."""
    logits = context.outputs["logits"]
    classes = context.model.architecture.classes
    coordinates: Coordinates = {"step": range(1, len(logits) + 1), "label": classes}
    running = Tensor("logits", "logits", ("step", "label"), logits, coordinates)
    return Lines("Logits so far", (running,), "step", reference=0.0)
