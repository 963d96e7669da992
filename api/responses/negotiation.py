"""From an answer to the representation asked for: JSON, PNG, NPZ or safetensors."""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

from pydantic import BaseModel, Field
from starlette.responses import Response

from api.errors.problem import Problem
from probes.output.encode import (
    Encoding,
    PictureTooLargeError,
    ProbeResult,
    ProbeResults,
    to_json,
    to_npz,
    to_png,
    to_safetensors,
)
from probes.output.render import MOST_PIXELS

Format = Literal["json", "png", "npz", "safetensors"]

MEDIA_TYPES: Mapping[Format, str] = {
    "json": "application/json",
    "png": "image/png",
    "npz": "application/x-npz",
    "safetensors": "application/x-safetensors",
}
"""In the order of preference where a client accepts several alike."""

MAX_JSON_BYTES = 8 * 2**20

RENDERING = 2
"""Raised whenever the same question would be answered in other bytes: part of every ETag."""


class PictureOptions(BaseModel):
    """How a picture is drawn."""

    scale: int = Field(1, ge=1, le=4, description="Size of the picture; 2 suits a slide.")


class AnswerOptions(PictureOptions):
    """Which representation is sent, and how."""

    format: Format | None = Field(
        None, description="Beats the `Accept` header; JSON where neither says anything."
    )
    encoding: Encoding = Field(
        "nested", description="How JSON writes tensors: nested lists, or base64 of their bytes."
    )
    precision: int | None = Field(
        None, ge=0, le=9, description="Decimals of floats in JSON; all that matter where left out."
    )


@lru_cache(256)
def negotiate(chosen: Format | None, accept: str | None) -> Format:
    """Pick the representation: `format`, else the best of the `Accept` header, else JSON.

    Raises:
        Problem: The header accepts none of what there is.
    """
    if chosen is not None:
        return chosen
    ranges = _ranges(accept or "*/*")
    quality = {name: _quality(media, ranges) for name, media in MEDIA_TYPES.items()}
    best = max(quality, key=lambda name: quality[name])
    if quality[best] <= 0:
        offered = ", ".join(MEDIA_TYPES.values())
        raise Problem("not-acceptable", f"The answer comes as one of {offered}.")
    return best


def _ranges(accept: str) -> dict[str, float]:
    """Read an `Accept` header: media range → quality. What is malformed is passed over."""
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
    """Return how much a client wants a media type, by the most specific range that names it."""
    for candidate in (media, media.partition("/")[0] + "/*", "*/*"):
        if candidate in ranges:
            return ranges[candidate]
    return 0.0


def encode(answer: ProbeResult | ProbeResults, form: Format, options: AnswerOptions) -> bytes:
    """Write an answer in one representation. CPU work: not for the event loop.

    Raises:
        AnswerTooLargeError: The JSON would be larger than 8 MiB.
        Problem: The picture of several inputs would be larger than a picture may be.
    """
    match form:
        case "json":
            return to_json(answer, MAX_JSON_BYTES, options.encoding, options.precision)
        case "png":
            return _picture(answer, options.scale)
        case "npz":
            return to_npz(answer)
        case "safetensors":
            return to_safetensors(answer)


def _picture(answer: ProbeResult | ProbeResults, scale: int) -> bytes:
    try:
        return to_png(answer, scale)
    except PictureTooLargeError:
        detail = (
            f"The picture of all inputs would have more than {MOST_PIXELS} pixels. Ask about fewer "
            "inputs at once, for less with layers, channels, steps or units, or for another format."
        )
        raise Problem("answer-too-large", detail) from None


def etag(weights: str, path: str, form: Format, query: BaseModel) -> str:
    """Name an answer that depends on weights and parameters alone."""
    text = f"{RENDERING} {weights} {path} {form} {query.model_dump_json()}"
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def fresh(etag_now: str, if_none_match: str | None) -> bool:
    """Tell whether a client already holds the answer of this name."""
    held = [] if if_none_match is None else if_none_match.split(",")
    return any(one.strip().removeprefix("W/") in {etag_now, "*"} for one in held)


class EncodedResponse(Response):
    """An answer about to be sent; what depends on a posted input is not to be stored.

    Args:
        content: As it was written.
        form: What it was written as.
        tag: The answer's `ETag`; None where it depends on an input.
    """

    def __init__(self, content: bytes, form: Format, tag: str | None) -> None:
        self.status_code = 200
        self.background = None
        self.body = content
        length = (b"content-length", b"%d" % len(content))
        self.raw_headers = [length, *_headers(form, tag)]


@lru_cache(256)
def _headers(form: Format, tag: str | None) -> tuple[tuple[bytes, bytes], ...]:
    """Return what stands above an answer beside its length."""
    always = (b"content-type", MEDIA_TYPES[form].encode()), (b"vary", b"Accept")
    if tag is None:
        return *always, (b"cache-control", b"no-store")
    return *always, (b"cache-control", b"no-cache"), (b"etag", tag.encode())
