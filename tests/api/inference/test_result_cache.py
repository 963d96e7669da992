"""Result cache: outputs of the weights alone are computed once, and the oldest evicted."""

import asyncio
import time
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.inference.errors import DeadlineError
from api.inference.result_cache import MAX_RESULTS, ResultCache
from models.runtime.programs import Outputs


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
    tasks = [asyncio.create_task(cache.outputs("a", run.compute, soon())) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


def test_the_oldest_result_is_evicted() -> None:
    """The cache is bounded, and keeps every later result."""

    async def scene() -> None:
        cache, run = ResultCache(), Run()
        run.may_end.set()
        for number in range(MAX_RESULTS + 1):
            await cache.outputs(str(number), run.compute, soon())

        assert [cache.has(name) for name in ("0", "1", "no such key")] == [False, True, False]
        assert run.begun == MAX_RESULTS + 1
        assert (await cache.outputs("1", run.compute, soon()))["value"] == 2

    asyncio.run(scene())


def test_requests_at_the_same_time_compute_once() -> None:
    """All have the outputs of the first one."""

    async def scene() -> None:
        cache, run = ResultCache(), Run()
        tasks = await asked(cache, run, 5)
        assert cache.has("a")
        run.may_end.set()

        assert [one["value"][0] for one in await asyncio.gather(*tasks)] == [1] * 5
        assert run.begun == 1

    asyncio.run(scene())


def test_an_error_is_that_of_one_request() -> None:
    """The next one computes the outputs, which the others have; nothing of the error is kept."""

    async def scene() -> None:
        cache, run = ResultCache(), Run()
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
        cache, run = ResultCache(), Run()
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
        cache, run = ResultCache(), Run()
        (first,) = await asked(cache, run, 1)
        with pytest.raises(DeadlineError):
            await cache.outputs("a", run.compute, time.monotonic() + 0.01)
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
    monkeypatch.setattr(engine, "results", ResultCache())
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
