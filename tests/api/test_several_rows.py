"""Several inputs in one request: their rows share batches and are cancelled together."""

import asyncio
import contextlib
import gc
import weakref
from typing import Any

import orjson
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.inference.batching import DeadlineError
from api.requests.body import is_light
from api.responses.gathering import gather_or_cancel
from tests.api.bodies import PICTURE, json_body
from tests.api.several import SEQUENCES, files


def test_bodies_of_several_are_not_for_the_event_loop() -> None:
    """A body with `inputs` is parsed in a worker thread however few bytes it has."""
    small = [{"pixels": [[0, 255], [255, 0]]}] * 60

    assert is_light(json_body(small[0]))
    assert len(orjson.dumps({"inputs": small})) < 8192
    assert not is_light(json_body({"inputs": small}))
    assert not is_light(json_body(b'{"\\u0069nputs": [{"pixels": [[0]]}]}'))


def test_rows_of_one_request_share_batches(app: FastAPI, client: TestClient) -> None:
    """Eight images of one request run in at most two batches."""
    counts = app.state.engine.queues["cnn.predict"].counts
    before = counts.batches, counts.completed

    client.post("/cnn/predict", files=files([PICTURE] * 8))

    assert counts.completed - before[1] == 8
    assert counts.batches - before[0] <= 2


def test_when_one_row_fails_the_others_are_dropped(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The response is the problem of the failed row; the other rows are cancelled."""
    ended: list[str] = []

    async def run(_model: str, run: Any, *_: Any) -> Any:
        sequence = next(run)[0].row["sequence"]
        if sequence[0] == 0:
            raise DeadlineError
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("dropped")

    monkeypatch.setattr(app.state.engine, "run", run)
    body = {"inputs": [{"sequence": "1"}, {"sequence": "1"}, {"sequence": "0"}]}

    response = client.post("/lstm/gates", json=body)

    assert response.status_code == 504
    assert response.json()["type"] == "urn:lightwell:problem:deadline"
    assert ended == ["dropped", "dropped"]


def test_when_the_client_goes_all_rows_are_dropped(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closed connection cancels every row that is still queued."""
    ended: list[str] = []

    async def run(*_: Any) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("dropped")

    content = orjson.dumps({"inputs": SEQUENCES})
    messages = [{"type": "http.request", "body": content}, {"type": "http.disconnect"}]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/lstm/gates",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(_: Any) -> None:
        pass

    monkeypatch.setattr(app.state.engine, "run", run)
    assert client.portal is not None
    client.portal.call(app, scope, receive, send)

    assert ended == ["dropped"] * len(SEQUENCES)


def test_gather_or_cancel_keeps_order_and_raises_the_first_failure() -> None:
    """Results keep the order of the tasks, whichever task finishes first."""

    async def scene() -> None:
        first_may_end = asyncio.Event()

        async def first() -> int:
            await first_may_end.wait()
            return 1

        async def second() -> int:
            first_may_end.set()
            return 2

        async def fails() -> int:
            raise KeyError

        assert await gather_or_cancel([first(), second()]) == [1, 2]
        with pytest.raises(KeyError):
            await gather_or_cancel([asyncio.Event().wait(), fails()])  # type: ignore[list-item]

    asyncio.run(scene())


def test_a_failed_input_leaves_nothing_in_memory() -> None:
    """What the tasks of a request hold is freed with its error, before any garbage collection."""

    class Values:
        """Arrays of one input."""

    async def fails(_: Values) -> None:
        await asyncio.sleep(0)
        raise KeyError

    async def scene() -> list[weakref.ref[Values]]:
        held = [Values() for _ in range(3)]
        found = [weakref.ref(one) for one in held]
        with contextlib.suppress(KeyError):
            await gather_or_cancel([fails(one) for one in held])
        return found

    gc.disable()
    try:
        assert [one() for one in asyncio.run(scene())] == [None] * 3
    finally:
        gc.enable()


def test_stages_of_several_do_not_add_up_to_more_than_the_whole(client: TestClient) -> None:
    """Rows that wait concurrently are counted once, as the slowest of them."""
    body = {"inputs": [{"sequence": "10" * 500}] * 20}
    header = client.post("/lstm/predict", json=body).headers["server-timing"]

    times = [float(part.partition(";dur=")[2]) for part in header.split(", ")]
    assert sum(times[:-1]) <= times[-1] + 0.05
