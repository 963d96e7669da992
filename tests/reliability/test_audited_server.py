"""Files, connections and processes of a server: rows 30, 46 and 59, by an audit hook."""

import json
import signal
import socket
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from scripts.compare.wire import form_body
from tests.api.bodies import base64_of, encoded
from tests.reliability.audited_server import MARK
from tests.reliability.wire import JSON, PNG, PREDICT, Headers, get, post
from tests.servers import TIMEOUT_S, Server, started

SIDE = 1_100
SPOOLED_BYTES = 2**20
"""Bytes of a file of a form above which Starlette would write it to a temporary file."""

LEAST_REQUESTS = 200


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that can write no file, and prints each connection and process it begins."""
    with started(
        module="tests.reliability.audited_server", environment={"TMPDIR": "/nonexistent"}
    ) as server:
        yield server
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(TIMEOUT_S) == 0


def audited(server: Server) -> list[str]:
    """Lines of the audit hook so far."""
    return [line for line in server.lines if line.startswith(MARK)]


def test_30_large_uploads_need_no_temporary_file(server: Server) -> None:
    """A picture of over 1 MiB is a 200 as a body, a form and base64; nothing is written."""
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE), np.uint8)
    picture = encoded(noise)
    assert len(picture) > SPOOLED_BYTES
    before = audited(server)
    form, whole = form_body(picture)
    text = json.dumps({"image": base64_of(picture)}).encode()
    bodies: tuple[tuple[Headers, bytes], ...] = ((PNG, picture), (form, whole), (JSON, text))
    for headers, body in bodies:
        assert post(server.url, PREDICT, headers, body).status == 200
    assert audited(server) == before


def names_in(schema: Any) -> Iterator[str]:
    """Yield the name of every property in an OpenAPI document."""
    if isinstance(schema, Mapping):
        yield from schema.get("properties", {})
        for one in schema.values():
            yield from names_in(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from names_in(one)


def test_59_46_no_request_opens_a_connection_or_begins_a_process(server: Server) -> None:
    """With an address in each parameter and field of every route, nothing leaves the process."""
    document = json.loads(get(server.url, "/openapi.json").body)
    before = audited(server)
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.setblocking(False)
        url = f"http://127.0.0.1:{trap.getsockname()[1]}/x"
        headers = (*JSON, ("Referer", url), ("X-Forwarded-Host", url), ("Forwarded", f"host={url}"))
        sent = 0
        for target, body in asked(document, url):
            answer = (
                get(server.url, target, headers[1:])
                if body is None
                else post(server.url, target, headers, body)
            )
            assert answer.status < 500
            sent += 1
        with pytest.raises(BlockingIOError):
            trap.accept()
    assert sent > LEAST_REQUESTS
    assert audited(server) == before


def asked(document: Mapping[str, Any], url: str) -> Iterator[tuple[str, bytes | None]]:
    """Yield target and body of requests with an address in each place of every operation."""
    fields = sorted({*names_in(document["components"])})
    for path, operations in document["paths"].items():
        target = path.replace("{model}", "cnn")
        target = "/".join(
            quote(url, safe="") if "{" in part else part for part in target.split("/")
        )
        for method, operation in operations.items():
            names = [one["name"] for one in parameters(document, operation) if one["in"] == "query"]
            for name in ("url", *names):
                yield f"{target}?{name}={quote(url)}", None if method == "get" else b"{}"
            if method == "post":
                yield target, json.dumps(url).encode()
                yield target, json.dumps(dict.fromkeys(fields, url)).encode()
                yield target, json.dumps({"inputs": [dict.fromkeys(fields, url)]}).encode()
    for name in fields:
        yield PREDICT, json.dumps({name: url}).encode()
        yield "/lstm/gates", json.dumps({name: url}).encode()


def parameters(
    document: Mapping[str, Any], operation: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    """Yield the parameters of an operation, those that it names by reference too."""
    for one in operation.get("parameters", ()):
        reference = one.get("$ref")
        if reference is None:
            yield one
        else:
            yield document["components"]["parameters"][reference.rpartition("/")[2]]
