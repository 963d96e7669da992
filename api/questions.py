"""From a request to a question: what a program is to be run on, and what is said of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, Field
from starlette.requests import Request

from api.engine import Engine
from api.inputs import (
    IMAGE_BODIES,
    SEQUENCE_BODIES,
    Body,
    SequenceInput,
    image_from,
    is_light,
    parse_sequence,
    read_body,
    sequence_from,
)
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


async def posted_image(request: Request, engine: Engine, options: ImageOptions) -> Question:
    """Read an image in whichever form it comes."""
    body = await read_body(request, IMAGE_BODIES)
    if is_light(body):
        return image_question(body, options)
    return await engine.compute(image_question, body, options)


def image_question(body: Body, options: ImageOptions) -> Question:
    """Decode and prepare an image. CPU work, of a large image not for the event loop."""
    image = image_from(body, options.preprocess)
    echo = {"pixels": image.pixels, "preparation": image.preparation}
    return Question({"image": image.pixels}, echo)


async def posted_sequence(request: Request, engine: Engine, model: ResidentModel) -> Question:
    """Read a sequence, and perhaps the state to start from, out of a JSON body."""
    body = await read_body(request, SEQUENCE_BODIES)
    hidden = hidden_size(model.weights)
    if is_light(body):
        return _sequence_question(sequence_from(body, hidden), model)
    return _sequence_question(await engine.compute(sequence_from, body, hidden), model)


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
