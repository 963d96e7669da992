"""Bodies that arrive slowly: they hold no place among the requests in flight."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.inference.admission import Admission
from api.inference.errors import EngineBusyError
from api.inference.place import Place

BODY = b'{"sequence": "1011"}'
SLOW = 5


class Exchange:
    """One request to the application by ASGI, whose body arrives when its test lets it.

    Attributes:
        statuses: Status of the response, once there is one.
    """

    def __init__(self, path: str, first: bytes) -> None:
        self.statuses: list[int] = []
        self.waits, self.may_end = asyncio.Event(), asyncio.Event()
        self._parts = iter([first])
        self._scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(b"content-type", b"application/json")],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
            "state": {},
        }

    async def run(self, app: FastAPI) -> None:
        """Send the request to the application until it has responded."""
        await app(self._scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        if (part := next(self._parts, None)) is not None:
            return {"type": "http.request", "body": part, "more_body": True}
        self.waits.set()
        await self.may_end.wait()
        return {"type": "http.request", "body": BODY[1:], "more_body": False}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.statuses.append(message["status"])


def test_slow_bodies_keep_no_other_request_out(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of them than may be in flight: others are answered, and so are they in the end."""
    admission = app.state.engine.admission
    monkeypatch.setattr(admission, "_max_requests", 2)
    seen: list[tuple[int, int]] = []

    async def scene() -> list[Exchange]:
        slow = [Exchange("/lstm/predict", BODY[:1]) for _ in range(SLOW)]
        tasks = [asyncio.create_task(one.run(app)) for one in slow]
        for one in slow:
            await one.waits.wait()
        seen.append((admission.in_flight, admission.body_bytes))
        quick = Exchange("/lstm/predict", BODY[:1])
        quick.may_end.set()
        await quick.run(app)
        for one, task in zip(slow, tasks, strict=True):
            one.may_end.set()
            await task
        return [quick, *slow]

    assert client.portal is not None
    exchanges = client.portal.call(scene)

    assert seen == [(0, SLOW)]
    assert [one.statuses for one in exchanges] == [[200]] * (SLOW + 1)
    assert (admission.in_flight, admission.body_bytes) == (0, 0)


def test_a_body_is_not_read_where_every_place_is_taken(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request is a 503 without its body."""
    admission = app.state.engine.admission
    monkeypatch.setattr(admission, "_max_requests", 0)
    refused = Exchange("/lstm/gates.jsonl", BODY[:1])
    assert client.portal is not None
    client.portal.call(refused.run, app)

    assert refused.statuses == [503]
    assert next(refused._parts, None) == BODY[:1]


def test_a_place_is_taken_once_its_body_is_there() -> None:
    """A place that is not taken counts for nothing, one that is taken until its end."""
    admission = Admission(max_requests=1, max_analysis_rows=10)
    with Place(admission) as first, Place(admission) as second:
        assert admission.in_flight == 0
        first.take()
        assert admission.in_flight == 1
        with pytest.raises(EngineBusyError):
            second.take()
    assert admission.in_flight == 0
