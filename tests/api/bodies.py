"""Request bodies for tests, and the problems that they lead to."""

import asyncio
import base64
from collections.abc import Iterable
from io import BytesIO
from typing import Any

import numpy as np
import orjson
import pytest
from PIL import Image
from starlette.requests import Request

from api.errors.problem import Problem
from api.requests.body import IMAGE_BODIES, Body, read_body
from api.requests.image_body import ImageBody
from api.requests.inputs import parse_images
from api.requests.model_input import ModelInput, Preprocess
from api.requests.posted import ParsedBody, parse_body
from api.requests.sequence_body import SequenceBody, SequenceInput
from tests.networks import SIMPLE_CNN, counting_lstm

DIGIT = np.zeros((28, 28), np.uint8)
DIGIT[5:24, 12:17] = 255
DIGIT[12:17, 10:19] = 200


def encoded(grey: np.ndarray, image_format: str = "PNG") -> bytes:
    """Write a picture."""
    buffer = BytesIO()
    Image.fromarray(grey).save(buffer, image_format, quality=100)
    return buffer.getvalue()


PICTURE = encoded(DIGIT)


def json_body(value: object) -> Body:
    """Make a body of a JSON value, or of bytes that should be one."""
    content = value if isinstance(value, bytes) else orjson.dumps(value)
    return Body(content, "application/json", {})


def form_body(data: bytes) -> Body:
    """Make a form with one file."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="d"\r\n\r\n'
    return Body(head + data + b"\r\n--x--\r\n", "multipart/form-data", {"boundary": "x"})


def image_of(body: Body, preprocess: Preprocess = "mnist") -> ModelInput:
    """Return the model input of a body of one image."""
    found = parse_images(body, ImageBody, SIMPLE_CNN, preprocess)
    if isinstance(found, ParsedBody):
        found.validated(ImageBody, SIMPLE_CNN)  # raises the fault of one of several
    assert isinstance(found, ModelInput)
    return found


def sequence_of(body: Body, hidden: int) -> SequenceInput:
    """Return the validated sequence of a body of one sequence."""
    [found] = parse_body(body, SequenceBody, counting_lstm(hidden)).inputs
    assert isinstance(found, SequenceInput)
    return found


def base64_of(data: bytes) -> str:
    """Write base64 as browsers do."""
    return base64.b64encode(data).decode()


def problem_of(body: Body) -> tuple[str, str, tuple[str | int, ...]]:
    """Return type, text and location of the problem of an image body."""
    with pytest.raises(Problem) as caught:
        image_of(body)
    return told(caught.value)


def told(problem: Problem) -> tuple[str, str, tuple[str | int, ...]]:
    """Return type, text and location of a problem with one reason."""
    [reason] = problem.reasons
    assert reason.reason == problem.detail
    assert problem.detail.endswith((".", "base64,", "digit.png", ".decode()"))
    return problem.kind, problem.detail, reason.location


class Wire:
    """A connection that delivers chunks, and counts those that were received."""

    def __init__(self, chunks: Iterable[bytes | None], **headers: str | list[str]) -> None:
        self.chunks = iter(chunks)
        self.taken = 0
        self.headers = [
            (name.replace("_", "-").encode(), value.encode("latin-1"))
            for name, values in headers.items()
            for value in ([values] if isinstance(values, str) else values)
        ]

    async def receive(self) -> dict[str, Any]:
        """Return the next chunk, the end of the body, or a disconnect."""
        chunk = next(self.chunks, b"")
        self.taken += 1
        if chunk is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}

    def read(self, limits: Any = IMAGE_BODIES) -> Body:
        """Read this connection's request."""
        request = Request({"type": "http", "headers": self.headers}, self.receive)
        return asyncio.run(read_body(request, limits))

    def problem_of(self, limits: Any = IMAGE_BODIES) -> Problem:
        """Return the problem that reading the body raises."""
        with pytest.raises(Problem) as caught:
            self.read(limits)
        return caught.value
