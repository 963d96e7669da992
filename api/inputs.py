"""Every form in which an image or a sequence may come -> one decoder -> one array.

    request -> read_body -> Body -> image_from    -> PreparedImage
                                 -> sequence_from -> SequenceInput

Reading waits for the client and belongs on the event loop; parsing is pure, may take a tenth of a
second of CPU, and belongs on a thread.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from api.errors import Problem, Reason
from api.images import decode, png_size
from api.ink import FIELD, Planes
from api.json_bodies import (
    State,
    Where,
    base64_bytes,
    bits_of,
    check_length,
    json_object,
    pixels_of,
    refuse,
    refuse_step,
    state_of,
)
from api.multipart import file_in
from api.preparation import PreparedImage, as_it_is, as_mnist

MIB = 1_048_576
MAX_IMAGE = 4 * MIB  # bytes of an encoded image, however it came: a phone's photo
MAX_FORM = MAX_IMAGE + 16_384  # the image, its part's headers and two boundaries
MAX_IMAGE_JSON = 6 * MIB  # 4 MiB in base64 are 5.4 MiB
MAX_SEQUENCE_JSON = 262_144  # bytes: 4,096 steps and two states of 64 units take 11,000
MAX_STEPS = 4096
LIGHT_JSON = 8192  # bytes: 28 x 28 pixels, 4,096 steps
LIGHT_PIXELS = 4096  # decoded in 0.1 ms

# The media types that a route reads -> the most bytes of each.
IMAGE_BODIES: Mapping[str, int] = {
    "image/png": MAX_IMAGE,
    "image/jpeg": MAX_IMAGE,
    "multipart/form-data": MAX_FORM,
    "application/json": MAX_IMAGE_JSON,
}
SEQUENCE_BODIES: Mapping[str, int] = {"application/json": MAX_SEQUENCE_JSON}


@dataclass(frozen=True)
class Body:
    """A request's body, whole and within its limit, not yet looked into.

    Attributes:
        content: The bytes.
        media_type: One of those that the route reads, lower case, without parameters.
        parameters: Those of the Content-Type, such as `boundary`.
    """

    content: bytes
    media_type: str
    parameters: Mapping[str, str]


@dataclass(frozen=True)
class SequenceInput:
    """What the LSTM is to read, and where it starts from.

    Attributes:
        bits: 0 or 1, oldest first.
        initial_state: Cell (at most 1e6 from zero) and hidden state (at most 1), in that order;
            None for the usual start at zero.
    """

    bits: UInt8[np.ndarray, " time"]
    initial_state: State | None


async def read_body(request: Request, limits: Mapping[str, int]) -> Body:
    """Read a request's body, no further than its limit.

    Args:
        request: Its body must not have been read.
        limits: The media types that are read here, and the most bytes of each.

    Raises:
        Problem: The body is compressed, of another type or too large. Where it is too large the
            answer closes the connection, so that the rest is never read.
        starlette.requests.ClientDisconnect: The client went away; there is nobody to answer.
    """
    encoding, declared, types = _about_body(request.scope["headers"])
    if encoding.strip().lower() != "identity":
        detail = "Bodies must come as they are, without a Content-Encoding."
        raise Problem("unsupported-encoding", detail, headers={"Accept-Encoding": "identity"})
    media_type, parameters = _content_type(types, tuple(limits))
    limit = limits[media_type]
    if not (declared.isascii() and declared.isdigit()):
        raise Problem("invalid-request", "Content-Length must be a number of bytes.")
    # By length first: Python refuses to read integers of thousands of digits.
    digits = declared.lstrip("0") or "0"
    if len(digits) > len(str(limit)) or int(digits) > limit:
        raise _too_large(limit)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
    return Body(b"".join(parts), media_type, parameters)


def is_light(body: Body) -> bool:
    """Tell whether a body is parsed in less time than it takes to ask another thread to do it."""
    if body.media_type == "application/json":
        # A few bytes of base64, or of a key in disguise, can hold a large picture.
        disguised = b"image" in body.content or b"\\" in body.content
        return len(body.content) <= LIGHT_JSON and not disguised
    size = png_size(body.content) if body.media_type == "image/png" else None
    return size is not None and size[0] * size[1] <= LIGHT_PIXELS


def image_from(body: Body, preprocess: Literal["mnist", "none"]) -> PreparedImage:
    """Turn a body into what the network will see. Takes CPU time: not for the event loop.

    PNG and JPEG are told by their content; that a JPEG is called `image/png` hurts nobody.

    Args:
        body: An encoded image, a form with one in its field `file`, or JSON with either `image`
            (base64 or a data URL) or `pixels` (rows of integers 0 to 255).
        preprocess: "mnist" to prepare it as MNIST was, "none" to take 28x28 pixels as they are.

    Raises:
        Problem: The body is not one of these, or over a limit.
    """
    planes = _planes_from(body)
    if preprocess == "mnist":
        return as_mnist(planes)
    if planes.size != [FIELD, FIELD]:
        width, height = planes.size
        refuse(
            "invalid-image",
            f"The image is {width} x {height} pixels; preprocess=none takes {FIELD} x {FIELD}.",
        )
    return as_it_is(planes)


def sequence_from(body: Body, hidden: int, limit: int = MAX_STEPS) -> SequenceInput:
    """Turn a JSON body into a sequence, with the state to start from where it names one.

    Args:
        body: JSON: `sequence`, a text or list of 0 and 1, and perhaps `initial_state`, an object
            of two lists, `cell` and `hidden`.
        hidden: How many units the model has, and so each state.
        limit: The most steps.

    Raises:
        Problem: The body is not that, or over a limit.
    """
    value = json_object(body.content, ("sequence", "initial_state"))
    match value.get("sequence"):
        case str(text):
            bits = parse_sequence(text, limit)
        case list(steps):
            bits = bits_of(steps, limit)
        case _:
            refuse(
                "invalid-sequence", "'sequence' must be a text or a list of 0 and 1.", "sequence"
            )
    return SequenceInput(bits, state_of(value.get("initial_state"), hidden))


def parse_sequence(
    text: str, limit: int = MAX_STEPS, where: Where = "body"
) -> UInt8[np.ndarray, " time"]:
    """Turn a text such as "10110" into its bits, oldest first.

    Raises:
        Problem: It is empty, longer than `limit` or has another character.
    """
    check_length(len(text), limit, where)
    if (other := re.search("[^01]", text)) is not None:
        refuse_step(other.start(), where)
    return np.frombuffer(text.encode("ascii"), np.uint8) - np.uint8(ord("0"))


def _too_large(limit: int) -> Problem:
    detail = f"The body is larger than {limit} bytes, the most that is read of this type."
    return Problem("body-too-large", detail, headers={"Connection": "close"})


def _about_body(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, str, tuple[str, ...]]:
    """Return what the headers say of a body: its encoding, its length, its types."""
    encoding, length, types = b"identity", b"0", []
    for name, value in headers:
        if name == b"content-type":
            types.append(value.decode("latin-1"))
        elif name == b"content-length":
            length = value
        elif name == b"content-encoding":
            encoding = value
    return encoding.decode("latin-1"), length.decode("latin-1"), tuple(types)


@lru_cache(256)
def _content_type(
    headers: tuple[str, ...], accepted: tuple[str, ...]
) -> tuple[str, Mapping[str, str]]:
    """Return a request's one media type and its parameters."""
    names = ", ".join(accepted)
    if len(headers) != 1:
        detail = f"The request needs one Content-Type, of {names}."
    else:
        kind, options = parse_options_header(headers[0])
        parameters = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in options.items()
        }
        if (media_type := kind.decode("latin-1")) in accepted:
            return media_type, parameters
        detail = f"The Content-Type must be one of {names}."
    raise Problem("unsupported-media-type", detail, headers={"Accept": names})


def _planes_from(body: Body) -> Planes:
    """Decode whichever form the image came in."""
    match body.media_type:
        case "application/json":
            value = json_object(body.content, ("image", "pixels"))
            if len(value) != 1:
                refuse("invalid-body", "The body needs exactly one of 'image' and 'pixels'.")
            if "pixels" in value:
                return Planes(pixels_of(value["pixels"]))
            encoded = base64_bytes(value["image"])
        case "multipart/form-data":
            encoded = file_in(body.content, body.parameters)
        case _:
            encoded = body.content
    if len(encoded) > MAX_IMAGE:
        detail = f"The image is larger than {MAX_IMAGE} bytes."
        raise Problem("body-too-large", detail, [Reason(("body",), detail)])
    return decode(encoded)
