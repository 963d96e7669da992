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
    parse_sequence,
    read_body,
    sequence_from,
)
from models.familiarity import Familiarity
from models.programs import Row
from models.zoo import ResidentModel, hidden_size
from probes.warnings import Notice, image_warnings, sequence_warnings

MAX_QUERY_STEPS = 1024
"""Longest sequence in a query: a URL of more is refused by some proxies."""


@dataclass(frozen=True)
class Question:
    """One input, ready to be run.

    Attributes:
        row: What the program reads; empty where there is no input.
        echo: What the answer says under `input`; None where there is no input.
        notices: What makes the answer doubtful.
    """

    row: Row = field(default_factory=dict)
    echo: Mapping[str, Any] | None = None
    notices: tuple[Notice, ...] = ()


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
    return await engine.compute(_image_question, body, options, engine.familiarity)


def _image_question(body: Body, options: ImageOptions, familiarity: Familiarity) -> Question:
    image = image_from(body, options.preprocess)
    echo = {"pixels": image.pixels, "preparation": image.preparation}
    notices = image_warnings(image.pixels, familiarity)
    return Question({"image": image.pixels}, echo, tuple(notices))


async def posted_sequence(request: Request, engine: Engine, model: ResidentModel) -> Question:
    """Read a sequence, and perhaps the state to start from, out of a JSON body."""
    body = await read_body(request, SEQUENCE_BODIES)
    given = await engine.compute(sequence_from, body, hidden_size(model.weights))
    return _sequence_question(given, model)


def queried_sequence(query: SequenceQuery, model: ResidentModel) -> Question:
    """Read a sequence out of the query."""
    bits = parse_sequence(query.sequence, MAX_QUERY_STEPS, "query")
    return _sequence_question(SequenceInput(bits, None), model)


def _sequence_question(given: SequenceInput, model: ResidentModel) -> Question:
    zeros = np.zeros(hidden_size(model.weights), np.float32)
    cell, hidden = given.initial_state or (zeros, zeros)
    echo = {
        "sequence": "".join(map(str, given.bits)),
        "length": len(given.bits),
        "ones": int(given.bits.sum()),
        "initial_state": "zero" if given.initial_state is None else "given",
    }
    row = {"sequence": given.bits, "cell": cell, "hidden": hidden}
    tested = model.checkpoint.metadata.get("tested_length")
    notices = sequence_warnings(len(given.bits), tested) if isinstance(tested, int) else []
    return Question(row, echo, tuple(notices))
