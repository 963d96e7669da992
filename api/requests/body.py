"""Every form in which an image or a sequence may come -> one decoder -> one array.

    request -> read_body -> Body -> opened -> Entry, or several -> image_of    -> PreparedImage
                                                                -> sequence_of -> SequenceInput

Reading waits for the client and belongs on the event loop; parsing is pure, may take a tenth of a
second of CPU, and belongs on a thread.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import UInt8
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request

from api.errors.problem import Problem, Reason
from api.requests.foreground import FIELD, Planes
from api.requests.image_decoding import MAX_PIXELS, decode, png_size
from api.requests.json_fields import (
    State,
    Where,
    base64_bytes,
    bits_of,
    check_length,
    json_object,
    known_keys,
    pixels_of,
    refuse,
    refuse_step,
    state_of,
)
from api.requests.mnist_preprocessing import PreparedImage, as_it_is, as_mnist
from api.requests.multipart import FIELD as FILE
from api.requests.multipart import MAX_PARTS, files_in

MIB = 1_048_576
MAX_IMAGE = 4 * MIB  # bytes of an encoded image, however it came: a phone's photo
MAX_INPUTS = MAX_PARTS  # of one request, in JSON as in a form
MAX_PIXELS_TOGETHER = 4 * MAX_PIXELS  # of all images of one request: 64 of 512 x 512
MAX_FORM = 6 * MIB  # of one image or several, with their parts' headers
MAX_IMAGE_JSON = 6 * MIB  # 4 MiB in base64 are 5.4 MiB
MAX_SEQUENCE_JSON = MIB  # 64 lists of 4,096 steps, each with two states of 64 units, take 700,000
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

INPUTS = "inputs"
IMAGE_KEYS = ("image", "pixels")
SEQUENCE_KEYS = ("sequence", "initial_state")

InputFields: TypeAlias = dict[str, Any] | bytes
"""What one input was sent as: a JSON object of known keys, or the bytes of an encoded image."""


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
    parts, size, more = [], 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        more = message.get("more_body", False)
    return Body(parts[0] if len(parts) == 1 else b"".join(parts), media_type, parameters)


def is_light(body: Body) -> bool:
    """Tell whether a body is parsed in less time than it takes to ask another thread to do it."""
    if body.media_type == "application/json":
        # A few bytes of base64, or of a key in disguise, can hold a large picture; of several
        # pictures, each costs as much however small it is.
        heavy = any(each in body.content for each in (b"image", b"inputs", b"\\"))
        return len(body.content) <= LIGHT_JSON and not heavy
    size = png_size(body.content) if body.media_type == "image/png" else None
    return size is not None and size[0] * size[1] <= LIGHT_PIXELS


def opened(body: Body, keys: tuple[str, ...]) -> InputFields | list[InputFields]:
    """Take a body apart, without looking into images and sequences. CPU work where it is large.

    Args:
        body: JSON of these keys, or of `inputs`, a list of objects of these keys; a form with one
            file or several in its field `file`; or the bytes of an image.
        keys: What one input may have.

    Returns:
        One entry; a list where several inputs were sent, or where JSON says `inputs` of one.

    Raises:
        Problem: The body is not one of these, or over a limit.
    """
    match body.media_type:
        case "application/json":
            return _opened_json(body.content, keys)
        case "multipart/form-data":
            files = files_in(body.content, body.parameters)
            return files[0] if len(files) == 1 else list(files)
        case _:
            return body.content


def _opened_json(content: bytes, keys: tuple[str, ...]) -> InputFields | list[InputFields]:
    """Take a JSON body apart."""
    value = json_object(content, (*keys, INPUTS))
    if INPUTS not in value:
        return value
    if len(value) > 1:
        refuse("invalid-body", f"'{INPUTS}' must stand alone: each entry has its own keys.", INPUTS)
    entries = value[INPUTS]
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_INPUTS:
        refuse("invalid-body", f"'{INPUTS}' must be a list of 1 to {MAX_INPUTS} objects.", INPUTS)
    known: list[InputFields] = []
    for index, entry in enumerate(entries):
        with inside(INPUTS, index):
            known.append(known_keys(entry, keys, "It"))
    return known


@contextmanager
def inside(name: str, *index: int) -> Iterator[None]:
    """Say of whatever is refused here in which part of the body it is.

    Args:
        name: What holds it: `inputs`, `source`, or `file` of a form.
        index: Of one entry of several, its place, counted from 0.

    Raises:
        Problem: The one that was raised, with the place.
    """
    try:
        yield
    except Problem as problem:
        called = name + "".join(f"[{place}]" for place in index)
        reasons = [
            Reason(("body", name, *index, *each.location[1:]), f"{called}: {each.reason}")
            for each in problem.reasons
        ]
        detail = f"{called}: {problem.detail}"
        raise Problem(problem.kind, detail, reasons, problem.headers) from problem


def entries_name(body: Body) -> str:
    """Return what holds the entries of a body of several."""
    return INPUTS if body.media_type == "application/json" else FILE


def _one(entry: InputFields | list[InputFields]) -> InputFields:
    """Refuse several inputs where one is meant."""
    if isinstance(entry, list):
        refuse("invalid-body", "Only one input is taken here.")
    return entry


def image_from(body: Body, preprocess: Literal["mnist", "none"]) -> PreparedImage:
    """Turn a body of one image into what the network will see, as `image_of` does.

    Raises:
        Problem: The body is no image, or more than one, or over a limit.
    """
    return image_of(_one(opened(body, IMAGE_KEYS)), preprocess)


def image_of(entry: InputFields, preprocess: Literal["mnist", "none"]) -> PreparedImage:
    """Turn an entry into what the network will see. Takes CPU time: not for the event loop.

    PNG and JPEG are told by their content; that a JPEG is called `image/png` hurts nobody.

    Args:
        entry: An encoded image, or an object with either `image` (base64 or a data URL) or `pixels`
            (rows of integers 0 to 255).
        preprocess: "mnist" to prepare it as MNIST was, "none" to take 28x28 pixels as they are.

    Raises:
        Problem: The entry is not one of these, or over a limit.
    """
    planes = _planes_of(entry)
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
    """Turn a body of one sequence into it, as `sequence_of` does.

    Raises:
        Problem: The body is no sequence, or more than one, or over a limit.
    """
    return sequence_of(_one(opened(body, SEQUENCE_KEYS)), hidden, limit)


def sequence_of(entry: InputFields, hidden: int, limit: int = MAX_STEPS) -> SequenceInput:
    """Turn an entry into a sequence, with the state to start from where it names one.

    Args:
        entry: An object: `sequence`, a text or list of 0 and 1, and perhaps `initial_state`, an
            object of two lists, `cell` and `hidden`.
        hidden: How many units the model has, and so each state.
        limit: The most steps.

    Raises:
        Problem: The entry is not that, or over a limit.
    """
    value = entry if isinstance(entry, dict) else {}
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


def _planes_of(entry: InputFields) -> Planes:
    """Decode whichever form the image came in."""
    if isinstance(entry, dict):
        if len(entry) != 1:
            refuse("invalid-body", "There must be exactly one of 'image' and 'pixels'.")
        if "pixels" in entry:
            return Planes(pixels_of(entry["pixels"]))
        entry = base64_bytes(entry["image"])
    if len(entry) > MAX_IMAGE:
        detail = f"The image is larger than {MAX_IMAGE} bytes."
        raise Problem("body-too-large", detail, [Reason(("body",), detail)])
    return decode(entry)
