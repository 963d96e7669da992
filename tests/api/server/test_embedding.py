"""The application without its own process: `uvicorn --factory`, and mounted under a path."""

import asyncio
import gc
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from api.inference.engine import Engine
from api.server.interpreter import GC_THRESHOLD, SWITCH_INTERVAL_S
from tests.servers import ROOT, TIMEOUT_S

PATH = "/lstm/gates?sequence=10110"
IGNORED = ("date", "server", "server-timing", "x-request-id")


def served_by_uvicorn(*flags: str, cache: Path) -> Iterator[str]:
    """Run the factory in uvicorn until the test is over; yield its URL once it is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--factory", "api.app:create_app", *flags]
    process = subprocess.Popen(  # noqa: S603
        [*command, "--port", str(port), "--log-level", "warning"],
        cwd=ROOT,
        env={**os.environ, "LIGHTWELL_CACHE": str(cache)},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + TIMEOUT_S
        while not _is_ready(url):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
        yield url
        process.terminate()
        process.wait(TIMEOUT_S)
    finally:
        process.kill()
        process.wait()


def _is_ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/readyz", timeout=TIMEOUT_S).status_code == 200
    except httpx2.TransportError:
        return False


def headers_of(answer: httpx2.Response) -> dict[str, str]:
    """Headers of an answer that do not change from one to the next."""
    return {name: value for name, value in answer.headers.items() if name not in IGNORED}


@pytest.mark.parametrize("flags", [(), ("--http", "api.server.protocol:Protocol")])
def test_uvicorn_serves_the_factory(flags: tuple[str, ...], url: str, tmp_path: Path) -> None:
    """Without arguments: settings of the environment, its cache, and the answers of the command."""
    for served in served_by_uvicorn(*flags, cache=tmp_path / "cache"):
        assert any((tmp_path / "cache").iterdir())
        there, here = (httpx2.get(f"{one}{PATH}", timeout=TIMEOUT_S) for one in (url, served))
        assert there.status_code == 200
        assert (here.status_code, here.content) == (there.status_code, there.content)
        assert headers_of(here) == headers_of(there)


def parent_of(app: FastAPI, *, is_started: bool) -> FastAPI:
    """An application that has another mounted, and starts it in its own lifespan or not."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if not is_started:
            yield
            return
        async with app.router.lifespan_context(app):
            yield

    parent = FastAPI(lifespan=lifespan)
    parent.mount("/deep/inside", app)
    return parent


def test_a_mounted_application_answers(client: TestClient) -> None:
    """Under a prefix, as it does without one; repeated request lines, too."""
    app = create_app()
    engine: Engine = app.state.engine
    loggers, interval = list(logging.getLogger().handlers), sys.getswitchinterval()
    with TestClient(parent_of(app, is_started=True)) as mounted:
        assert mounted.portal is not None
        mounted.portal.call(engine.warmed)
        body = {"sequence": "10110"}
        expected = client.post("/lstm/gates", json=body)
        for _ in range(2):
            answer = mounted.post("/deep/inside/lstm/gates", json=body)
            assert answer.json() == expected.json()
            assert headers_of(answer) == headers_of(expected)
        assert len(app.state.route_cache) == 1
        module = mounted.get("/deep/inside/sdk/lightwell.js")
        assert module.headers["access-control-allow-origin"] == "*"
        assert mounted.get("/deep/inside/lstm").status_code == 404
    assert (list(logging.getLogger().handlers), sys.getswitchinterval()) == (loggers, interval)


def test_an_application_that_was_not_started_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """Every refusal says that its lifespan has not run; the log says how to run it, once."""
    with (
        caplog.at_level(logging.ERROR, "lightwell"),
        TestClient(parent_of(create_app(), is_started=False)) as mounted,
    ):
        for path in (PATH, "/readyz", PATH):
            answer = mounted.get(f"/deep/inside{path}")
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "1"
            assert answer.json()["type"] == "urn:lightwell:problem:warming"
            assert "its ASGI lifespan has not run" in answer.json()["detail"]
        assert mounted.get("/deep/inside/livez").status_code == 200

    [line] = [record.getMessage() for record in caplog.records]
    assert "its ASGI lifespan has not run" in line
    assert "app.router.lifespan_context(app)" in line


@pytest.mark.parametrize("further", [{"asgi": {"version": "3.0"}}, {}])
def test_a_server_of_its_own_has_the_settings_of_the_command(further: dict[str, Any]) -> None:
    """A server that runs the lifespan tunes threads and collections until its end."""
    app = create_app()
    engine: Engine = app.state.engine
    warm = asyncio.Event()
    seen: list[tuple[float, int]] = []

    def settings() -> tuple[float, int]:
        return sys.getswitchinterval(), gc.get_threshold()[0]

    async def warm_up() -> None:
        warm.set()

    async def receive() -> Any:
        if seen:
            return {"type": "lifespan.shutdown"}
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        if message["type"] == "lifespan.startup.complete":
            await warm.wait()
            await asyncio.sleep(0.05)
            seen.append(settings())

    engine.warm_up = warm_up  # type: ignore[method-assign]
    before = settings()
    asyncio.run(app({"type": "lifespan", **further}, receive, send))

    expected = (SWITCH_INTERVAL_S, GC_THRESHOLD) if further else before
    assert seen[0] == (pytest.approx(expected[0]), expected[1])
    assert settings() == before
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize(
    ("first", "threads"), [("sys", "1"), ("numpy", "None")], ids=["alone", "after-numpy"]
)
def test_the_import_limits_the_threads_of_openblas(first: str, threads: str) -> None:
    """As the command does, where NumPy has not read its environment before."""
    environment = {name: one for name, one in os.environ.items() if "OPENBLAS" not in name}
    code = f"import {first}, os; import api.app; print(os.environ.get('OPENBLAS_NUM_THREADS'))"
    ran = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=True,
    )
    assert ran.stdout.split()[-1] == threads


def test_an_error_of_the_parent_stops_the_application() -> None:
    """An exception within the lifespan goes on when the engine has been stopped."""
    app = create_app()

    async def fail() -> None:
        async with app.router.lifespan_context(app):
            raise KeyError

    with pytest.raises(KeyError):
        asyncio.run(fail())

    engine: Engine = app.state.engine
    assert engine.closed
