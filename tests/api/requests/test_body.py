"""Reading of request bodies: whole, up to the limit of the media type."""

import asyncio
from typing import Any

import numpy as np
import pytest
from starlette.requests import ClientDisconnect, Request

from api.requests.body import (
    IMAGE_BODIES,
    MAX_IMAGE_JSON,
    MAX_LIGHT_PNG,
    MAX_SEQUENCE_JSON,
    SEQUENCE_BODIES,
    Body,
    is_light,
    read_body,
)
from tests.api.bodies import Wire
from tests.api.pictures_by_hand import chunk, png


def test_a_body_is_read_whole() -> None:
    """Chunks are joined; media type and parameters of the Content-Type are separated."""
    wire = Wire([b"ab", b"c"], content_type='Multipart/Form-Data; Boundary="x;y"; charset=utf-8')

    body = wire.read()
    assert body.content == b"abc"
    assert body.media_type == "multipart/form-data"
    assert body.parameters == {"boundary": "x;y", "charset": "utf-8"}


@pytest.mark.parametrize(
    ("media_type", "limits", "limit"),
    [
        ("image/png", IMAGE_BODIES, 25_165_824),
        ("image/jpeg", IMAGE_BODIES, 25_165_824),
        ("multipart/form-data", IMAGE_BODIES, 26_214_400),
        ("application/json", IMAGE_BODIES, MAX_IMAGE_JSON),
        ("application/json", SEQUENCE_BODIES, MAX_SEQUENCE_JSON),
    ],
)
def test_bodies_are_bounded_by_their_type(media_type: str, limits: Any, limit: int) -> None:
    """A byte past the limit is a 413 that ends the connection, declared or not, with a way out."""
    for size in (limit - 1, limit):
        chunks = [bytes(1_000_000)] * (size // 1_000_000) + [bytes(size % 1_000_000)]
        assert len(Wire(chunks, content_type=media_type).read(limits).content) == size
    declared = Wire([b"x"], content_type=media_type, content_length=str(limit + 1))
    counted = Wire([bytes(limit), b"x", b"never read"], content_type=media_type)
    for wire, taken in ((declared, 0), (counted, 2)):
        problem = wire.problem_of(limits)
        assert (problem.kind, problem.status) == ("body-too-large", 413)
        assert problem.headers == {"Connection": "close"}
        assert f"{limit} bytes" in problem.detail
        assert problem.detail.endswith(": send smaller inputs, or fewer in one request.")
        assert wire.taken == taken


def test_bytes_are_counted_while_they_arrive() -> None:
    """The counter of bytes in flight is called for each chunk before the next one is received."""
    counts: list[int] = []
    wire = Wire([b"ab", b"c"], content_type="image/png")
    request = Request({"type": "http", "headers": wire.headers}, wire.receive)

    asyncio.run(read_body(request, IMAGE_BODIES, counts.append))

    assert counts == [2, 1, 0]


def test_a_body_that_declares_less_than_it_sends_is_counted() -> None:
    """The received bytes are counted, whether or not Content-Length is correct."""
    wire = Wire([bytes(1_100_000)], content_type="application/json", content_length="5")

    assert wire.problem_of(SEQUENCE_BODIES).status == 413


@pytest.mark.parametrize("length", ["9" * 5000, "0" * 5000 + "9" * 20])
def test_absurd_lengths_are_too_large(length: str) -> None:
    """A declared length of thousands of digits is a 413 too."""
    assert Wire([], content_type="image/png", content_length=length).problem_of().status == 413


def test_leading_zeros_mean_nothing() -> None:
    """A small length stays small however it is written."""
    wire = Wire([b"12345"], content_type="image/png ; q=1", content_length="0" * 5000 + "5")

    assert wire.read().content == b"12345"


@pytest.mark.parametrize("length", ["-1", "1e3", "", "\xb2", "0x10", "+1"])
def test_a_length_is_a_number(length: str) -> None:
    """A Content-Length that is not a number is a 400 before the body is read."""
    problem = Wire([], content_type="image/png", content_length=length).problem_of()

    assert (problem.status, problem.detail) == (400, "Content-Length must be a number of bytes.")


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip", "deflate", ""])
def test_compressed_bodies_are_rejected_unread(encoding: str) -> None:
    """A Content-Encoding is a 415 before the body is read."""
    wire = Wire([b"x"], content_type="image/png", content_encoding=encoding)
    problem = wire.problem_of()

    assert (problem.kind, problem.status) == ("unsupported-encoding", 415)
    assert (
        problem.detail
        == "The body must be sent without a Content-Encoding; compressed bodies are not read."
    )
    assert problem.headers == {"Accept-Encoding": "identity"}
    assert wire.taken == 0


def test_identity_is_no_encoding() -> None:
    """The content encoding `identity` is accepted."""
    wire = Wire([b"x"], content_type="image/png", content_encoding="Identity")

    assert wire.read().content == b"x"


@pytest.mark.parametrize(
    "media_type",
    ["image/x-other", "text/html", "multipart/mixed", "", "image", "\xff", "*/*"],
)
def test_other_media_types_are_rejected_unread(media_type: str) -> None:
    """The 415 lists the supported media types in its text and in the Accept header."""
    wire = Wire([b"x"], content_type=media_type)
    problem = wire.problem_of()

    names = "image/png, image/jpeg, multipart/form-data, application/json"
    assert problem.status == 415
    assert problem.detail == f"The Content-Type must be one of {names}."
    assert problem.headers == {"Accept": names}
    assert wire.taken == 0


@pytest.mark.parametrize("media_type", ["image/webp", "image/heic", "Image/GIF"])
def test_other_images_are_rejected_with_the_way_out(media_type: str) -> None:
    """The 415 of a known image format says to convert it, where images are read at all."""
    wire = Wire([b"x"], content_type=media_type)

    start = f"The Content-Type is {media_type.lower()}; only PNG and JPEG are read here: convert it"
    assert wire.problem_of().detail.startswith(start)
    assert wire.problem_of(SEQUENCE_BODIES).detail == (
        "The Content-Type must be one of application/json."
    )
    assert wire.taken == 0


@pytest.mark.parametrize(
    ("media_type", "expected"),
    [
        ("image/jpg", "image/jpeg"),
        ("image/pjpeg", "image/jpeg"),
        ("Image/X-PNG", "image/png"),
        ("image/*", "image/png"),
        ("application/octet-stream", "image/png"),
        ("binary/octet-stream", "image/png"),
        ("text/json; charset=utf-8", "application/json"),
        (" IMAGE/PNG ", "image/png"),
    ],
)
def test_other_names_of_media_types_are_read(media_type: str, expected: str) -> None:
    """Old browsers, and clients that do not know the type of a file, have other names."""
    assert Wire([b"x"], content_type=media_type).read().media_type == expected


FORM_DEFAULT = (
    "The Content-Type is application/x-www-form-urlencoded, the default of curl -d and of a page's "
    "<form>: "
)
TEXT_DEFAULT = "The Content-Type is text/plain, the default of fetch for a text: "
IMAGE_WAY = (
    "send an image with curl -F file=@digit.png, with --data-binary @digit.png and "
    "-H 'Content-Type: image/png', or by <form enctype=\"multipart/form-data\">; or "
)
JSON_WAY = "send JSON with -H 'Content-Type: application/json'."


@pytest.mark.parametrize(
    ("media_type", "limits", "text"),
    [
        ("application/x-www-form-urlencoded", IMAGE_BODIES, FORM_DEFAULT + IMAGE_WAY + JSON_WAY),
        ("application/x-www-form-urlencoded", SEQUENCE_BODIES, FORM_DEFAULT + JSON_WAY),
        ("text/plain;charset=UTF-8", IMAGE_BODIES, TEXT_DEFAULT + IMAGE_WAY + JSON_WAY),
        ("text/plain", SEQUENCE_BODIES, TEXT_DEFAULT + JSON_WAY),
    ],
)
def test_defaults_of_clients_are_named(media_type: str, limits: Any, text: str) -> None:
    """The 415 names the client that sets such a Content-Type, and the type to send instead."""
    problem = Wire([b"x"], content_type=media_type).problem_of(limits)

    assert (problem.status, problem.detail) == (415, text)
    assert problem.headers == {"Accept": ", ".join(limits)}


@pytest.mark.parametrize("media_types", [[], ["image/png", "application/json"]])
def test_one_media_type_is_needed(media_types: list[str]) -> None:
    """None and two are rejected."""
    problem = Wire([b"x"], content_type=media_types).problem_of(SEQUENCE_BODIES)

    assert problem.status == 415
    assert problem.detail == "The request needs one Content-Type, of application/json."


def test_a_client_that_leaves_is_told_apart() -> None:
    """A disconnect before the end of the body raises ClientDisconnect."""
    with pytest.raises(ClientDisconnect):
        Wire([b"x", None], content_type="image/png").read()


def test_a_small_picture_in_a_large_file_is_not_light() -> None:
    """Megabytes beside 28×28 pixels are for another thread; the picture alone is for this one."""
    digit = png(np.zeros((28, 28), np.uint8))
    assert is_light(Body(digit, "image/png", {}))

    text = chunk(b"zTXt", bytes(MAX_LIGHT_PNG))
    assert not is_light(Body(png(np.zeros((28, 28), np.uint8), text), "image/png", {}))
