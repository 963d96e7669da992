"""Model inputs: the rows that programs run on, made of validated images and sequences."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from pydantic import BaseModel

from api.errors.problem import Problem, body_problem
from api.requests.image_body import ImageInput
from api.requests.image_decoding import decode
from api.requests.mnist_preprocessing import (
    PreparedImage,
    in_source_pixels,
    preprocess_mnist,
    without_preprocessing,
)
from api.requests.planes import IMAGE_SIDE, Planes
from api.requests.sequence_body import SequenceInput
from models.runtime.programs import Row
from probes.declaration import ParameterError, ProbeInput
from probes.shared.input_warnings import InputWarning

Preprocess = Literal["mnist", "none"]


@dataclass(frozen=True)
class ModelInput(ProbeInput):
    """Model input: the row of one image or sequence of a request, and its echo in the response.

    Attributes:
        echo: Value of `input` in the response; None for a probe of the weights alone.
        warnings: Warnings found while the input was read and prepared; first in the response.
        steps_before: Steps before the initial state of a sequence, and of its `source`; None
            where they are unknown.
    """

    echo: Mapping[str, Any] | None = None
    warnings: tuple[InputWarning, ...] = ()
    steps_before: tuple[int | None, int | None] = (0, 0)


ModelInputs: TypeAlias = ModelInput | list[ModelInput]
"""Model inputs of one request: a single one, or a list where the request has several."""


def encoded_image_input(content: bytes, preprocess: Preprocess) -> ModelInput:
    """Decode and preprocess the image of a raw body. CPU work.

    Raises:
        Problem: The image cannot be decoded, or is over a limit.
    """
    return _image_model_input(_prepare(decode(content), preprocess), None, {})


def image_input(given: ImageInput, preprocess: Preprocess) -> ModelInput:
    """Make the model input of an image: decode and preprocess it, and its `source`. CPU work.

    Raises:
        Problem: The image cannot be decoded, or is over a limit.
    """
    image = _prepare(_planes(given), preprocess)
    source: Row = {}
    if isinstance(second := given.second, ImageInput):
        try:
            source = {"image": _prepare(_planes(second), preprocess).pixels}
        except Problem as problem:
            raise problem.within("source") from problem
    return _image_model_input(image, given.extra, source)


def _image_model_input(image: PreparedImage, extra: BaseModel | None, source: Row) -> ModelInput:
    echo = {"pixels": image.pixels, "preparation": image.preparation}
    return ModelInput({"image": image.pixels}, extra, source, echo, image.warnings)


def _planes(given: ImageInput) -> Planes:
    return decode(given.image or b"") if given.pixels is None else Planes(given.pixels)


def _prepare(planes: Planes, preprocess: Preprocess) -> PreparedImage:
    """Convert an image to the 28x28 pixels of a model input."""
    if preprocess == "mnist":
        return in_source_pixels(preprocess_mnist(planes), planes)
    if planes.source_size != [IMAGE_SIDE, IMAGE_SIDE]:
        width, height = planes.source_size
        raise body_problem(
            "invalid-image",
            f"The image is {width} x {height} pixels; preprocess=none takes "
            f"{IMAGE_SIDE} x {IMAGE_SIDE}.",
        )
    return without_preprocessing(planes)


def sequence_input(
    given: SequenceInput, hidden: int, initial_steps: int | None = None
) -> ModelInput:
    """Make the model input of a sequence, and of its `source` where a probe reads one.

    Args:
        hidden: Number of hidden units, for the initial state of zeros.
        initial_steps: Steps before the initial state, where the sequence does not state them.

    Raises:
        ParameterError: `initial_steps` is given, and the sequence has no initial state.
    """
    if initial_steps is not None and given.initial_state is None:
        reason = (
            "initial_steps is the number of steps before 'initial_state', which this input does "
            "not have: send both, or neither"
        )
        raise ParameterError("initial_steps", reason)
    second = given.second
    source = _sequence_row(second, hidden) if isinstance(second, SequenceInput) else {}
    before = _steps_before(given, initial_steps)
    echo: dict[str, Any] = {
        "sequence": (given.sequence + np.uint8(ord("0"))).tobytes().decode(),
        "length": len(given.sequence),
        "ones": int(given.sequence.sum()),
        "initial_state": "zero" if given.initial_state is None else "given",
    }
    if given.initial_state is not None and before is not None:
        echo["initial_steps"] = before
    source_before = _steps_before(second, None) if isinstance(second, SequenceInput) else 0
    row = _sequence_row(given, hidden)
    return ModelInput(row, given.extra, source, echo, steps_before=(before, source_before))


def _steps_before(given: SequenceInput, queried: int | None) -> int | None:
    """Return the number of steps before a sequence's first one; None where it is unknown.

    Args:
        queried: Number in the query; one in the body is preferred.
    """
    state = given.initial_state
    if state is None:
        return 0
    if (stated := given.initial_steps) is not None or (stated := queried) is not None:
        return stated
    # A state of zeros is that in which every sequence begins.
    return None if state.cell.any() or state.hidden.any() else 0


def _sequence_row(given: SequenceInput, hidden: int) -> Row:
    state = given.initial_state
    cell, before = (
        (np.zeros(hidden, np.float32),) * 2 if state is None else (state.cell, state.hidden)
    )
    return {"sequence": given.sequence, "cell": cell, "hidden": before}
