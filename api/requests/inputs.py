"""From a request to a question: what a program is to be run on, and what is said of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request

from api.errors.problem import Problem, Reason
from api.inference.engine import Engine
from api.requests.body import (
    IMAGE_BODIES,
    IMAGE_KEYS,
    INPUTS,
    MAX_PIXELS_TOGETHER,
    SEQUENCE_BODIES,
    SEQUENCE_KEYS,
    Body,
    InputFields,
    SequenceInput,
    entries_name,
    image_of,
    inside,
    is_light,
    opened,
    parse_sequence,
    read_body,
    sequence_of,
)
from api.requests.json_fields import known_keys, refuse
from models.registry import ResidentModel, hidden_size
from models.runtime.programs import Row
from probes.declaration import ProbeInput

MAX_QUERY_STEPS = 1024
"""Longest sequence in a query: a URL of more is refused by some proxies."""


@dataclass(frozen=True)
class ModelInput(ProbeInput):
    """One prepared input of a request.

    Attributes:
        echo: Value of `input` in the response; None for a probe of the weights alone.
    """

    echo: Mapping[str, Any] | None = None

    @property
    def said(self) -> Mapping[str, Any]:
        """What the answer says of the input; empty where there is none."""
        return self.echo or {}


ModelInputs: TypeAlias = ModelInput | list[ModelInput]
"""What one request asks about: one input, or a list where it sent several."""


class ImageOptions(BaseModel):
    """How a posted image is prepared."""

    preprocess: Literal["mnist", "none"] = Field(
        "mnist",
        description="`mnist` scales the ink to 20x20 pixels and centres its mass in 28x28, white "
        "on black, as MNIST was made. `none` takes 28x28 pixels as they are.",
    )


class SequenceQuery(BaseModel):
    """A sequence that comes in the query."""

    sequence: str = Field(description="1 to 1,024 bits, oldest first.", examples=["10110"])


class CheckpointOptions(BaseModel):
    """Which network is asked: as it is, or as it was during training."""

    checkpoint: str | None = Field(
        None,
        pattern=r"^[\w.-]{1,32}$",
        description="The network as it was during training, such as `round-4`: `/models` lists "
        "them. The trained one where left out.",
    )


Beside: TypeAlias = type[BaseModel] | None
"""What may be posted beside an input; None for nothing."""


async def posted_images(
    request: Request, engine: Engine, options: ImageOptions, beside: Beside = None
) -> ModelInputs:
    """Read an image, or several, in whichever form they come."""
    body = await read_body(request, IMAGE_BODIES)
    if is_light(body):
        return image_question(body, options, beside)
    found = await engine.compute(_image_or_entries, body, options, beside)
    if isinstance(found, ModelInput):
        return found
    return await _image_questions(engine, found, entries_name(body), options, beside)


def image_question(body: Body, options: ImageOptions, beside: Beside = None) -> ModelInput:
    """Decode and prepare the image of a body of one. CPU work.

    Raises:
        Problem: The body is no image, or more than one, or over a limit.
    """
    found = _image_or_entries(body, options, beside)
    if not isinstance(found, ModelInput):
        refuse("invalid-body", "Only one input is taken here.")
    return found


def _image_or_entries(
    body: Body, options: ImageOptions, beside: Beside = None
) -> ModelInput | list[InputFields]:
    """Decode and prepare one image; leave several as they came. CPU work."""
    entry = opened(body, (*IMAGE_KEYS, *_names(beside)))
    if isinstance(entry, list):
        return entry
    return _about_image(entry, options, beside)


async def _image_questions(
    engine: Engine, entries: list[InputFields], name: str, options: ImageOptions, beside: Beside
) -> list[ModelInput]:
    """Decode and prepare several images: one by one, so that others get their turn in between."""
    questions, pixels = [], 0
    for index, entry in enumerate(entries):
        with inside(name, index):
            question = await engine.compute(_about_image, entry, options, beside)
        width, height = question.said["preparation"]["source_size"]
        pixels += width * height
        if pixels > MAX_PIXELS_TOGETHER:
            detail = f"The images have more than {MAX_PIXELS_TOGETHER} pixels together."
            refuse("invalid-image", detail, name)
        questions.append(question)
    return questions


def _about_image(entry: InputFields, options: ImageOptions, beside: Beside) -> ModelInput:
    """Decode and prepare one image, and read what came beside it."""
    given = _taken(entry, beside)
    image = image_of(entry, options.preprocess)
    echo = {"pixels": image.pixels, "preparation": image.preparation}
    row = {"image": image.pixels}
    if beside is None:
        return ModelInput(row, echo=echo)
    extra, source = _read(beside, given), {}
    if (posted := getattr(extra, "source", None)) is not None:
        with inside("source"):
            fields = known_keys(posted, IMAGE_KEYS, "It")
            source = {"image": image_of(fields, options.preprocess).pixels}
    return ModelInput(row, extra, source, echo)


def _names(beside: Beside) -> tuple[str, ...]:
    return tuple(beside.model_fields) if beside else ()


def _taken(entry: InputFields, beside: Beside) -> dict[str, Any]:
    """Take out of an entry what stands beside its input."""
    if not isinstance(entry, dict):
        return {}
    return {name: entry.pop(name) for name in _names(beside) if name in entry}


def _read(beside: type[BaseModel], given: dict[str, Any]) -> BaseModel:
    """Read what was posted beside an input.

    Raises:
        Problem: It is not what the probe reads; no value of it is repeated.
    """
    try:
        return beside.model_validate(given)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        reasons = [
            Reason(("body", *one["loc"]), f"{_path(one['loc'])}: {_plainly(one['msg'])}")
            for one in found
        ]
        raise Problem("invalid-body", f"{reasons[0].reason}.", reasons) from None


def _plainly(message: str) -> str:
    """Say what pydantic says in the words of JSON."""
    return message.removeprefix("Value error, ").replace("tuple", "list")


def _path(location: tuple[int | str, ...]) -> str:
    """Write a place in the body as one would in a program: `edits[0].layer`."""
    first, *rest = location
    return str(first) + "".join(f"[{at}]" if isinstance(at, int) else f".{at}" for at in rest)


async def posted_sequences(
    request: Request, engine: Engine, model: ResidentModel, beside: Beside = None
) -> ModelInputs:
    """Read a sequence, or several, each perhaps with the state to start from, out of JSON."""
    body = await read_body(request, SEQUENCE_BODIES)
    if is_light(body):
        return _sequence_questions(body, model, beside)
    return await engine.compute(_sequence_questions, body, model, beside)


def _sequence_questions(body: Body, model: ResidentModel, beside: Beside) -> ModelInputs:
    """Read the sequences of a body. CPU work where it is large."""
    entry = opened(body, (*SEQUENCE_KEYS, *_names(beside)))
    if not isinstance(entry, list):
        return _about_sequence(entry, model, beside)
    questions = []
    for index, one in enumerate(entry):
        with inside(INPUTS, index):
            questions.append(_about_sequence(one, model, beside))
    return questions


def _about_sequence(entry: InputFields, model: ResidentModel, beside: Beside) -> ModelInput:
    """Read one sequence, and what came beside it."""
    given, hidden = _taken(entry, beside), hidden_size(model.weights)
    question = _sequence_question(sequence_of(entry, hidden), model)
    if not beside:
        return question
    extra: BaseModel = _read(beside, given)
    source: Row = {}
    if (posted := getattr(extra, "source", None)) is not None:
        with inside("source"):
            fields = known_keys(posted, SEQUENCE_KEYS, "It")
            source = _sequence_question(sequence_of(fields, hidden), model).row
    return replace(question, extra=extra, source=source)


def queried_sequence(query: SequenceQuery, model: ResidentModel) -> ModelInput:
    """Read a sequence out of the query."""
    bits = parse_sequence(query.sequence, MAX_QUERY_STEPS, "query")
    return _sequence_question(SequenceInput(bits, None), model)


def _sequence_question(given: SequenceInput, model: ResidentModel) -> ModelInput:
    zeros = np.zeros(hidden_size(model.weights), np.float32)
    cell, hidden = given.initial_state or (zeros, zeros)
    echo = {
        "sequence": (given.bits + np.uint8(ord("0"))).tobytes().decode(),
        "length": len(given.bits),
        "ones": int(given.bits.sum()),
        "initial_state": "zero" if given.initial_state is None else "given",
    }
    row = {"sequence": given.bits, "cell": cell, "hidden": hidden}
    return ModelInput(row, echo=echo)
