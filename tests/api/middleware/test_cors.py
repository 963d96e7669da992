"""CORS: origins that may read responses, and the log lines of those that may not."""

import logging
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import Settings

LOCAL = ("http://localhost:5173", "https://127.0.0.1", "http://[::1]:8080")
FOREIGN = "https://example.org"


@pytest.fixture(scope="module")
def named() -> TestClient:
    """A server that allows one origin by a setting; its models are not compiled."""
    # Not entered: nothing is compiled for what is answered without a model.
    return TestClient(create_app(Settings(cors_origins=("https://mine.example",))))


def preflight(client: TestClient, origin: str, **more: str) -> tuple[int, str | None]:
    """Send a browser's preflight of a POST; return the status and the allowed origin."""
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST", **more}
    headers["Access-Control-Request-Headers"] = "content-type"
    answer = client.options("/cnn/activations", headers=headers)
    return answer.status_code, answer.headers.get("access-control-allow-origin")


@pytest.mark.parametrize("origin", LOCAL)
def test_pages_of_this_machine_may_ask(origin: str, named: TestClient) -> None:
    """Any port, either scheme; the headers that a front-end needs can be read."""
    assert preflight(named, origin) == (200, origin)
    answer = named.get("/livez", headers={"Origin": origin})

    assert answer.headers["access-control-allow-origin"] == origin
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"ETag", "X-Request-ID", "Server-Timing", "Retry-After", "Lightwell-Weights"} == {
        *exposed
    }


@pytest.mark.parametrize("origin", [FOREIGN, "http://localhost.example.org", "null"])
def test_other_pages_may_not(origin: str, named: TestClient) -> None:
    """No response has a header that would let such a page read it."""
    assert preflight(named, origin) == (400, None)
    assert (
        "access-control-allow-origin" not in named.get("/livez", headers={"Origin": origin}).headers
    )


def test_a_setting_lets_a_page_in(named: TestClient) -> None:
    """Also one of the internet, to a server of a private network."""
    asked = {"Access-Control-Request-Private-Network": "true"}

    assert preflight(named, "https://mine.example", **asked) == (200, "https://mine.example")
    assert preflight(named, FOREIGN, **asked) == (400, None)


def test_the_log_says_how_to_let_a_page_in(caplog: pytest.LogCaptureFixture) -> None:
    """Once for each origin, with the whole setting; no invalid origin, and no form's, is logged."""
    client = TestClient(create_app(Settings(cors_origins=("https://mine.example",))))
    with caplog.at_level(logging.WARNING, "lightwell"):
        for origin in (FOREIGN, FOREIGN, "null", "https://evil.example/\tfaked", *LOCAL):
            client.get("/livez", headers={"Origin": origin})
        client.get("/livez", headers={"Origin": "http://testserver"})  # its own pages
        form = {"Origin": "https://forms.example", "Sec-Fetch-Mode": "navigate"}
        client.get("/livez", headers=form)
    said = [record.getMessage() for record in caplog.records if record.name == "lightwell"]

    both = f"https://mine.example,{FOREIGN}"
    assert said[0] == (
        f"a page of {FOREIGN} was refused; to let it in: --cors-origins {both} "
        f"(or LIGHTWELL_CORS_ORIGINS={both})"
    )
    assert said[1].startswith("a page of null was refused")
    assert said[2:] == ["a page was refused whose origin is not one"]


def test_the_log_does_not_grow_without_end(caplog: pytest.LogCaptureFixture) -> None:
    """After 64 origins no more are logged."""
    client = TestClient(create_app(Settings()))
    with caplog.at_level(logging.WARNING, "lightwell"):
        for number in range(80):
            client.get("/livez", headers={"Origin": f"https://{number}.example"})

    assert sum(record.name == "lightwell" for record in caplog.records) == 64


def test_pictures_are_readable_from_anywhere(client: TestClient) -> None:
    """For a page and an image element, cached or not; responses to a POST are not public."""
    path = "/lstm/gates.png?sequence=101"
    for headers in ({}, {}, {"Origin": FOREIGN}, {"Origin": LOCAL[0]}):
        answer = client.get(path, headers=headers)
        assert answer.headers.get_list("access-control-allow-origin") == ["*"]
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    posted = client.post("/lstm/gates.png", json={"sequence": "101"}, headers={"Origin": FOREIGN})
    assert "access-control-allow-origin" not in posted.headers
    plain = client.get("/lstm/gates?sequence=101").headers
    assert plain["cross-origin-resource-policy"] == "same-origin"


def test_head_is_get_without_its_body(client: TestClient) -> None:
    """HEAD has the headers of GET on every route; a route of POST alone has no HEAD."""
    for path in ("/lstm/gates.png?sequence=101", "/samples/0.png", "/colormaps", "/models"):
        head, get = client.head(path), client.get(path)
        assert (head.status_code, head.content) == (200, b"")
        for name in ("content-length", "content-type", "access-control-allow-origin", "etag"):
            assert head.headers.get(name) == get.headers.get(name)
    assert client.head("/cnn/predict").status_code == 405


def test_a_cached_request_line_keeps_its_cors_headers(client: TestClient, app: FastAPI) -> None:
    """A page that is allowed gets the headers of its own origin, also from the route cache."""
    app.state.route_cache.clear()

    def ask(headers: dict[str, str]) -> Any:
        return client.post("/lstm/predict", json={"sequence": "11"}, headers=headers)

    without = ask({}).json()["prediction"]
    for _ in range(2):
        answer = ask({"Origin": LOCAL[0]})
        assert answer.headers.get("access-control-allow-origin") == LOCAL[0]
        assert answer.json()["prediction"] == without
        assert ask({"Origin": FOREIGN}).status_code == 403
    assert len(app.state.route_cache) == 1
    assert "access-control-allow-origin" not in ask({}).headers


def test_a_list_of_origins_is_read_as_people_write_it() -> None:
    """With spaces, and with the slash that a browser's address bar adds."""
    settings = Settings.model_validate({"cors_origins": "https://a.example/, http://b.example:80,"})

    assert settings.cors_origins == ("https://a.example", "http://b.example:80")
