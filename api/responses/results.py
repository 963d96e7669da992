"""Results of probes for one input: figure, prediction and warnings, as far as they are included."""

from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from api.requests.model_input import ModelInput
from api.responses.probe_request import ProbeRequest
from models.cnn.programs import SCORE
from models.registry import ResidentModel
from probes.declaration import ProbeContext, ResultWarning
from probes.figures.figures import Bars, Panels
from probes.output.parts import DRAWN_PARTS, Part
from probes.output.results import ProbeResult
from probes.shared.class_probabilities import answer_bars, softmax
from probes.shared.input_warnings import (
    InputWarning,
    ambiguous_warnings,
    image_warnings,
    sequence_warnings,
)

NO_FIGURE = Panels("", ())
"""Figure of a response without tensors and measures."""


def probe_result(
    model: ResidentModel,
    request: ProbeRequest,
    given: ModelInput,
    found: ProbeContext[Any],
    parts: frozenset[Part],
    head: dict[str, Any],
) -> ProbeResult:
    """Draw the figure of one input of the pipeline, with the parts of its response."""
    stated: list[InputWarning] = []
    if given.echo is not None:
        stated = _input_warnings(model, request, given, found) if "warnings" in parts else []
        if "input" in parts:
            head["input"] = given.echo
        if "prediction" in parts:
            head["prediction"] = seen = prediction(model, found)
            # Measured on test images: of an image that warns it says nothing.
            is_usual = "warnings" in parts and not any(one.is_about_input for one in stated)
            if found.model.calibration and is_usual:
                highest = float(found.probabilities[seen["label"]])
                seen["reliability"] = found.model.calibration.reliability_of(highest)
    listed: list[InputWarning | ResultWarning] = [*stated]
    if "warnings" in parts:
        listed += request.probe.warnings(found)
    figure = request.probe.figure(found) if parts & DRAWN_PARTS else NO_FIGURE
    answer = None
    if given.echo is not None:
        # Of the logits alone: it must not keep all outputs until the response is encoded.
        answer = partial(_answer, found.logits, model.architecture.classes)
    warnings = tuple({"code": one.code, "message": one.message} for one in listed)
    return ProbeResult(head, figure, warnings, answer)


def _answer(logits: Float[np.ndarray, " classes"], classes: tuple[str, ...]) -> Bars:
    return answer_bars(softmax(logits), classes)


def prediction(model: ResidentModel, found: ProbeContext[Any]) -> dict[str, Any]:
    """Return the pipeline's response field `prediction`: label, name, probabilities, logits.

    `calibrated` is absent where no temperature was fitted.
    """
    label = int(found.logits.argmax())
    stated = {
        "label": label,
        "name": model.architecture.classes[label],
        "probabilities": found.probabilities,
        "logits": found.logits,
    }
    if (calibrated := found.calibrated) is not None:
        stated["calibrated"] = calibrated
    return stated


def _input_warnings(
    model: ResidentModel, request: ProbeRequest, given: ModelInput, found: ProbeContext[Any]
) -> list[InputWarning]:
    """Return the pipeline's warnings about an input: its form, its image, or its length."""
    listed = [*given.warnings, *_image_warnings(model, found)]
    if model.length_limits:
        listed += length_warnings(model, request.checkpoint, given)
    return listed


def _image_warnings(model: ResidentModel, found: ProbeContext[Any]) -> list[InputWarning]:
    """Return the pipeline's warnings about an image unlike the training data, or ambiguous."""
    if model.ood_detector is None:
        return []
    score = float(found.outputs[SCORE][0])
    detector, image = model.ood_detector, found.input.row["image"]
    seen = image_warnings(image, score, detector.limit, detector.score)
    # A picture of no digit has no likeliest digit either: one warning for one cause.
    return seen or ambiguous_warnings(found.probabilities, model.architecture.classes)


def length_warnings(
    model: ResidentModel, checkpoint: str | None, given: ModelInput
) -> list[InputWarning]:
    """Return the warnings about the length of a sequence, and of its `source`, for every route.

    Args:
        checkpoint: Name of the weights that read them; None for the served weights.
    """
    limits, (before, source_before) = model.length_limits[checkpoint], given.steps_before
    found = sequence_warnings(len(given.row["sequence"]), before, limits)
    # One warning for one cause: weights without a test are wrong about both alike.
    if given.source and (limits.longest or not found):
        steps = len(given.source["sequence"])
        found += sequence_warnings(steps, source_before, limits, "source")
    return found
