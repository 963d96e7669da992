"""Content negotiation: response formats, among them pictures; ETags; caching headers."""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple, get_args

from pydantic import BaseModel, BeforeValidator, Field

from api.content_coding import GZIP, gzip_tag
from api.errors.problem import Problem
from api.inference.large_work import large_work
from api.responses.buffered_response import BufferedResponse
from probes.declaration import split_commas
from probes.output.buffers import Buffer
from probes.output.drawing.themes import ThemeName
from probes.output.encode import (
    Encoding,
    PictureTooLargeError,
    to_json,
    to_npz,
    to_picture,
    to_safetensors,
)
from probes.output.parts import ALL_PARTS, Part
from probes.output.render import MOST_PIXELS, PictureFormat
from probes.output.results import ProbeResult, ProbeResults
from probes.output.style import Style

Format = Literal["json", "png", "svg", "pdf", "npz", "safetensors"]

PICTURES: tuple[PictureFormat, ...] = get_args(PictureFormat)
"""Formats of pictures to negotiate, each with paths of its own, such as `/lstm/gates.svg`."""

COMPRESSED: frozenset[Format] = frozenset(("png", "pdf"))
"""Formats that are compressed in themselves: negotiated responses in them are never in gzip."""

MEDIA_TYPES: Mapping[Format, str] = {
    "json": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "npz": "application/x-npz",
    "safetensors": "application/x-safetensors",
}
"""Media types to negotiate, in the order of preference where a client accepts several equally."""

MAX_JSON_BYTES = 8 * 2**20

COPIES: Mapping[Format, int] = {"json": 4, "npz": 2, "safetensors": 2}
"""Bytes of work for each byte of values while a negotiated format is written, at most."""

QUANTISED_COPIES = 8
"""Bytes of work for each byte of float32 values while they are quantised for any format."""

RENDERING = 7
"""Version of the negotiated formats, part of every ETag: raised when they have other bytes."""


class Encoded(NamedTuple):
    """Body of a negotiated response: its bytes in order, and whether they are in gzip."""

    buffers: list[Buffer]
    is_gzip: bool = False


class PictureOptions(BaseModel):
    """Query options of the response formats PNG, SVG and PDF: the style of a picture."""

    scale: int = Field(1, ge=1, le=4, description="Size of the picture; 2 suits a slide.")
    width: int | None = Field(
        None, ge=100, le=6400, description="Width of the picture in pixels, instead of `scale`."
    )
    theme: ThemeName = Field("light", description="Ground and text of the picture.")
    columns: int | None = Field(
        None,
        ge=1,
        le=64,
        description="Maps, or parts of the picture, in a row; where left out, parts fill the "
        "columns of a slide of about 1600 x 900 pixels.",
    )
    title: str | None = Field(
        None, max_length=120, description="Title of the picture, instead of its own."
    )

    @property
    def style(self) -> Style:
        """Style of the picture in any format."""
        return Style(self.scale, self.width, self.theme, self.columns, self.title)


class AnswerOptions(PictureOptions):
    """Query options for content negotiation: format, encoding of tensors, precision of floats."""

    format: Format | None = Field(
        None, description="Overrides the `Accept` header; JSON where neither is given."
    )
    encoding: Encoding = Field(
        "nested",
        description="How tensors are written: `nested` lists, or `base64` of their bytes, in JSON; "
        "`uint8` quantises them in every format, for clients that draw: a value is about `offset` "
        "+ `scale` · byte, and the byte is the index of its colour.",
    )
    include: Annotated[list[Part] | None, BeforeValidator(split_commas), Field(min_length=1)] = (
        Field(
            None,
            description="Parts of the answer; all but `figure` where left out, and other parts are "
            "not computed. `figure` is the layout of the picture, with the names of its tensors. "
            "`prediction.reliability` needs `warnings`. A picture has no parts.",
        )
    )
    precision: int | None = Field(
        None,
        ge=0,
        le=9,
        description="Decimals of floats in JSON; full float32 precision where left out.",
    )


@lru_cache(256)
def negotiate(chosen: Format | None, accept: str | None) -> Format:
    """Negotiate the response format: `format`, else the best of the `Accept` header, else JSON.

    Raises:
        Problem: The header accepts none of the formats.
    """
    if chosen is not None:
        return chosen
    ranges = _ranges(accept or "*/*")
    quality = {name: _quality(media, ranges) for name, media in MEDIA_TYPES.items()}
    # Of equal qualities `max` returns the first: the order of `MEDIA_TYPES` decides.
    best = max(quality, key=lambda name: quality[name])
    if quality[best] <= 0:
        offered = ", ".join(MEDIA_TYPES.values())
        raise Problem("not-acceptable", f"The Accept header allows none of {offered}.")
    return best


def _ranges(accept: str) -> dict[str, float]:
    """Parse an `Accept` header: media range → quality. Malformed ranges are skipped."""
    found = {}
    for part in accept.split(","):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        try:
            found[media] = float(quality)
        except ValueError:
            continue
    return found


def _quality(media: str, ranges: Mapping[str, float]) -> float:
    """Return the quality of a media type in an `Accept` header, by the most specific range."""
    for candidate in (media, media.partition("/")[0] + "/*", "*/*"):
        if candidate in ranges:
            return ranges[candidate]
    return 0.0


def encode(
    answer: ProbeResult | ProbeResults,
    response_format: Format,
    options: AnswerOptions,
    parts: frozenset[Part] = ALL_PARTS,
) -> list[Buffer]:
    """Encode a probe's results in the negotiated format. CPU work: not for the event loop.

    Returns:
        The bytes in order; a single buffer of all but large safetensors.

    Raises:
        AnswerTooLargeError: The JSON would be larger than 8 MiB.
        Problem: The picture of several inputs would be larger than a picture may be.
    """
    if response_format in PICTURES:  # which know their size when they are laid out
        return [_picture(answer, response_format, options.style)]
    values, encoding = sum(one.values.nbytes for one in answer.tensors.values()), options.encoding
    copies = QUANTISED_COPIES if encoding == "uint8" else COPIES[response_format]
    with large_work(copies * values):
        match response_format:
            case "json":
                return [to_json(answer, MAX_JSON_BYTES, encoding, options.precision, parts)]
            case "npz":
                return [to_npz(answer, encoding, parts)]
            case _:
                return to_safetensors(answer, encoding, parts)


def _picture(
    answer: ProbeResult | ProbeResults, picture_format: PictureFormat, style: Style
) -> bytes:
    try:
        return to_picture(answer, picture_format, style, large_work)
    except PictureTooLargeError:
        detail = (
            f"The picture of all inputs would have more than {MOST_PIXELS} pixels. Ask about fewer "
            "inputs at once, for less with layers, channels, steps or units, or for another format."
        )
        raise Problem("answer-too-large", detail) from None


def etag(version: str, path: str, response_format: Format, query: BaseModel) -> str:
    """Return the ETag of a response that depends on the files of a network and parameters alone.

    Args:
        version: Digest of the files.
    """
    text = f"{RENDERING} {version} {path} {response_format} {query.model_dump_json()}"
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


class EncodedResponse(BufferedResponse):
    """Response in a negotiated format; caches may store it only where it depends on no input.

    Args:
        content: The encoded bytes in order, and their content coding.
        response_format: Format of the content.
        tag: `ETag` of the response; None where it depends on an input.
    """

    def __init__(self, content: Encoded, response_format: Format, tag: str | None) -> None:
        headers = _headers(response_format, tag, is_gzip=content.is_gzip)
        super().__init__(content.buffers, headers)


@lru_cache(256)
def _headers(
    response_format: Format, tag: str | None, *, is_gzip: bool
) -> tuple[tuple[bytes, bytes], ...]:
    """Return headers of a negotiated response except Content-Length, cached by its arguments."""
    coding = (GZIP,) if is_gzip else ()
    kind = b"content-type", MEDIA_TYPES[response_format].encode()
    always = *coding, kind, (b"vary", varies(response_format).encode())
    if tag is None:
        return *always, (b"cache-control", b"no-store")
    # A cache asks each time, and 304 answers it: the next start may serve other weights.
    coded = gzip_tag(tag) if is_gzip else tag
    return *always, (b"cache-control", b"no-cache"), (b"etag", coded.encode())


def varies(response_format: Format) -> str:
    """Return the request headers on which a negotiated response depends."""
    return "Accept" if response_format in COMPRESSED else "Accept, Accept-Encoding"
