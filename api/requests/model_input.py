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
from api.requests.picture_preparation import NetworkImage, planes_of, prepare_picture, take_values
from api.requests.planes import IMAGE_SIDE, Planes
from api.requests.prepared_pictures import PREPARED, key_of
from api.requests.sequence_body import SequenceInput
from api.requests.sequence_steps import is_binary, shown_sequence
from models.architecture import Architecture
from models.declaration.declaration import ImageSpec
from models.runtime.programs import Row
from probes.declaration import ParameterError, ProbeInput
from probes.shared.input_warnings import InputWarning

Preprocess = Literal["mnist", "fit", "none"]


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


def encoded_image_input(content: bytes, spec: ImageSpec, preprocess: Preprocess) -> ModelInput:
    """Decode and preprocess the image of a raw body. CPU work.

    Raises:
        Problem: The image cannot be decoded, or is over a limit.
    """
    return _image_model_input(_prepared_file(content, spec, preprocess), None, {})


def known_image_input(content: bytes, spec: ImageSpec, preprocess: Preprocess) -> ModelInput | None:
    """Make the model input of a raw body whose image was prepared lately; None for another one."""
    key = key_of(content, spec, preprocess)
    known = PREPARED.get(key) if key else None
    return _image_model_input(known, None, {}) if known else None


def image_input(given: ImageInput, spec: ImageSpec, preprocess: Preprocess) -> ModelInput:
    """Make the model input of an image: decode and preprocess it, and its `source`. CPU work.

    Args:
        given: Validated image of the body.
        spec: Input of the network.
        preprocess: Preparation; one of those of the network.

    Raises:
        Problem: The image cannot be decoded, or is over a limit.
    """
    image = _image_of(given, spec, preprocess)
    source: Row = {}
    if isinstance(second := given.second, ImageInput):
        try:
            source = {"image": _image_of(second, spec, preprocess).row}
        except Problem as problem:
            raise problem.within("source") from problem
    return _image_model_input(image, given.extra, source)


def _image_model_input(image: NetworkImage, extra: BaseModel | None, source: Row) -> ModelInput:
    return ModelInput({"image": image.row}, extra, source, image.echo, image.warnings)


def _image_of(given: ImageInput, spec: ImageSpec, preprocess: Preprocess) -> NetworkImage:
    """Return a validated image as a network reads it."""
    if given.values is not None:
        return take_values(given.values, spec)
    if given.pixels is None:
        return _prepared_file(given.image or b"", spec, preprocess)
    return _prepare(planes_of(given.pixels), spec, preprocess)


def _prepared_file(content: bytes, spec: ImageSpec, preprocess: Preprocess) -> NetworkImage:
    """Decode an image file, and convert it to the row of a model input; keep the result."""
    key = key_of(content, spec, preprocess)
    if key and (known := PREPARED.get(key)):
        return known
    made = _prepare(decode(content, exact=spec.prepare != "mnist"), spec, preprocess)
    if key:
        PREPARED.add(key, made)
    return made


def _prepare(planes: Planes, spec: ImageSpec, preprocess: Preprocess) -> NetworkImage:
    """Convert an image to the row of a model input."""
    if spec.prepare != "mnist":
        return prepare_picture(planes, spec, preprocess)
    image = _as_mnist(planes, preprocess)
    echo = {"pixels": image.pixels, "preparation": image.preparation}
    return NetworkImage(image.pixels, echo, image.warnings)


def _as_mnist(planes: Planes, preprocess: Preprocess) -> PreparedImage:
    """Convert an image to 28x28 pixels like those of MNIST."""
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
    given: SequenceInput, network: Architecture, initial_steps: int | None = None
) -> ModelInput:
    """Make the model input of a sequence, and of its `source` where a probe reads one.

    Args:
        given: Validated sequence of the body.
        network: The network, for the names and sizes of its states.
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
    source = _sequence_row(second, network) if isinstance(second, SequenceInput) else {}
    before = _steps_before(given, initial_steps)
    echo: dict[str, Any] = {
        "sequence": shown_sequence(given.sequence, network.sequence),
        "length": len(given.sequence),
        **({"ones": int(given.sequence.sum())} if is_binary(network.sequence) else {}),
        "initial_state": "zero" if given.initial_state is None else "given",
    }
    if given.initial_state is not None and before is not None:
        echo["initial_steps"] = before
    source_before = _steps_before(second, None) if isinstance(second, SequenceInput) else 0
    row = _sequence_row(given, network)
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
    return None if any(vector.any() for vector in state.values()) else 0


def _sequence_row(given: SequenceInput, network: Architecture) -> Row:
    """Return the row of a sequence: its steps, and each state before the first of them."""
    state = given.initial_state
    if state is None:
        state = {one.name: np.zeros(one.units, np.float32) for one in network.states}
    return {"sequence": given.sequence, **state}
