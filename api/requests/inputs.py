"""Inputs of a request, read from its body: bytes -> JSON or form -> declared body -> model inputs.

    read_body -> parse_body -> ImageInput    -> image_input    -> ModelInput
                               SequenceInput -> sequence_input

Reading waits for the client on the event loop; parsing and decoding are CPU work and run in a
worker thread where a body is large.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, TypeVar, cast

from api.errors.problem import Problem, Reason, body_problem
from api.inference.engine import Engine
from api.inference.jobs import Job
from api.inference.turns import SLICE_S
from api.requests.body import (
    FORM,
    IMAGE_BODIES,
    LONG_SEQUENCE_BODIES,
    RAW_IMAGES,
    SEQUENCE_BODIES,
    Body,
    is_light,
    is_short_json,
    read_body,
)
from api.requests.body_arrival import BodyArrival
from api.requests.declared_body import DeclaredBody
from api.requests.form_fields import Fields, field_warnings
from api.requests.image_body import ImageBody
from api.requests.image_limits import MAX_PLANE_PIXELS
from api.requests.json_object import FieldError
from api.requests.model_input import (
    ModelInput,
    ModelInputs,
    Preprocess,
    encoded_image_input,
    image_input,
    known_image_input,
    sequence_input,
)
from api.requests.multipart import parse_form
from api.requests.options import ImageOptions, SequenceQuery
from api.requests.posted import ParsedBody, parse_body, parse_value
from api.requests.sequence_body import SequenceInput
from api.requests.sequence_steps import parse_queried_steps
from models.architecture import Architecture
from models.registry import ResidentModel
from probes.declaration import ParameterError
from probes.shared.input_warnings import InputWarning

MAX_PIXELS_TOGETHER = 100_000_000  # of all images of one request: eight photos of 12 megapixels
MAX_PLANES_TOGETHER = 16_777_216  # counted after reduction: 64 of 512 x 512, 11 of any size

MAX_LIGHT_FORM = 8192  # bytes of a form: its parts are found in 0.1 ms, in at most 10

Options = TypeVar("Options", bound=ImageOptions)

MAX_QUERY_STEPS = 1024
"""Most steps of an input sequence in the query (`?sequence=`): some proxies refuse longer URLs."""


async def read_images(
    arrival: BodyArrival,
    model: ResidentModel,
    declaration: type[DeclaredBody],
    options_of: Callable[[Fields], Options],
    admit: Callable[[Options, int], None],
) -> tuple[ModelInputs, Options]:
    """Read the inputs of an image request: decode and preprocess one image, or several.

    Args:
        arrival: Of the body, which must not have been read.
        model: Network that the images are for.
        declaration: Body of the route.
        options_of: Returns the query with the parameters among the text fields of a form.
        admit: Admits the work of a query on a number of images, before they are validated and
            decoded.

    Returns:
        The inputs, and the query.

    Raises:
        Problem: The body is not valid, or an image is over a limit.
    """
    engine, job = arrival.engine, arrival.job
    with arrival:
        body = await _with_form(engine, job, await _arrived(arrival, IMAGE_BODIES))
        fields: Fields = () if body.form is None else body.form.texts
        options, network = options_of(fields), model.architecture
        # The default of the network was filled in, and other values were refused.
        preprocess = cast("Preprocess", options.preprocess)
        found = await _parsed(arrival, body, declaration, network, preprocess)
        given: ModelInputs
        if isinstance(found, ModelInput):
            given = found
        else:
            admit(options, found.several)
            images = _Images(found, declaration, network, preprocess)
            given = await images.inputs(engine, job)
    warnings = field_warnings(type(options), (name for name, _ in fields))
    return (_with_warnings(given, warnings) if warnings else given), options


async def _parsed(
    arrival: BodyArrival,
    body: Body,
    declaration: type[DeclaredBody],
    network: Architecture,
    preprocess: Preprocess,
) -> ModelInput | ParsedBody:
    """Make the input of an image request, or parse several, where it takes the least time."""
    if is_light(body):
        return parse_images(body, declaration, network, preprocess)
    if known := _known_image(body, declaration, network, preprocess):
        return known
    compute = partial(arrival.engine.compute, job=arrival.job)
    if not is_short_json(body):
        return await compute(parse_images, body, declaration, network, preprocess)
    # Several images may be refused: that costs no wait for a CPU thread.
    parsed = parse_value(body, declaration)
    if parsed.several:
        return parsed
    return await compute(_single_image, parsed, declaration, network, preprocess)


async def _arrived(arrival: BodyArrival, limits: Mapping[str, int]) -> Body:
    """Read the body of a request; from now on it is in flight."""
    body = await read_body(arrival.request, limits, arrival.add)
    arrival.end()
    return body


async def _with_form(engine: Engine, job: Job, body: Body) -> Body:
    """Parse the form of a request body, whose text fields decide how its images are read."""
    if body.media_type != FORM:
        return body
    is_small = len(body.content) <= MAX_LIGHT_FORM
    form = (
        parse_form(body.content, body.parameters)
        if is_small
        else await engine.compute(parse_form, body.content, body.parameters, job=job)
    )
    return body._replace(content=b"", form=form)


def _with_warnings(given: ModelInputs, warnings: tuple[InputWarning, ...]) -> ModelInputs:
    """Return the inputs of a request with warnings about the request in front of their own."""
    if isinstance(given, list):
        return [replace(one, warnings=(*warnings, *one.warnings)) for one in given]
    return replace(given, warnings=(*warnings, *given.warnings))


def parse_images(
    body: Body, declaration: type[DeclaredBody], network: Architecture, preprocess: Preprocess
) -> ModelInput | ParsedBody:
    """Make the input of an image request from its body; leave several as they are. CPU work.

    Args:
        body: Whole body of the request.
        declaration: Body of the route.
        network: Network that the images are for.
        preprocess: Preparation of them.

    Raises:
        Problem: The body is not valid, or the image is over a limit. Several images are not
            validated.
    """
    if _is_raw(body, declaration):
        # There is nothing to validate: a model of pydantic would only hold the bytes.
        return encoded_image_input(body.content, network.image, preprocess)
    parsed = parse_value(body, declaration)
    return parsed if parsed.several else _single_image(parsed, declaration, network, preprocess)


def _single_image(
    parsed: ParsedBody,
    declaration: type[DeclaredBody],
    network: Architecture,
    preprocess: Preprocess,
) -> ModelInput:
    """Make the input of an image request with one image. CPU work."""
    [image] = parsed.validated(declaration, network).inputs
    return image_input(image, network.image, preprocess)


def _is_raw(body: Body, declaration: type[DeclaredBody]) -> bool:
    return declaration is ImageBody and body.media_type in RAW_IMAGES


def _known_image(
    body: Body, declaration: type[DeclaredBody], network: Architecture, preprocess: Preprocess
) -> ModelInput | None:
    """Make the input of a raw image that was prepared lately, without a wait for a CPU thread."""
    if not _is_raw(body, declaration):
        return None
    return known_image_input(body.content, network.image, preprocess)


class _Images:
    """Several images of one request, which are decoded one after the other within limits."""

    def __init__(
        self,
        parsed: ParsedBody,
        declaration: type[DeclaredBody],
        network: Architecture,
        preprocess: Preprocess,
    ) -> None:
        self._parsed, self._declaration = parsed, declaration
        self._network, self._preprocess = network, preprocess
        self._pixels = self._planes = 0

    @cached_property
    def _posted(self) -> Sequence[Any]:
        """Images of the body, validated when they are first used. CPU work."""
        return self._parsed.validated(self._declaration, self._network).inputs

    async def inputs(self, engine: Engine, job: Job) -> list[ModelInput]:
        """Decode the images in slices of time, so that others run in between.

        Raises:
            Problem: The body is not valid, or an image or all together are over a limit.
        """
        found: list[ModelInput] = []
        while len(found) < self._parsed.several:
            found += await engine.compute(self.decode_slice, len(found), job=job)
        return found

    def decode_slice(self, first: int) -> list[ModelInput]:
        """Decode images from the first one on for a slice of time, at least one. CPU work."""
        found: list[ModelInput] = []
        until = time.monotonic() + SLICE_S
        while first + len(found) < len(self._posted) and (not found or time.monotonic() < until):
            index = first + len(found)
            try:
                one = image_input(self._posted[index], self._network.image, self._preprocess)
            except Problem as problem:
                raise problem.within(self._parsed.container, index) from problem
            self._count(one)
            found.append(one)
        return found

    def _count(self, decoded: ModelInput) -> None:
        """Count the pixels of an image: at most one is decoded beyond a limit."""
        width, height = (decoded.echo or {})["preparation"]["source_size"]
        self._pixels += width * height
        self._planes += min(width * height, MAX_PLANE_PIXELS)
        if self._pixels > MAX_PIXELS_TOGETHER:
            raise _too_many(f"{MAX_PIXELS_TOGETHER} pixels together", self._parsed.container)
        if self._planes > MAX_PLANES_TOGETHER:
            counted = f"{MAX_PLANES_TOGETHER} pixels together, at most {MAX_PLANE_PIXELS} of each"
            raise _too_many(counted, self._parsed.container)


def _too_many(limit: str, container: str) -> Problem:
    detail = f"The images have more than {limit}: send fewer in one request, or smaller ones."
    return body_problem("invalid-image", detail, container)


async def read_sequences(
    arrival: BodyArrival,
    model: ResidentModel,
    declaration: type[DeclaredBody],
    initial_steps: int | None,
) -> ModelInputs:
    """Read the inputs of a sequence request: one or several sequences and initial states.

    Args:
        arrival: Of the body, which must not have been read.
        initial_steps: Steps before the initial state of every input, by the query.

    Raises:
        Problem: The body is not valid.
        ParameterError: `initial_steps` is given, and an input has no initial state.
    """
    is_text = model.architecture.sequence.is_text
    with arrival:
        body = await _arrived(arrival, SEQUENCE_BODIES if is_text else LONG_SEQUENCE_BODIES)
        if is_text and is_light(body):
            return parse_sequences(body, declaration, model, initial_steps)
        return await arrival.engine.compute(
            parse_sequences, body, declaration, model, initial_steps, job=arrival.job
        )


def parse_sequences(
    body: Body,
    declaration: type[DeclaredBody],
    model: ResidentModel,
    initial_steps: int | None = None,
) -> ModelInputs:
    """Make the inputs of a sequence request from its body. CPU work where it is large.

    Raises:
        Problem: The body is not valid.
        ParameterError: `initial_steps` is given, and an input has no initial state.
    """
    network = model.architecture
    posted = parse_body(body, declaration, network)
    if not posted.container:
        return sequence_input(posted.inputs[0], network, initial_steps)
    inputs = []
    for index, given in enumerate(posted.inputs):
        try:
            inputs.append(sequence_input(given, network, initial_steps))
        except ParameterError as error:
            raise error.of_input(index) from error
    return inputs


def queried_sequence(query: SequenceQuery, model: ResidentModel) -> ModelInput:
    """Make the input of a request whose sequence is in the query (`?sequence=10110`).

    Raises:
        Problem: It is empty, too long or has a character that is no symbol of the network.
    """
    network = model.architecture
    try:
        steps = parse_queried_steps(query.sequence, network.sequence, MAX_QUERY_STEPS)
    except FieldError as error:
        location = ("query", "sequence", *error.place)
        raise Problem(error.kind, error.reason, [Reason(location, error.reason)]) from error
    given = SequenceInput.model_construct(sequence=steps, initial_state=None)
    return sequence_input(given, network)
