"""Canary: a fixed input, whose prediction must be finite before weights are served."""

import numpy as np

from models.architecture import Architecture
from models.registry import ResidentModel
from models.rnn.layout import layout_of
from models.runtime.checkpoints import CheckpointError
from models.runtime.programs import Row
from models.runtime.resident import drive

STEPS = 32
"""Steps of the canary's sequence."""


def check_canary(model: ResidentModel) -> None:
    """Check that a compiled model's prediction of the canary is finite.

    Weights may all be finite, and so large that their products are not.

    Raises:
        CheckpointError: A logit is NaN or infinite.
    """
    run = model.run("predict", canary(model.architecture), frozenset({"logits"}))
    (found,) = drive([run], model.programs)
    if not np.isfinite(found["logits"]).all():
        msg = f"{model.name}: its weights give logits that are not finite for an ordinary input"
        raise CheckpointError(msg)


def canary(architecture: Architecture) -> Row:
    """Return the canary of a network: an image of all intensities, or a sequence of all symbols."""
    return _image(architecture) if architecture.family == "image" else _sequence(architecture)


def _image(architecture: Architecture) -> Row:
    """Return the canary of a network of images: intensities from 0 to 255 along its rows."""
    image = architecture.image
    shape = image.height, image.width, image.channels
    pixels = np.linspace(0, 255, np.prod(shape, dtype=int)).reshape(shape).astype(np.uint8)
    # Only those programs divide by 255 themselves.
    if image.prepare == "mnist":
        return {"image": pixels[..., 0]}
    return {"image": image.normalised(pixels)}


def _sequence(architecture: Architecture) -> Row:
    """Return the canary of a network of sequences: one symbol after another, or waves."""
    layout, sequence = layout_of(architecture), architecture.sequence
    steps = np.arange(STEPS)
    if sequence.alphabet:
        values = steps % len(sequence.alphabet)
    else:
        values = np.sin(steps[:, None] + np.arange(sequence.features))
    return {"sequence": values.astype(layout.sequence_type), **layout.initial_state()}
