"""Analyses of many rows: limited, run in slices, and cancelled with their request."""

import asyncio
import base64
import threading
import time
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from api.inference import engine as engine_module
from api.inference.device_time import DeviceTime
from api.inference.engine import Engine
from api.inference.errors import DeadlineError, EngineBusyError, QueueFullError
from api.inference.estimates import Cost
from api.inference.jobs import Job
from api.inference.schedule import Formed
from api.responses import pipeline
from api.settings import Settings
from models.cnn.layout import layout_of
from models.runtime.cancellation import raise_if_cancelled
from models.runtime.programs import SLICE, Call, Run, in_slices
from tests.api.interleavings import WorkerByHand
from tests.networks import SIMPLE_CNN
from tests.oracles.parameters import draw_images

PIXELS = {"pixels": draw_images(1, 4)[0].tolist()}
IMAGE = draw_images(1, 4)[0].astype(np.float32) / 255


def many(rows: int) -> Run:
    """Run that computes the logits of one image many times."""
    calls = (Call("score", {"image": IMAGE}, frozenset({"logits"})) for _ in range(rows))
    found = yield from in_slices(calls)
    return {"logits": np.stack([one["logits"] for one in found])}


async def drive(engine: Engine, run: Run) -> Any:
    """Let the engine drive a run of an analysis."""
    return await engine.run(
        engine.served["cnn"], run, Job(is_analysis=True, is_admitted=True), DeviceTime()
    )


def call(client: TestClient, scene: Any, *arguments: Any) -> Any:
    """Run a scene on the server's own event loop."""
    assert client.portal is not None
    return client.portal.call(scene, *arguments)


def test_a_slice_is_all_that_is_ever_asked_for() -> None:
    """Rows are built one slice at a time, and results keep the order of the rows."""
    made = []

    def calls() -> Any:
        for number in range(2 * SLICE + 5):
            made.append(number)
            yield Call("any", {"number": np.array(number)}, frozenset())

    run, sizes, results = in_slices(calls()), [], []
    taken = next(run)
    while taken:
        sizes.append(len(taken))
        assert len(made) <= sum(sizes)
        try:
            taken = run.send([{"number": one.row["number"]} for one in taken])
        except StopIteration as end:
            taken, results = (), end.value

    assert sizes == [SLICE, SLICE, 5]
    assert [int(one["number"]) for one in results] == made


def test_computing_between_calls_counts_towards_the_deadline(
    app: FastAPI, client: TestClient
) -> None:
    """A run whose own computation takes longer than its deadline is stopped before its calls."""
    engine: Engine = app.state.engine
    before = engine.programs["cnn.score"].totals.rows

    def slow() -> Run:
        while True:
            raise_if_cancelled()
            time.sleep(0.001)
        yield ()

    async def scene() -> Any:
        job = Job(deadline=time.monotonic() + 0.02, is_analysis=True, is_admitted=True)
        return await engine.run(engine.served["cnn"], slow(), job, DeviceTime())

    with pytest.raises(DeadlineError):
        call(client, scene)
    assert engine.programs["cnn.score"].totals.rows == before


def test_others_are_served_between_slices(app: FastAPI, client: TestClient) -> None:
    """A prediction that comes while a long analysis runs does not wait for its end."""
    engine: Engine = app.state.engine
    image = draw_images(1, 5)[0]

    async def scene() -> tuple[bool, Any]:
        long = asyncio.ensure_future(drive(engine, many(40 * SLICE)))
        await asyncio.sleep(0.02)
        predict = engine.models["cnn"].run("predict", {"image": image}, frozenset({"logits"}))
        await drive(engine, predict)
        waits = not long.done()
        return waits, await long

    waits, found = call(client, scene)

    assert waits
    assert found["logits"].shape == (40 * SLICE, 10)
    assert (found["logits"] == found["logits"][0]).all()
    assert engine.programs["cnn.score"].max_rows == layout_of(SIMPLE_CNN).score_buckets[-1]


def test_a_cancelled_run_stops(app: FastAPI, client: TestClient) -> None:
    """A cancelled run queues no further slice, and its rows in the queue never run."""
    engine: Engine = app.state.engine
    spent = engine.programs["cnn.score"].totals

    async def scene() -> int:
        long = asyncio.ensure_future(drive(engine, many(1000 * SLICE)))
        await asyncio.sleep(0.02)
        long.cancel()
        with pytest.raises(asyncio.CancelledError):
            await long
        before = spent.rows
        await asyncio.sleep(0.05)
        assert spent.rows - before <= SLICE
        assert engine.queues["cnn.score"].waiting == 0
        return spent.rows

    rows = call(client, scene)
    assert rows < 1000 * SLICE


def test_analyses_count_by_their_rows(app: FastAPI, client: TestClient) -> None:
    """One analysis may exceed the limit of rows; a second one that would is a 503."""
    engine: Engine = app.state.engine
    query = "/cnn/attribution?method=gradient&preprocess=none"

    admission = engine.admission
    admission._max_analysis_rows, limit = 100, admission._max_analysis_rows
    try:
        assert client.post(query, json=PIXELS).status_code == 200
        alone = client.post("/cnn/attribution?method=smoothgrad&samples=256", json=PIXELS)
        with admission.analysis(95):
            refused = client.post(query, json=PIXELS)
            predicted = client.post("/cnn/predict", json=PIXELS)
        again = client.post(query, json=PIXELS)
    finally:
        admission._max_analysis_rows = limit

    assert (alone.status_code, predicted.status_code, again.status_code) == (200, 200, 200)
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["type"] == "urn:lightwell:problem:busy"
    assert "95 rows" in refused.json()["detail"]
    assert admission.analysis_rows == 0


def test_images_without_room_are_refused_before_they_are_decoded(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The 503 of several images comes before the 422 of a second one that is no image."""
    workload = app.state.engine.workload
    body = {"inputs": [PIXELS, {"image": base64.b64encode(b"no image").decode()}]}
    assert client.post("/cnn/activations", json=body).status_code == 422

    monkeypatch.setattr(workload.estimates, "cost", lambda _kinds, _rows: Cost(100.0, 0.0))
    with workload.admitted(Job("testclient", is_analysis=True), ("other",), 1):
        refused = client.post("/cnn/activations", json=body)

    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert not workload._costs


def test_an_analysis_is_encoded_in_a_thread(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Warnings and figures of an analysis do not hold up the event loop, unlike a prediction's."""
    threads: list[str] = []
    encode = pipeline.encode
    monkeypatch.setattr(
        pipeline,
        "encode",
        lambda *given: threads.append(threading.current_thread().name) or encode(*given),
    )
    for path in ("/cnn/predict", "/cnn/attribution?method=gradient"):
        assert client.post(path, json=PIXELS).status_code == 200

    assert not threads[0].startswith("analysis-")
    assert threads[1].startswith("analysis-")


def test_the_results_of_a_run_are_freed_in_its_thread() -> None:
    """A run has the results of its calls, and nothing else refers to them."""
    results = [{"logits": np.zeros(3)}]
    seen: list[Any] = []

    def run() -> Run:
        seen.extend((yield (Call("score", {}, frozenset()),)))
        return {}

    started = run()
    next(started)
    engine_module._advance(started, results)

    assert results == []
    assert len(seen) == 1


def test_an_analysis_is_compiled_for_the_first_request() -> None:
    """It waits for its program, and a checkpoint for its weights; predictions are answered."""
    app = create_app(Settings())
    engine: Engine = app.state.engine

    async def never() -> None:
        await asyncio.Event().wait()

    engine._warm_rest = never  # type: ignore[method-assign]
    with TestClient(app) as client:
        assert client.portal is not None
        client.portal.call(engine.warmed)
        assert client.get("/readyz").status_code == 200
        assert client.post("/cnn/predict", json=PIXELS).status_code == 200
        analysis = client.post("/cnn/attribution?method=gradient", json=PIXELS)
        earlier = client.post("/cnn/predict?checkpoint=round-1", json=PIXELS)

    assert analysis.status_code == 200, analysis.text
    assert earlier.status_code == 200, earlier.text


def test_rows_of_an_analysis_do_not_fill_the_queue() -> None:
    """Rows of an admitted analysis are not refused, and do not count towards the queue's limits."""

    async def scene() -> None:
        worker = WorkerByHand()
        queue = worker.queue(max_waiting=2, max_bytes=100)
        one, admitted = Job(), Job(is_analysis=True, is_admitted=True)
        for number in range(10):
            queue.enqueue(number, admitted, 90)
        assert queue.waiting == 10
        queue.enqueue(10, one, 60)
        queue.enqueue(11, one, 40)
        with pytest.raises(QueueFullError):
            queue.enqueue(12, one)
        for number in range(13, 20):
            queue.enqueue(number, admitted)
        batches = [[each.item for each in batch.live] for _, batch in formed(worker)]
        assert batches[0] == [10, 11]
        assert [number for batch in batches[1:] for number in batch] == [*range(10), *range(13, 20)]
        queue.enqueue(20, one, 100)
        assert queue.waiting_bytes == 100

    asyncio.run(scene())


def formed(worker: WorkerByHand) -> list[Formed]:
    """Form batches until no item waits."""
    return list(iter(worker.next_batch, None))


@pytest.mark.parametrize(
    ("path", "images", "is_analysis"),
    [
        ("/cnn/attribution?method=gradient&deletion=false", 2, True),
        ("/cnn/attribution?method=gradient&deletion=false", 1, True),
        ("/cnn/predict", 2, True),
    ],
)
def test_several_images_are_decoded_as_part_of_the_analysis(
    path: str, images: int, is_analysis: bool, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their decoding waits for predictions, as all work of an analysis does."""
    engine, found = client.app.state.engine, list[bool]()  # type: ignore[attr-defined]
    compute = engine.compute

    async def recorded(function: Any, *arguments: Any, job: Job | None = None) -> Any:
        if getattr(function, "__name__", "") == "decode_slice":
            assert job is not None
            found.append(job.is_analysis)
        return await compute(function, *arguments, job=job)

    monkeypatch.setattr(engine, "compute", recorded)
    answer = client.post(path, json={"inputs": [PIXELS] * images})

    assert answer.status_code == 200, answer.text
    assert set(found) == {is_analysis}


def test_several_images_are_refused_before_they_are_validated(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal costs the parsing of the JSON; with room, the fault of one image is located."""
    engine = client.app.state.engine  # type: ignore[attr-defined]
    body = {"inputs": [PIXELS, {"image": "digit.png"}]}

    def refuse(*_: object) -> None:
        msg = "no room"
        raise EngineBusyError(msg, 1.0)

    found = client.post("/cnn/predict", json=body)
    monkeypatch.setattr(engine.workload, "check_refused", refuse)

    assert found.status_code == 422
    assert "inputs[1]" in found.json()["detail"]
    assert client.post("/cnn/predict", json=body).status_code == 503
