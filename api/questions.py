"""From a request to a question: what a program is to be run on, and what is said of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from pydantic import BaseModel, Field
from starlette.requests import Request

from api.engine import Engine
from api.inputs import (
    IMAGE_BODIES,
    IMAGE_KEYS,
    INPUTS,
    MAX_PIXELS_TOGETHER,
    SEQUENCE_BODIES,
    SEQUENCE_KEYS,
    Body,
    Entry,
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
from api.json_bodies import refuse
from api.preparation import PreparedImage
from models.programs import Row
from models.zoo import ResidentModel, hidden_size

MAX_QUERY_STEPS = 1024
"""Longest sequence in a query: a URL of more is refused by some proxies."""


@dataclass(frozen=True)
class Question:
    """One input, ready to be run.

    Attributes:
        row: What the program reads; empty where there is no input.
        echo: What the answer says under `input`; None where there is no input.
    """

    row: Row = field(default_factory=dict)
    echo: Mapping[str, Any] | None = None


Questions: TypeAlias = Question | list[Question]
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


async def posted_images(request: Request, engine: Engine, options: ImageOptions) -> Questions:
    """Read an image, or several, in whichever form they come."""
    body = await read_body(request, IMAGE_BODIES)
    if is_light(body):
        return image_question(body, options)
    found = await engine.compute(_image_or_entries, body, options)
    if isinstance(found, Question):
        return found
    return await _image_questions(engine, found, entries_name(body), options)


def image_question(body: Body, options: ImageOptions) -> Question:
    """Decode and prepare the image of a body of one. CPU work.

    Raises:
        Problem: The body is no image, or more than one, or over a limit.
    """
    found = _image_or_entries(body, options)
    if not isinstance(found, Question):
        refuse("invalid-body", "Only one input is taken here.")
    return found


def _image_or_entries(body: Body, options: ImageOptions) -> Question | list[Entry]:
    """Decode and prepare one image; leave several as they came. CPU work."""
    entry = opened(body, IMAGE_KEYS)
    if isinstance(entry, list):
        return entry
    return _about_image(image_of(entry, options.preprocess))


async def _image_questions(
    engine: Engine, entries: list[Entry], name: str, options: ImageOptions
) -> list[Question]:
    """Decode and prepare several images: one by one, so that others get their turn in between."""
    questions, pixels = [], 0
    for index, entry in enumerate(entries):
        with inside(name, index):
            image = await engine.compute(image_of, entry, options.preprocess)
        width, height = image.preparation["source_size"]
        pixels += width * height
        if pixels > MAX_PIXELS_TOGETHER:
            detail = f"The images have more than {MAX_PIXELS_TOGETHER} pixels together."
            refuse("invalid-image", detail, name)
        questions.append(_about_image(image))
    return questions


def _about_image(image: PreparedImage) -> Question:
    echo = {"pixels": image.pixels, "preparation": image.preparation}
    return Question({"image": image.pixels}, echo)


async def posted_sequences(request: Request, engine: Engine, model: ResidentModel) -> Questions:
    """Read a sequence, or several, each perhaps with the state to start from, out of JSON."""
    body = await read_body(request, SEQUENCE_BODIES)
    if is_light(body):
        return _sequence_questions(body, model)
    return await engine.compute(_sequence_questions, body, model)


def _sequence_questions(body: Body, model: ResidentModel) -> Questions:
    """Read the sequences of a body. CPU work where it is large."""
    entry, hidden = opened(body, SEQUENCE_KEYS), hidden_size(model.weights)
    if not isinstance(entry, list):
        return _sequence_question(sequence_of(entry, hidden), model)
    questions = []
    for index, one in enumerate(entry):
        with inside(INPUTS, index):
            questions.append(_sequence_question(sequence_of(one, hidden), model))
    return questions


def queried_sequence(query: SequenceQuery, model: ResidentModel) -> Question:
    """Read a sequence out of the query."""
    bits = parse_sequence(query.sequence, MAX_QUERY_STEPS, "query")
    return _sequence_question(SequenceInput(bits, None), model)


def _sequence_question(given: SequenceInput, model: ResidentModel) -> Question:
    zeros = np.zeros(hidden_size(model.weights), np.float32)
    cell, hidden = given.initial_state or (zeros, zeros)
    echo = {
        "sequence": (given.bits + np.uint8(ord("0"))).tobytes().decode(),
        "length": len(given.bits),
        "ones": int(given.bits.sum()),
        "initial_state": "zero" if given.initial_state is None else "given",
    }
    row = {"sequence": given.bits, "cell": cell, "hidden": hidden}
    return Question(row, echo)
