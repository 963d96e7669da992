"""Each request is of one version of the weights, and an old version is freed after its last one."""

import asyncio
import gc
import json
import weakref
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.reloading.replacement import (
    LONG,
    MANY,
    PICTURE,
    asked,
    engine_of,
    reload,
    replace,
    weights_of,
)


def test_a_run_of_several_calls_keeps_its_weights(
    client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reload between two calls of an attribution changes nothing of it, only of the next one."""
    before, after = asked(client, "colours")[1], asked(client, "colours-twin")[1]
    engine, calls = engine_of(client), []
    call = engine._call

    async def noted(*args: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            replace(folder, "colours")
            assert (await engine.reload()).replaced == ["colours"]
        return await call(*args)

    monkeypatch.setattr(engine, "_call", noted)
    during = client.post(MANY, json=PICTURE).json()

    assert len(calls) > 2
    assert {**during, "model": "", "weights": ""} == before
    assert during["weights"] != client.get("/models/colours").json()["weights"]
    assert asked(client, "colours")[1] == after


def test_a_stream_keeps_its_weights(
    client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reload between the first lines and the last ones changes none of them."""
    names = "letters", "letters-twin"
    old, new = (client.post(f"/{name}/gates.jsonl", json=LONG).text for name in names)
    engine, runs = engine_of(client), []
    run = engine.run

    async def noted(*args: Any) -> Any:
        runs.append(1)
        if len(runs) == 2:
            replace(folder, "letters")
            await engine.reload()
        return await run(*args)

    monkeypatch.setattr(engine, "run", noted)
    during, after = (client.post("/letters/gates.jsonl", json=LONG) for _ in range(2))

    assert old != new
    assert (during.text, after.text) == (old, new)
    assert during.headers["lightwell-weights"] != after.headers["lightwell-weights"]


def test_requests_side_by_side_are_of_old_or_of_new_weights(
    client: TestClient, folder: Path
) -> None:
    """While weights are replaced ten times, each answer is one of the two, with its digest."""
    expected = {}
    for name in ("colours", "colours-twin"):
        answer = client.post(f"/{name}/predict", json=PICTURE).json()
        expected[answer["weights"]] = answer["prediction"]["logits"]
    engine = engine_of(client)
    seen: list[dict[str, Any]] = []

    async def one(stop: asyncio.Event) -> None:
        while not stop.is_set():
            seen.append(await posted(client.app, "/colours/predict", PICTURE))

    async def scene() -> None:
        stop = asyncio.Event()
        asking = [asyncio.create_task(one(stop)) for _ in range(4)]
        contents = [weights_of(folder, name) for name in ("colours-twin", "colours")]
        for number in range(10):
            replace(folder, "colours", contents[number % 2])
            assert (await engine.reload()).replaced == ["colours"]
        stop.set()
        await asyncio.gather(*asking)

    assert client.portal is not None
    client.portal.call(scene)

    assert {answer["weights"] for answer in seen} == set(expected)
    for answer in seen:
        # In batches of other sizes a prediction is rounded otherwise.
        wanted = pytest.approx(expected[answer["weights"]], abs=2e-5, rel=2e-5)
        assert answer["prediction"]["logits"] == wanted


def test_replaced_weights_are_freed(client: TestClient, folder: Path) -> None:
    """Old versions go with their last request, also where garbage collection skips old objects."""
    engine = engine_of(client)
    asked(client, "colours")
    gc.collect()
    gc.freeze()  # as the server does when it is ready
    try:
        old = weakref.ref(engine.served["colours"].model)
        kept = engine.served["colours"]
        replace(folder, "colours")
        reload(client)
        asked(client, "colours")
        gc.collect()
        assert old() is not None
        assert not engine._reloader.take_freed()
        del kept
        gc.collect()
        assert old() is None
        assert engine._reloader.take_freed()
        assert not engine._reloader.take_freed()
    finally:
        gc.unfreeze()


def test_counts_go_on(client: TestClient, folder: Path) -> None:
    """Counters of rows and batches are those of the program, whichever weights it has."""
    asked(client, "colours")
    queue, totals = counts(client)
    replace(folder, "colours")
    reload(client)

    assert counts(client) == (queue, totals)
    asked(client, "colours")
    after = counts(client)
    assert after[0] > queue
    assert after[1] > totals


def test_items_in_the_old_queue_count_towards_the_limit(client: TestClient, folder: Path) -> None:
    """The backlog of a program is one, in front of old weights and new ones."""
    engine = engine_of(client)
    old = engine.served["colours"]
    replace(folder, "colours")
    reload(client)

    new = engine.served["colours"]
    assert new is not old
    for name, queue in new.queues.items():
        assert queue is not old.queues[name]
        assert queue.backlog is old.queues[name].backlog


async def posted(app: Any, path: str, body: Any) -> Any:
    """Post a body to an application on its own event loop; return the answer's JSON."""
    sent: list[dict[str, Any]] = []
    messages = [{"type": "http.request", "body": json.dumps(body).encode()}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"host", b"localhost")]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b""}
    await app({**scope, "headers": headers}, receive, send)
    assert sent[0]["status"] == 200, sent
    return json.loads(b"".join(one.get("body", b"") for one in sent[1:]))


def counts(client: TestClient) -> tuple[int, int]:
    """Rows that a queue has completed, and rows that its program has run."""
    engine = engine_of(client)
    return (
        engine.queues["colours.predict"].counts.completed,
        engine.programs["colours.predict"].totals.rows,
    )
