"""lightwell_client token: where it is from, and the header that bears it."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from lightwell_client import Lightwell


@contextmanager
def recording() -> Iterator[tuple[str, list[str | None]]]:
    """Run a server on loopback that records the `Authorization` of each request."""
    seen: list[str | None] = []

    class Recorder(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"models": []}')

        def log_message(self, *_: object) -> None:
            """Write no log line."""

    with HTTPServer(("127.0.0.1", 0), Recorder) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", seen
        server.shutdown()


@pytest.mark.parametrize(
    ("token", "variable", "header"),
    [
        ("given", "set", "Bearer given"),
        (None, "set", "Bearer set"),
        (None, "none", None),
        (None, "", None),
        ("", "set", None),
    ],
    ids=["argument", "environment", "none", "unset", "empty"],
)
def test_the_token_is_a_header(
    monkeypatch: pytest.MonkeyPatch, token: str | None, variable: str, header: str | None
) -> None:
    """The argument, else `LIGHTWELL_TOKEN`, is sent as a bearer token."""
    monkeypatch.setenv("LIGHTWELL_TOKEN", variable)

    with recording() as (url, seen), Lightwell(url, token=token) as lightwell:
        assert lightwell.models() == []

    assert seen == [header]
