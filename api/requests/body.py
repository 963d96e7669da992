"""Request bodies as bytes: media type, content encoding and length are checked before reading."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request
from starlette.types import Scope

from api.errors.problem import Problem
from api.headers import request_header
from api.requests.image_limits import CONVERT, MAX_ENCODED_BYTES, ONLY_READ, png_size
from api.requests.multipart import Form

MIB = 1_048_576
MAX_FORM = MAX_ENCODED_BYTES + MIB  # of one image or several, with the headers of their parts
MAX_IMAGE_JSON = MAX_ENCODED_BYTES // 3 * 4 + MIB  # base64 has 4 characters for 3 bytes
MAX_SEQUENCE_JSON = MIB  # 64 lists of 4,096 steps, each with two states of 64 units, take 700,000
MAX_STEPS_JSON = 16 * MIB  # as many numbers as a body may have, of 15 characters each
MAX_LIGHT_JSON = 8192  # bytes: 28 x 28 pixels, 4,096 steps
MAX_INLINE_JSON = 32_768  # bytes: 64 digits; its values are found in 0.1 ms, at most 2 ms
MAX_LIGHT_PIXELS = 4096  # decoded in 0.1 ms
MAX_LIGHT_PNG = 65_536  # bytes: chunks beside those pixels are passed in 0.1 ms

RAW_IMAGES = ("image/png", "image/jpeg")
OTHER_IMAGES = tuple(
    f"image/{name}" for name in ("webp", "gif", "avif", "heic", "heif", "bmp", "svg+xml", "tiff")
)
FORM = "multipart/form-data"

# Other names of media types: of old browsers, and of clients that leave it to the first bytes.
ALIASES: Mapping[str, str] = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/*": "image/png",
    "application/octet-stream": "image/png",
    "binary/octet-stream": "image/png",
    "text/json": "application/json",
    "application/x-json": "application/json",
}

FORM_TYPE, TEXT_TYPE = "application/x-www-form-urlencoded", "text/plain"
DEFAULTS: Mapping[str, str] = {
    FORM_TYPE: f"The Content-Type is {FORM_TYPE}, the default of curl -d and of a page's <form>",
    TEXT_TYPE: f"The Content-Type is {TEXT_TYPE}, the default of fetch for a text",
}
"""Media types that clients set by themselves, and that no route reads, in a sentence."""

JSON_WAY = "send JSON with -H 'Content-Type: application/json'"
IMAGE_WAY = (
    "send an image with curl -F file=@digit.png, with --data-binary @digit.png and "
    "-H 'Content-Type: image/png', or by <form enctype=\"multipart/form-data\">; or "
)

# The media types that a route reads -> the most bytes of each.
IMAGE_BODIES: Mapping[str, int] = {
    **dict.fromkeys(RAW_IMAGES, MAX_ENCODED_BYTES),
    FORM: MAX_FORM,
    "application/json": MAX_IMAGE_JSON,
}
SEQUENCE_BODIES: Mapping[str, int] = {"application/json": MAX_SEQUENCE_JSON}
LONG_SEQUENCE_BODIES: Mapping[str, int] = {"application/json": MAX_STEPS_JSON}


class Body(NamedTuple):
    """Request body as bytes, whole and within the limit of its media type, not yet parsed.

    Attributes:
        content: The bytes.
        media_type: One of those that the route reads, lower case, without parameters. Bytes of an
            unknown type are `image/png`: images are decoded by their first bytes.
        parameters: Those of the Content-Type, such as `boundary`.
        form: The parsed form, where that was parsed before the rest; the content is then empty.
    """

    content: bytes
    media_type: str
    parameters: Mapping[str, str]
    form: Form | None = None


async def read_body(
    request: Request, limits: Mapping[str, int], count: Callable[[int], object] = int
) -> Body:
    """Read a request body as bytes, no further than the limit of its media type.

    Args:
        request: Its body must not have been read.
        limits: The media types that the route reads, and the most bytes of each.
        count: Called with the number of bytes that have arrived; it may raise.

    Raises:
        Problem: The body is compressed, of another type or too large. A body that is too large is
            refused at once, and the response closes the connection, so that the rest is not read.
        starlette.requests.ClientDisconnect: The client closed the connection.
    """
    headers = _body_headers(request.scope["headers"])
    if headers.encoding.strip().lower() != "identity":
        detail = "The body must be sent without a Content-Encoding; compressed bodies are not read."
        raise Problem("unsupported-encoding", detail, headers={"Accept-Encoding": "identity"})
    media_type, parameters = _content_type(headers.types, tuple(limits))
    limit = limits[media_type]
    check_content_length(headers.length, limit)
    content = await receive_body(request, limit, count)
    return Body(content, media_type, parameters)


async def receive_body(request: Request, limit: int, count: Callable[[int], object]) -> bytes:
    """Receive the chunks of a request body and count their bytes: Content-Length may be wrong."""
    chunks, size, more = [], 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        count(len(chunk))
        chunks.append(chunk)
        more = message.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def is_form(scope: Scope) -> bool:
    """Tell by the Content-Type of a request whether its body is a form with files."""
    return request_header(scope, b"content-type").lower().startswith(FORM.encode())


def is_light(body: Body) -> bool:
    """Tell whether parsing a request body takes less time than handing it to another thread."""
    if body.media_type == "application/json":
        # A few bytes of base64, or of a key with escapes, can hold a large picture; of several
        # pictures, each has a cost however small it is.
        heavy = any(part in body.content for part in (b"image", b"inputs", b"\\"))
        return len(body.content) <= MAX_LIGHT_JSON and not heavy
    if body.media_type != "image/png" or len(body.content) > MAX_LIGHT_PNG:
        return False
    size = png_size(body.content)
    return size is not None and size[0] * size[1] <= MAX_LIGHT_PIXELS


def is_short_json(body: Body) -> bool:
    """Tell whether the values of a JSON body, not its images, are found on the event loop."""
    return body.media_type == "application/json" and len(body.content) <= MAX_INLINE_JSON


class _BodyHeaders(NamedTuple):
    """Request headers about the body: Content-Encoding, Content-Length and every Content-Type."""

    encoding: str
    length: str
    types: tuple[str, ...]


def _body_headers(headers: Iterable[tuple[bytes, bytes]]) -> _BodyHeaders:
    encoding, length, types = b"identity", b"0", []
    for name, value in headers:
        if name == b"content-type":
            types.append(value.decode("latin-1"))
        elif name == b"content-length":
            length = value
        elif name == b"content-encoding":
            encoding = value
    return _BodyHeaders(encoding.decode("latin-1"), length.decode("latin-1"), tuple(types))


@lru_cache(256)
def _content_type(
    headers: tuple[str, ...], accepted: tuple[str, ...]
) -> tuple[str, Mapping[str, str]]:
    """Parse the only Content-Type of a request: media type of its body, and parameters."""
    names = ", ".join(accepted)
    if len(headers) != 1:
        detail = f"The request needs one Content-Type, of {names}."
    else:
        kind, options = parse_options_header(headers[0])
        parameters = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in options.items()
        }
        media_type = kind.decode("latin-1")
        if (media_type := ALIASES.get(media_type, media_type)) in accepted:
            return media_type, parameters
        detail = _unread_type(media_type, accepted)
    raise Problem("unsupported-media-type", detail, headers={"Accept": names})


def _unread_type(media_type: str, accepted: tuple[str, ...]) -> str:
    """Return why a body of a media type is not read, and the way out, as a sentence."""
    if media_type in DEFAULTS:
        way_out = (IMAGE_WAY if RAW_IMAGES[0] in accepted else "") + JSON_WAY
        return f"{DEFAULTS[media_type]}: {way_out}."
    if media_type in OTHER_IMAGES and RAW_IMAGES[0] in accepted:
        return f"The Content-Type is {media_type}; {ONLY_READ}: {CONVERT}."
    return f"The Content-Type must be one of {', '.join(accepted)}."


def check_content_length(declared: str, limit: int) -> None:
    """Raise where the Content-Length of a request body is not a number, or over its limit."""
    if not (declared.isascii() and declared.isdigit()):
        raise Problem("invalid-request", "Content-Length must be a number of bytes.")
    # By length first: Python refuses to convert thousands of digits.
    digits = declared.lstrip("0") or "0"
    if len(digits) > len(str(limit)) or int(digits) > limit:
        raise too_large(limit)


def too_large(limit: int) -> Problem:
    """Return the problem of a request body that is larger than its limit."""
    detail = (
        f"The body is larger than {limit} bytes, the limit of its media type: "
        "send smaller inputs, or fewer in one request."
    )
    return Problem("body-too-large", detail, headers={"Connection": "close"})
