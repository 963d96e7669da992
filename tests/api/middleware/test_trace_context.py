"""Trace context of requests (`traceparent`): valid ones are in the log, and nothing else of it."""

import logging

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import Settings

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
VALID = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """An application whose models are not compiled."""
    return create_app(Settings(cache=None))


def logged(app: FastAPI, value: str | bytes, caplog: pytest.LogCaptureFixture) -> str:
    """Send a request with a trace context; return its line of the access log."""
    headers = [(b"traceparent", value.encode() if isinstance(value, str) else value)]
    with caplog.at_level(logging.INFO, "lightwell.access"):
        assert TestClient(app).get("/models", headers=headers).status_code == 200  # type: ignore[arg-type]
        app.state.access_log.flush()
    [line] = [one.getMessage() for one in caplog.records if one.name == "lightwell.access"]
    return line


@pytest.mark.parametrize("value", [VALID, VALID[:-2] + "00", "cc" + VALID[2:]])
def test_a_valid_trace_context_ends_the_line(
    app: FastAPI, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The line of a request names the trace and the span that it belongs to."""
    assert logged(app, value, caplog).endswith(f" {value}")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00",
        VALID.upper(),
        "ff" + VALID[2:],
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"{VALID}-extra",
        f" {VALID}x",
        f"{VALID}\x1b[31m",
        VALID.replace("-", "_"),
        VALID * 200,
        b"\xff\xfe" + VALID.encode(),
        f"00-{TRACE}\tFORGED-{PARENT}-01",
    ],
)
def test_nothing_of_an_invalid_trace_context_is_logged(
    app: FastAPI, value: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """The request is answered and its line is as without one: method, route, status, time, ID."""
    line = logged(app, value, caplog)
    assert len(line.split(" ")) == 6
    assert line.isprintable()
    assert "FORGED" not in line
