"""Result cache: outputs of the weights alone are computed once, and the oldest evicted."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.inference.admission import UNLIMITED
from api.inference.errors import DeadlineError, EngineBusyError
from api.inference.jobs import Job
from api.inference.memory_budget import MIB, MemoryBudget
from api.inference.result_cache import MAX_KEPT_BYTES, KeptResults, ResultCache
from models.runtime.programs import Outputs
from probes.output import encode


def cache_of(memory: MemoryBudget) -> ResultCache[Outputs]:
    """Return an empty cache of outputs, which count in a memory budget."""
    return KeptResults(memory).outputs


class Run:
    """Run whose outputs are computed when it is let go on; it counts how often it was begun."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = asyncio.Event()
        self.errors: list[Exception] = []

    async def compute(self) -> Outputs:
        """Compute the outputs, or raise the next error."""
        self.begun += 1
        await self.may_end.wait()
        if self.errors:
            raise self.errors.pop()
        return {"value": np.full(1, self.begun)}


def soon() -> float:
    """Return a deadline that is far away."""
    return time.monotonic() + 60


async def asked(cache: ResultCache, run: Run, count: int) -> "list[asyncio.Task[Outputs]]":
    """Ask a cache for the same outputs several times at once."""
    tasks = [asyncio.create_task(cache.result("a", run.compute, soon())) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


def test_the_oldest_results_are_evicted() -> None:
    """The bytes of the cache are bounded, counted, and those of the latest results."""

    async def scene() -> None:
        memory = MemoryBudget(UNLIMITED)
        cache, half = cache_of(memory), MAX_KEPT_BYTES // 2

        async def compute() -> Outputs:
            return {"value": np.zeros(half, np.uint8)}

        for key in "abc":
            await cache.result(key, compute, soon())

        assert [cache.has(key) for key in "abcd"] == [False, True, True, False]
        assert memory.kept == 2 * half

    asyncio.run(scene())


def test_kept_results_give_way_to_requests() -> None:
    """They are evicted before a request is refused, and not before they have to be."""

    async def scene() -> None:
        memory = MemoryBudget(100 * MIB, resident=lambda: 0)
        cache = cache_of(memory)

        async def compute() -> Outputs:
            return {"value": np.zeros(MIB, np.uint8)}

        await cache.result("a", compute, soon())
        memory.take(99 * MIB, Job())
        assert cache.has("a")
        memory.take(MIB, Job())
        assert not cache.has("a")
        assert memory.kept == 0
        with pytest.raises(EngineBusyError):
            memory.take(1, Job())

    asyncio.run(scene())


def test_requests_at_the_same_time_compute_once() -> None:
    """All have the outputs of the first one."""

    async def scene() -> None:
        cache, run = cache_of(MemoryBudget(UNLIMITED)), Run()
        tasks = await asked(cache, run, 5)
        assert cache.has("a")
        run.may_end.set()

        assert [one["value"][0] for one in await asyncio.gather(*tasks)] == [1] * 5
        assert run.begun == 1

    asyncio.run(scene())


def test_an_error_is_that_of_one_request() -> None:
    """The next one computes the outputs, which the others have; nothing of the error is kept."""

    async def scene() -> None:
        cache, run = cache_of(MemoryBudget(UNLIMITED)), Run()
        run.errors.append(ValueError())
        tasks = await asked(cache, run, 4)
        run.may_end.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)

        assert isinstance(found[0], ValueError)
        assert [one["value"][0] for one in found[1:]] == [2] * 3  # type: ignore[index]

    asyncio.run(scene())


def test_a_client_that_leaves_takes_no_result_from_others() -> None:
    """Where the first is cancelled, the next computes; a waiting one leaves alone."""

    async def scene() -> None:
        cache, run = cache_of(MemoryBudget(UNLIMITED)), Run()
        first, second, third, last = await asked(cache, run, 4)
        third.cancel()
        first.cancel()
        await asyncio.wait([first, third])
        run.may_end.set()

        assert [(await one)["value"][0] for one in (second, last)] == [2, 2]
        assert third.cancelled()

    asyncio.run(scene())


def test_each_request_waits_until_its_own_deadline() -> None:
    """One whose time has passed is refused, and the others have the outputs."""

    async def scene() -> None:
        cache, run = cache_of(MemoryBudget(UNLIMITED)), Run()
        (first,) = await asked(cache, run, 1)
        with pytest.raises(DeadlineError):
            await cache.result("a", run.compute, time.monotonic() + 0.01)
        run.may_end.set()

        assert (await first)["value"] == 1

    asyncio.run(scene())


def test_a_run_about_the_weights_alone_is_cached(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second request with the same parameters runs nothing, and is answered as the first.

    So it needs no room for rows.
    """
    engine, runs = app.state.engine, []
    monkeypatch.setattr(engine, "kept", KeptResults(engine.admission.memory))
    run = engine.run

    async def counted(*args: Any, **options: Any) -> Any:
        runs.append(1)
        return await run(*args, **options)

    monkeypatch.setattr(engine, "run", counted)
    path = "/cnn/unit?layer=relu1&channel=1"
    first = client.get(path)
    with engine.admission.analysis(10**9):
        second, other = client.get(path), client.get("/cnn/unit?layer=relu1&channel=2")

    assert first.status_code == 200, first.text
    assert first.content == second.content
    assert other.status_code == 503
    assert len(runs) == 1


@pytest.fixture
def drawn(app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Titles of the figures that are drawn, from an empty cache on."""
    engine, found = app.state.engine, list[str]()
    monkeypatch.setattr(engine, "kept", KeptResults(engine.admission.memory))
    render = encode.render

    def recorded(figure: Any, *arguments: Any) -> bytes:
        found.append(figure.title)
        return render(figure, *arguments)

    monkeypatch.setattr(encode, "render", recorded)
    return found


def test_a_picture_of_the_weights_alone_is_drawn_once(client: TestClient, drawn: list[str]) -> None:
    """Equal requests have equal bytes, with and without the path's ending; others are drawn."""
    path = "/cnn/filters"
    first = client.get(f"{path}.png?layers=conv1")
    same = [
        client.get(one) for one in (f"{path}.png?layers=conv1", f"{path}?layers=conv1&format=png")
    ]

    assert first.status_code == 200, first.text
    assert [one.content for one in same] == [first.content] * 2
    assert len({one.headers["content-length"] for one in (first, *same)}) == 1
    assert len(drawn) == 1
    for other in ("layers=conv1&scale=2", "layers=conv2", "layers=conv1&range=channel"):
        assert client.get(f"{path}.png?{other}").content != first.content
    assert len(drawn) == 4


def test_a_picture_of_an_input_is_drawn_for_each_request(
    client: TestClient, digit_png: bytes, drawn: list[str]
) -> None:
    """Few inputs are sent twice."""
    for _ in range(2):
        client.post("/cnn/predict.png", content=digit_png, headers={"Content-Type": "image/png"})

    assert len(drawn) == 2


def test_pictures_asked_for_at_the_same_time_are_drawn_once(
    app: FastAPI, client: TestClient, drawn: list[str]
) -> None:
    """One request draws, and the others wait for it."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: client.get("/lstm/weights.png"), range(8)))

    assert {one.status_code for one in found} == {200}
    assert len({one.content for one in found}) == 1
    assert len(drawn) == 1


@pytest.mark.parametrize("path", ["/lstm/dynamics", "/findings", "/lstm/weights.svg"])
def test_an_answer_about_the_weights_is_encoded_once(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """A repeated request computes nothing, in any format; another query does."""
    engine, computed = app.state.engine, list[object]()
    monkeypatch.setattr(engine, "kept", KeptResults(engine.admission.memory))
    first = client.get(path)
    assert first.status_code == 200, first.text
    compute = type(engine).compute

    def counted(engine: Any, *arguments: Any, **more: Any) -> Any:
        computed.append(arguments)
        return compute(engine, *arguments, **more)

    monkeypatch.setattr(type(engine), "compute", counted)
    assert client.get(path).content == first.content
    assert not computed
    client.get("/lstm/counter")
    assert computed
