"""Repeated slashes in a path: collapsed before middleware, route cache and routing read it."""

from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from api.app import create_app
from api.middleware.repeated_slashes import _with_single_slashes
from api.settings import Settings

BODY = {"sequence": "10110"}


class Seen:
    """An embedder's middleware that notes the path of each request."""

    def __init__(self, app: ASGIApp, paths: list[tuple[str, bytes, bytes]]) -> None:
        self.app, self.paths = app, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http":
            self.paths.append((scope["path"], scope["raw_path"], scope["query_string"]))
        await self.app(scope, receive, send)


@pytest.mark.parametrize("path", ["//lstm/predict", "/lstm//predict", "///lstm////predict"])
def test_a_doubled_slash_is_one(path: str, client: TestClient, app: FastAPI) -> None:
    """The answer is that of the path with single slashes, and the route cache has one entry."""
    app.state.route_cache.clear()
    expected = client.post("/lstm/predict", json=BODY)
    answer = client.post(f"http://testserver{path}", json=BODY)

    assert expected.status_code == 200
    assert (answer.status_code, answer.content) == (200, expected.content)
    assert len(app.state.route_cache) == 1


def test_a_request_line_may_begin_with_two_slashes(url: str) -> None:
    """On the wire, too, `//lstm/predict` is a path, and no authority of an address."""
    answer = httpx2.post(f"{url}//lstm//predict?precision=2", json=BODY)

    assert (answer.status_code, answer.json()["input"]["sequence"]) == (200, "10110")


@pytest.mark.parametrize("path", ["/", "/sdk/lightwell.js", "/explorer/icon.svg", "/samples/0.png"])
def test_files_are_served_under_doubled_slashes(path: str, client: TestClient) -> None:
    """Files of the page and the SDK, and pictures, have the headers of CORS too."""
    expected = client.get(path)
    answer = client.get("http://testserver" + path.replace("/", "//"))

    assert (answer.status_code, answer.content) == (200, expected.content)
    name = "access-control-allow-origin"
    assert answer.headers.get(name) == expected.headers.get(name)


def test_added_middleware_sees_single_slashes() -> None:
    """A rule of an embedder for a path cannot be passed by with another slash."""
    app = create_app(Settings())
    paths: list[tuple[str, bytes, bytes]] = []
    app.add_middleware(Seen, paths=paths)
    TestClient(app).get("http://testserver//livez?a=//b")

    assert paths == [("/livez", b"/livez", b"a=//b")]


def test_slashes_are_collapsed_below_a_mounted_path(client: TestClient, app: FastAPI) -> None:
    """The prefix belongs to the application around it; slashes after it are collapsed."""
    parent = FastAPI()
    parent.mount("/deep/inside", app)
    answer = TestClient(parent).get("/deep/inside//models//lstm")

    assert answer.content == client.get("/models/lstm").content


def scope_of(path: str, prefix: str = "", raw: bytes | None = None) -> dict[str, Any]:
    """Return the paths in the scope of a request with single slashes."""
    raw = path.encode() if raw is None else raw
    given = {"path": path, "root_path": prefix, "raw_path": raw}
    found = _with_single_slashes(given)
    assert found["root_path"] == prefix
    return {"path": found["path"], "raw_path": found["raw_path"]}


def test_slashes_that_are_percent_encoded_are_collapsed() -> None:
    """`%2F` is a slash in the decoded path; in the path as sent it is collapsed as one."""
    found = scope_of("/lstm//gates", raw=b"/lstm%2F/%2fgates")

    assert found == {"path": "/lstm/gates", "raw_path": b"/lstm/gates"}


def test_a_prefix_keeps_its_slashes() -> None:
    """A prefix with a doubled slash stays as the server was configured."""
    found = scope_of("/a//b//livez", "/a//b")

    assert found == {"path": "/a//b/livez", "raw_path": b"/a//b//livez"}


@given(st.text("/ab", max_size=12))
def test_any_path_has_single_slashes(path: str) -> None:
    """The parts of a path between its slashes stay, in their order."""
    found = scope_of(f"/{path}")["path"]

    assert "//" not in found
    assert [part for part in found.split("/") if part] == [part for part in path.split("/") if part]
