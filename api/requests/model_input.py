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
from probes.declaration import ProbeInput
from probes.shared.input_warnings import InputWarning

Preprocess = Literal["mnist", "none"]


@dataclass(frozen=True)
class ModelInput(ProbeInput):
    """Model input: the row of one image or sequence of a request, and its echo in the response.

    Attributes:
        echo: Value of `input` in the response; None for a probe of the weights alone.
        warnings: Warnings found while the input was read and prepared; first in the response.
    """

    echo: Mapping[str, Any] | None = None
    warnings: tuple[InputWarning, ...] = ()


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


def sequence_input(given: SequenceInput, hidden: int) -> ModelInput:
    """Make the model input of a sequence, and of its `source` where a probe reads one.

    Args:
        hidden: Number of hidden units, for the initial state of zeros.
    """
    second = given.second
    source = _sequence_row(second, hidden) if isinstance(second, SequenceInput) else {}
    echo = {
        "sequence": (given.sequence + np.uint8(ord("0"))).tobytes().decode(),
        "length": len(given.sequence),
        "ones": int(given.sequence.sum()),
        "initial_state": "zero" if given.initial_state is None else "given",
    }
    return ModelInput(_sequence_row(given, hidden), given.extra, source, echo)


def _sequence_row(given: SequenceInput, hidden: int) -> Row:
    state = given.initial_state
    cell, before = (
        (np.zeros(hidden, np.float32),) * 2 if state is None else (state.cell, state.hidden)
    )
    return {"sequence": given.sequence, "cell": cell, "hidden": before}
