"""Content codings of the Open Inference Protocol: limits while a body is inflated, and answers."""

import gzip
import zlib
from contextlib import suppress

import numpy as np
import orjson
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from api.errors.problem import Problem
from api.inference.admission import BodyBytes
from api.open_inference import respond
from api.open_inference.content_coding import Inflater, accepted_coding
from tests.api.open_inference.tensors import binary_request, json_request, outputs_of
from tests.api.open_inference.test_requests import refused

CODERS = {"gzip": gzip.compress, "deflate": zlib.compress}
ROWS = {"image": np.random.default_rng(0).integers(0, 256, (2, 28, 28), np.uint8)}
PATH = "/v2/models/cnn/infer"
DAMAGES = {
    "cut at the end": lambda whole: whole[:-1],
    "cut at the start": lambda whole: whole[:20],
    "one byte more": lambda whole: whole + b"x",
    "twice": lambda whole: whole + whole,
    "other first byte": lambda whole: b"x" + whole,
    "a changed byte": lambda whole: whole[:30] + bytes([whole[30] ^ 255]) + whole[31:],
    "nothing": lambda _: b"",
}


@pytest.mark.parametrize("coding", CODERS)
def test_a_compressed_request_equals_the_plain_one(coding: str, client: TestClient) -> None:
    """JSON and binary requests are inflated; the length of the JSON is that before compression."""
    for content, headers in (
        (orjson.dumps(json_request(ROWS, ["relu1"])), {}),
        binary_request(ROWS, ["relu1"]),
    ):
        plain = outputs_of(client.post(PATH, content=content, headers=headers))
        sent = {**headers, "Content-Encoding": coding}
        found = outputs_of(client.post(PATH, content=CODERS[coding](content), headers=sent))
        np.testing.assert_allclose(found["relu1"], plain["relu1"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("coding", CODERS)
def test_an_answer_is_compressed_where_its_client_reads_that(
    coding: str, client: TestClient
) -> None:
    """A large answer has the coding that the client accepts, a small one none."""
    content, headers = binary_request({"image": ROWS["image"][:1]}, ["relu1"])
    plain = client.post(PATH, content=content, headers={**headers, "Accept-Encoding": "identity"})
    found = client.post(PATH, content=content, headers={**headers, "Accept-Encoding": coding})

    assert "content-encoding" not in plain.headers
    assert found.headers["content-encoding"] == coding
    assert int(found.headers["content-length"]) < len(plain.content) // 2
    assert found.content == plain.content  # the client of the tests inflates it
    assert "Accept-Encoding" in found.headers["vary"]
    small = client.post(PATH, json=json_request(ROWS, ["label"]))
    assert "content-encoding" not in small.headers


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("gzip, deflate, br, zstd", "gzip"),
        ("br, deflate", "deflate"),
        ("gzip;q=0", None),
        ("gzip;q=x", None),
        ("identity", None),
        ("*", "gzip"),
        ("", None),
    ],
)
def test_the_coding_of_an_answer_is_one_that_is_accepted(header: str, coding: str | None) -> None:
    """Gzip goes before deflate, and neither is used that is not accepted."""
    assert accepted_coding(header.encode()) == coding


@pytest.mark.parametrize("coding", CODERS)
def test_a_body_is_inflated_up_to_its_limit_alone(
    coding: str, client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """60 MB in 60 kB are refused when a megabyte beyond the limit is inflated."""
    monkeypatch.setattr(respond, "MAX_BODY", {"image": 5_000_000, "sequence": 5_000_000})
    bomb, counted = CODERS[coding](bytes(60_000_000)), [0]
    add = BodyBytes.add

    def count(body: BodyBytes, nbytes: int) -> None:
        counted[0] += nbytes
        add(body, nbytes)

    monkeypatch.setattr(BodyBytes, "add", count)
    headers = {"Content-Encoding": coding}

    sentence = refused(client, "cnn", "body-too-large", content=bomb, headers=headers)

    assert "larger than 5000000 bytes" in sentence
    assert len(bomb) < counted[0] < 5_000_000 + len(bomb)
    assert app.state.engine.admission.body_bytes == 0


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("coding", CODERS)
def test_a_damaged_body_is_refused(coding: str, damage: object, client: TestClient) -> None:
    """A body that ends early, goes on, or has another byte, is named as such."""
    whole = CODERS[coding](orjson.dumps(json_request(ROWS)))
    sent = {"content": damage(whole), "headers": {"Content-Encoding": coding}}  # type: ignore[operator]

    assert f"not whole {coding}" in refused(client, "cnn", "invalid-body", **sent)


def test_other_codings_are_refused(client: TestClient) -> None:
    """The answer names those that are read."""
    sent = {"content": b"x", "headers": {"Content-Encoding": "br"}}

    assert "gzip, deflate or none" in refused(client, "cnn", "unsupported-encoding", **sent)


@given(st.binary(max_size=200_000), st.sampled_from(["gzip", "deflate"]), st.integers(1, 70_000))
def test_pieces_make_the_whole(content: bytes, coding: str, most: int) -> None:
    """Pieces of any size are those of the content, and none is larger than asked."""
    inflater = Inflater(CODERS[coding](content), coding)  # type: ignore[arg-type]

    pieces = list(iter(lambda: inflater.piece(most), b""))

    assert b"".join(pieces) == content
    assert all(len(piece) <= most for piece in pieces)


@given(st.binary(min_size=1, max_size=2_000), st.sampled_from(["gzip", "deflate"]))
def test_any_bytes_are_inflated_or_refused(content: bytes, coding: str) -> None:
    """Bytes of any kind raise a problem and no other error, or give pieces."""
    inflater, pieces = Inflater(content, coding), []  # type: ignore[arg-type]
    with suppress(Problem):
        pieces = list(iter(lambda: inflater.piece(1_000), b""))

    assert all(len(piece) <= 1_000 for piece in pieces)
