"""What becomes of requests that arrive too slowly, or whose client goes."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from api.errors.problem import Problem
from api.middleware import timeouts
from api.middleware.timeouts import LOOK_S, Patience

LONG_S = 30.0


@pytest.fixture(autouse=True)
def watched_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at once whether anybody still waits."""
    monkeypatch.setattr(timeouts, "UNWATCHED_S", 0.0)


async def never() -> Any:
    """Wait for what does not come."""
    await asyncio.Event().wait()


async def goes() -> dict[str, Any]:
    """Be a client who goes."""
    return {"type": "http.disconnect"}


def run(scene: Callable[[Patience], Coroutine[Any, Any, Any]]) -> Any:
    """Play a scene with a patience of its own, which must have forgotten it at the end."""

    async def play() -> Any:
        looks_after = Patience()
        try:
            return await scene(looks_after)
        finally:
            assert not looks_after._stays

    return asyncio.run(play())


def test_what_does_not_arrive_in_time_is_refused() -> None:
    """The limit is named."""

    async def scene(looks_after: Patience) -> None:
        with looks_after.stay(0.01):
            await never()

    with pytest.raises(Problem, match=r"did not arrive within 0\.01 s") as refused:
        run(scene)
    assert refused.value.kind == "request-timeout"


def test_what_has_arrived_may_take_longer() -> None:
    """The limit is on arriving."""

    async def scene(looks_after: Patience) -> str:
        with looks_after.stay(0.01) as stay:
            stay.arrived(never)
            await asyncio.sleep(5 * LOOK_S)
            return "answered"

    assert run(scene) == "answered"


def test_when_the_client_goes_the_work_is_dropped() -> None:
    """Also where the client had something left to send."""

    async def scene(looks_after: Patience) -> None:
        messages = iter([{"type": "http.request"}, {"type": "http.disconnect"}])

        async def receive() -> dict[str, Any]:
            return next(messages)

        with looks_after.stay(LONG_S) as stay:
            stay.arrived(receive)
            await never()

    with pytest.raises(ClientDisconnect):
        run(scene)


def test_a_cancellation_from_elsewhere_goes_through() -> None:
    """It is not taken for a timeout, nor for a client who has gone."""

    async def waits(looks_after: Patience) -> None:
        with looks_after.stay(LONG_S):
            await never()

    async def scene(looks_after: Patience) -> bool:
        task = asyncio.create_task(waits(looks_after))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return task.cancelled()

    assert run(scene)


def test_a_failure_stays_what_it_was() -> None:
    """Only what is ended here is given another name."""

    async def scene(looks_after: Patience) -> None:
        with looks_after.stay(LONG_S) as stay:
            stay.arrived(goes)
            raise KeyError

    with pytest.raises(KeyError):
        run(scene)


def test_nothing_is_looked_at_where_nothing_goes_on() -> None:
    """The one timer stops with the last request, and starts with the next."""

    async def scene(looks_after: Patience) -> list[bool]:
        with looks_after.stay(LONG_S):
            looking = [looks_after._looking]
        await asyncio.sleep(3 * LOOK_S)
        looking.append(looks_after._looking)
        with looks_after.stay(LONG_S):
            looking.append(looks_after._looking)
        return looking

    assert run(scene) == [True, False, True]
