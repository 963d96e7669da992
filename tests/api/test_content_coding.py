"""Content coding: gzip for clients that accept it, with an ETag of its own, where it gains."""

import gzip
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api import content_coding
from api.content_coding import LEAST_BYTES, fresh_tag, gzipped, takes_gzip
from api.inference.engine import Engine
from api.inference.memory_budget import HeldBytes
from models.runtime.cancellation import cancelled_by

PLAIN, GZIP = {"Accept-Encoding": "identity"}, {"Accept-Encoding": "gzip"}


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        (b"gzip", True),
        (b"deflate, gzip;q=0.5, br", True),
        (b"GZIP", True),
        (b"x-gzip", True),
        (b"*", True),
        (b"gzip;q=0.5, identity;q=0.5", True),
        (b"identity;q=0, *;q=0.1", True),
        (b"gzip;q=0.4, identity;q=0.5", False),
        (b"gzip;q=0", False),
        (b"gzip; q=0.0, *", False),
        (b"*;q=0", False),
        (b"gzip;q=x", False),
        (b"br", False),
        (b"", False),
    ],
)
def test_gzip_is_sent_to_clients_that_prefer_it(header: bytes, taken: bool) -> None:
    """Qualities decide, of which zero is a refusal; without one, gzip is preferred to no coding."""
    assert takes_gzip(header) == taken


@pytest.mark.parametrize(
    ("held", "is_gzip", "found"),
    [
        ('"a"', False, '"a"'),
        ('"a"', True, '"a"'),
        ('"a-gzip"', True, '"a-gzip"'),
        ('W/"b", W/"a-gzip"', True, '"a-gzip"'),
        ("*", True, '"a"'),
        ('"a-gzip"', False, None),
        ('"b"', True, None),
        (None, True, None),
    ],
)
def test_a_held_response_is_used_where_its_coding_is_accepted(
    held: str | None, is_gzip: bool, found: str | None
) -> None:
    """A response without a coding is of use to any client, one in gzip to those that accept it."""
    assert fresh_tag('"a"', held, gzip=is_gzip) == found


def test_equal_bodies_are_equal_in_gzip() -> None:
    """Whatever their buffers are: an ETag names bytes."""
    content = bytes(range(256)) * 4000
    buffers = [content[:7], memoryview(content)[7:300_000], content[300_000:]]

    coded = gzipped(buffers)

    assert coded is not None
    assert gzip.decompress(coded) == content
    assert coded == gzipped(buffers)
    assert gzipped([np.random.default_rng(0).bytes(5000)]) is None


def test_compression_ends_with_its_request() -> None:
    """A request whose deadline has passed is not compressed to its end."""

    def check() -> None:
        raise TimeoutError

    with cancelled_by(check), pytest.raises(TimeoutError):
        gzipped([b"0" * 5000])


@pytest.mark.parametrize("form", ["json", "npz", "safetensors"])
@pytest.mark.parametrize("path", ["/cnn/filters", "/lstm/weights"])
def test_answers_are_equal_in_both_codings(path: str, form: str, client: TestClient) -> None:
    """Equal bytes after decoding, fewer of them before, other ETags, and 304 for each of them."""
    address = f"{path}?format={form}"
    plain, coded = (client.get(address, headers=one) for one in (PLAIN, GZIP))

    assert "content-encoding" not in plain.headers
    assert coded.headers["content-encoding"] == "gzip"
    assert int(coded.headers["content-length"]) < 0.95 * len(plain.content)
    assert coded.content == plain.content
    assert coded.headers["etag"] == plain.headers["etag"][:-1] + '-gzip"'
    for one in (plain, coded):
        assert "Accept-Encoding" in one.headers["vary"]
        again = client.get(address, headers={**GZIP, "If-None-Match": one.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == one.headers["etag"]
        assert again.headers["vary"] == one.headers["vary"]
    other = client.get(address, headers={**PLAIN, "If-None-Match": coded.headers["etag"]})
    assert other.status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/cnn/activations", "/cnn/activations?format=safetensors", "/cnn/activations?format=npz"],
)
def test_answers_to_an_input_are_equal_in_both_codings(
    path: str, client: TestClient, digit_png: bytes
) -> None:
    """The second request of each line comes from the route cache, the first does not."""
    for _ in range(2):
        plain, coded = (
            client.post(path, content=digit_png, headers={**one, "Content-Type": "image/png"})
            for one in (PLAIN, GZIP)
        )
        assert coded.headers["content-encoding"] == "gzip"
        assert int(coded.headers["content-length"]) < 0.25 * int(plain.headers["content-length"])
        assert coded.content == plain.content
        assert coded.headers.get_list("vary") == ["Accept, Accept-Encoding", "Origin"]
        assert coded.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/samples", "/models", "/models/cnn", "/openapi.json", "/metrics"]
)
def test_other_documents_are_compressed(path: str, client: TestClient) -> None:
    """JSON and text of routes without formats, too."""
    plain, coded = (client.get(path, headers=one) for one in (PLAIN, GZIP))

    assert "content-encoding" not in plain.headers
    assert coded.headers["content-encoding"] == "gzip"
    assert int(coded.headers["content-length"]) < 0.5 * int(plain.headers["content-length"])
    assert "Accept-Encoding" in plain.headers["vary"]
    assert "Accept-Encoding" in coded.headers["vary"]
    assert path == "/metrics" or coded.content == plain.content


@pytest.mark.parametrize("path", ["/cnn/filters", "/samples", "/", "/colormaps"])
def test_head_has_the_headers_of_get(path: str, client: TestClient) -> None:
    """In either coding: its length, its ETag, and no body."""
    for coding in (PLAIN, GZIP):
        head, get = client.head(path, headers=coding), client.get(path, headers=coding)
        assert head.content == b""
        for name in ("content-length", "content-encoding", "etag", "vary", "content-type"):
            assert head.headers.get(name) == get.headers.get(name)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/livez", None),
        ("GET", "/lstm/gates.png?sequence=10110", None),
        ("POST", "/lstm/gates.jsonl", {"sequence": [1, 0] * 500}),
        ("GET", "/nowhere", None),
    ],
)
def test_what_gains_nothing_is_sent_as_it_is(
    method: str, path: str, body: Any, client: TestClient
) -> None:
    """A short body, a picture, a problem, and lines that are sent as they are computed."""
    answer = client.request(method, path, json=body, headers=GZIP)

    assert "content-encoding" not in answer.headers
    assert answer.status_code in (200, 404)


def test_a_short_answer_of_a_probe_is_sent_as_it_is(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below the least size there is no coding, and the ETag is that of the plain response."""
    assert len(client.get("/lstm/weights", headers=GZIP).content) > LEAST_BYTES
    monkeypatch.setattr("api.responses.pipeline.LEAST_BYTES", 10**7)

    answer = client.get("/lstm/weights", headers=GZIP)

    assert "content-encoding" not in answer.headers
    assert not answer.headers["etag"].endswith('-gzip"')


def test_a_range_is_of_the_plain_body(client: TestClient) -> None:
    """Files of the documentation have ranges, without a coding; other responses come whole."""
    asked = {**GZIP, "Range": "bytes=0-99"}
    part = client.get("/static-offline-docs/swagger-ui.css", headers=asked)
    whole = client.get("/cnn/filters", headers=asked)

    assert (part.status_code, len(part.content)) == (206, 100)
    assert "content-encoding" not in part.headers
    assert whole.status_code == 200
    assert whole.json()["model"] == "cnn"


def test_large_answers_are_compressed_in_cpu_threads(
    app: FastAPI, client: TestClient, digit_png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the deadline of their request; what it holds at the end are the compressed bytes."""
    engine: Engine = app.state.engine
    computed, held = [], []
    compute, become = engine.compute, HeldBytes.become

    async def record(function: Any, *args: Any, job: Any = None) -> Any:
        computed.append((function, job))
        return await compute(function, *args, job=job)

    monkeypatch.setattr(engine, "compute", record)
    monkeypatch.setattr(HeldBytes, "become", lambda self, n: (held.append(n), become(self, n))[1])

    answer = client.post(
        "/cnn/activations", content=digit_png, headers={**GZIP, "Content-Type": "image/png"}
    )

    [(_, job)] = [one for one in computed if one[0] is content_coding.gzipped]
    assert job.deadline < float("inf")
    assert held == [int(answer.headers["content-length"])]
