"""Route cache: inside of every middleware, bounded, and without a trace of earlier requests."""

import asyncio
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from api.app import create_app
from api.errors.problem import Problem
from api.inference.estimates import Cost
from api.inference.jobs import Job
from api.routes.route_cache import (
    MAX_ENTRIES,
    MAX_QUERY_BYTES,
    RouteCache,
    RouteCacheMiddleware,
)
from api.settings import Settings

BODY = {"sequence": "101"}
PATCHING = {"sequence": "101", "source": {"sequence": "100"}}
TOKEN = {"Authorization": "Bearer open-sesame"}


class Auth:
    """An embedder's middleware: a token, or 401."""

    def __init__(self, app: ASGIApp, seen: list[str]) -> None:
        self.app, self.seen = app, seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http":
            if (b"authorization", TOKEN["Authorization"].encode()) not in scope["headers"]:
                await PlainTextResponse("a token, please", 401)(scope, receive, send)
                return
            await self.app(scope, receive, send)
            self.seen.append(f"{scope['route'].path} {scope['endpoint'].__name__}")
            return
        await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def guarded() -> Iterator[tuple[TestClient, list[str]]]:
    """A client of an application with a middleware that its embedder added, and its log."""
    app, seen = create_app(Settings()), []
    app.add_middleware(Auth, seen=seen)
    with TestClient(app) as client:
        assert client.portal is not None
        client.portal.call(app.state.engine.warmed)
        yield client, seen


def test_added_middleware_sees_every_request(guarded: tuple[TestClient, list[str]]) -> None:
    """A request line that was answered before is refused without the token, as the first was."""
    client, seen = guarded
    statuses = [
        client.post("/lstm/predict", json=BODY, headers=headers).status_code
        for headers in ({}, TOKEN, {}, TOKEN, {})
    ]

    assert statuses == [401, 200, 401, 200, 401]
    assert seen == ["/lstm/predict endpoint"] * 2


def test_exception_handlers_answer_for_cached_routes(client: TestClient, app: FastAPI) -> None:
    """A wrong body is the same problem when its request line is cached, also by another handler."""
    app.state.route_cache.clear()
    first = client.post("/lstm/predict", json={"sequence": "12"})
    assert client.post("/lstm/predict", json=BODY).status_code == 200
    assert len(app.state.route_cache) == 1
    cached = client.post("/lstm/predict", json={"sequence": "12"})

    assert (cached.status_code, cached.json()["errors"]) == (422, first.json()["errors"])

    async def other(_request: Request, _error: Exception) -> PlainTextResponse:
        return PlainTextResponse("of the embedder", 418)

    ours = app.exception_handlers[Problem]
    app.exception_handlers[Problem] = other
    try:
        assert client.post("/lstm/predict", json={"sequence": "12"}).text == "of the embedder"
    finally:
        app.exception_handlers[Problem] = ours


def test_an_error_of_added_middleware_is_a_problem(caplog: pytest.LogCaptureFixture) -> None:
    """Also outside of the middleware that gives a request its ID."""

    class Broken:
        def __init__(self, app: ASGIApp) -> None:
            pass

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            raise KeyError

    app = create_app(Settings())
    app.add_middleware(Broken)
    answer = TestClient(app, raise_server_exceptions=False).get("/livez")

    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:lightwell:problem:internal"


def test_one_request_line_is_one_entry(client: TestClient, app: FastAPI) -> None:
    """Lines differ by path and query; invalid requests and long queries are not cached."""
    cache = app.state.route_cache
    cache.clear()
    for path in ("/lstm/gates", "/lstm/gates", "/lstm/gates?units=1", "/lstm/gates?units=99"):
        client.post(path, json=BODY)
    assert len(cache) == 2

    client.post(f"/lstm/gates?values={'cell,' * (MAX_QUERY_BYTES // 5)}cell", json=BODY)
    client.post("/lstm/gates?nonsense=1", json=BODY)
    assert len(cache) == 2


def test_a_line_that_was_refused_for_load_is_cached(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is valid, and the next refusal of it costs no routing and no validation."""
    cache, workload = app.state.route_cache, app.state.engine.workload
    cache.clear()
    monkeypatch.setattr(workload.estimates, "cost", lambda _kinds, _rows: Cost(100.0, 0.0))
    with workload.admitted(Job("testclient", is_analysis=True), ("other",), 1):
        refused = [client.post("/lstm/patching", json=PATCHING).status_code for _ in range(2)]

    assert refused == [503, 503]
    assert len(cache) == 1


def test_the_cache_is_bounded(client: TestClient, app: FastAPI) -> None:
    """The oldest request line is evicted for a new one."""
    cache = app.state.route_cache
    cache.clear()
    client.post("/lstm/predict?precision=1", json=BODY)
    oldest, entry = next(iter(cache._entries.items()))
    cache._entries.update({("GET", "", f"/{n}", b""): entry for n in range(MAX_ENTRIES - 1)})
    client.post("/lstm/predict?precision=2", json=BODY)

    assert len(cache) == MAX_ENTRIES
    assert oldest not in cache._entries


def test_path_parameters_are_kept() -> None:
    """Middleware finds those of a cached request line in its scope, as of the first request."""
    cache, found = RouteCache(), []

    async def respond(request: Request) -> PlainTextResponse:
        found.append(request.path_params)
        return PlainTextResponse("")

    async def receive() -> dict[str, str]:
        return {"type": "http.request"}

    async def send(_message: object) -> None:
        pass

    line = {"type": "http", "method": "POST", "path": "/v2/models/cnn/infer", "query_string": b""}
    routed = {"route": object(), "endpoint": respond, "path_params": {"model": "cnn"}}
    cache.add(Request({**line, **routed}), respond)
    scope: Scope = dict(line)

    asyncio.run(RouteCacheMiddleware(PlainTextResponse("routed"), cache)(scope, receive, send))

    assert found == [{"model": "cnn"}]
    assert scope["path_params"] == {"model": "cnn"}
