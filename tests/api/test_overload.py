"""Full queues, deadlines, closed connections and bugs: status codes and cancelled work."""

import asyncio
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.inference.device_time import DeviceTime
from api.inference.engine import Engine
from api.inference.errors import DeadlineError, QueueFullError
from api.inference.jobs import Job


def test_requests_side_by_side_get_their_own_answers(app: FastAPI, client: TestClient) -> None:
    """Sequences of many lengths that run concurrently are each answered as they are alone."""
    engine: Engine = app.state.engine
    model = engine.models["lstm"]
    rng = np.random.default_rng(1)
    zeros = np.zeros(model.weights["readout.kernel"].shape[0], np.float32)
    rows = [
        {"sequence": rng.integers(0, 2, length).astype(np.uint8), "cell": zeros, "hidden": zeros}
        for length in (1, 5, 31, 32, 33, 64, 100, 257, 300, 12)
    ]

    async def one(row: dict[str, Any]) -> Any:
        run = model.run("trace", row, frozenset({"cell", "logits"}))
        return await engine.run(engine.served["lstm"], run, Job(), DeviceTime())

    async def all_at_once() -> list[Any]:
        return await asyncio.gather(*(one(row) for row in rows))

    assert client.portal is not None
    together = client.portal.call(all_at_once)
    for row, made in zip(rows, together, strict=True):
        alone = client.portal.call(one, row)
        for name in ("cell", "logits"):
            np.testing.assert_allclose(made[name], alone[name], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("raised", "status", "kind"), [(QueueFullError, 503, "busy"), (DeadlineError, 504, "deadline")]
)
def test_overload_is_said_and_bounded(
    raised: type[Exception],
    status: int,
    kind: str,
    app: FastAPI,
    client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A full queue is a 503 with `Retry-After`, a deadline that passed in the queue a 504."""

    async def overloaded(*_: Any) -> Any:
        raise raised

    monkeypatch.setattr(app.state.engine, "run", overloaded)

    response = client.get("/lstm/gates?sequence=1")

    assert response.status_code == status
    assert response.json()["type"] == f"urn:lightwell:problem:{kind}"
    assert ("retry-after" in response.headers) == (status == 503)


def test_more_requests_than_may_be_worked_on_are_refused(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request above the limit of requests in flight is a 503 before any work on it."""
    monkeypatch.setattr(app.state.engine.admission, "_max_requests", 0)

    response = client.get("/lstm/gates?sequence=1")

    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert client.get("/readyz").status_code == 200


def test_work_for_a_client_who_has_gone_is_dropped(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the connection closes while a row is queued, the row is cancelled and never runs."""
    messages = [{"type": "http.request", "body": b""}, {"type": "http.disconnect"}]
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/lstm/gates",
        "query_string": b"sequence=1",
        "headers": [],
    }

    async def scene() -> bool:
        dropped = asyncio.Event()

        async def waits(*_: Any) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                dropped.set()
                raise

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(0.01)
            return messages.pop(0)

        async def send(_: Any) -> None:
            pass

        monkeypatch.setattr(app.state.engine, "run", waits)
        await app(scope, receive, send)
        return dropped.is_set()

    assert client.portal is not None
    assert client.portal.call(scene)


def test_a_bug_is_a_500_that_says_nothing(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unexpected exception is logged, and its text is not in the response."""

    async def broken(*_: Any) -> Any:
        message = "secret"
        raise RuntimeError(message)

    monkeypatch.setattr(app.state.engine, "run", broken)

    response = client.get("/lstm/gates?sequence=1")

    assert response.status_code == 500
    assert response.json()["type"] == "urn:lightwell:problem:internal"
    assert "secret" not in response.text
    assert client.get("/livez").status_code == 200
