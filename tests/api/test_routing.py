"""Routing of a request: format by the Accept header, CORS, repeated request lines."""

from typing import Any

import fastapi.routing
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import build_routes, create_app


def test_negotiation_follows_the_accept_header(client: TestClient) -> None:
    """An <img> element gets PNG, `*/*` gets JSON, and `format=` overrides the header."""
    path = "/lstm/gates?sequence=101"
    browser = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"

    def kind(accept: str, query: str = "") -> str:
        return str(client.get(path + query, headers={"Accept": accept}).headers["content-type"])

    assert kind("*/*") == "application/json"
    assert kind(browser) == "image/png"
    assert kind("image/png;q=0.5, application/json;q=0.4") == "image/png"
    assert kind("application/x-npz") == "application/x-npz"
    assert kind("image/png", "&format=json") == "application/json"


def test_local_pages_may_call_and_others_not(client: TestClient) -> None:
    """A page of this machine is allowed; another origin gets no permission."""
    for origin, allowed in (("http://localhost:5173", True), ("https://example.com", False)):
        response = client.get("/livez", headers={"Origin": origin})
        assert (response.headers.get("access-control-allow-origin") == origin) == allowed


def test_a_cached_request_line_is_answered_as_a_new_one(
    client: TestClient, app: FastAPI, digit_png: bytes
) -> None:
    """Responses and CORS headers are the same for the first and for repeated request lines."""
    png, ignored = {"Content-Type": "image/png"}, {"instance", "request_id"}
    app.state.route_cache.clear()

    def asked(content: bytes) -> tuple[int, dict[str, Any], str]:
        response = client.post("/cnn/predict?precision=4", content=content, headers=png)
        said = {key: value for key, value in response.json().items() if key not in ignored}
        return response.status_code, said, response.headers["vary"]

    refused, answered = asked(b"no picture"), asked(digit_png)
    assert (refused[0], answered[0]) == (422, 200)
    assert len(app.state.route_cache) == 1
    assert (asked(b"no picture"), asked(digit_png)) == (refused, answered)
    foreign = {**png, "Origin": "https://example.com"}
    response = client.post("/cnn/predict?precision=4", content=digit_png, headers=foreign)
    assert "access-control-allow-origin" not in response.headers


def test_the_first_request_builds_no_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    """FastAPI builds those of its routers when a path is matched: before the first request."""
    app, context, built = create_app(), fastapi.routing._EffectiveRouteContext, list[object]()
    build = context.from_api_route
    monkeypatch.setattr(
        context, "from_api_route", lambda **given: (built.append(given), build(**given))[1]
    )
    client = TestClient(app)

    build_routes(app)
    count = len(built)
    assert client.get("/no-such-path").status_code == 404
    assert len(built) == count > 50
