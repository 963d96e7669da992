"""Request timeout: requests whose body is late, or whose client has disconnected."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from api.errors.problem import Problem
from api.middleware import timeouts
from api.middleware.timeouts import RequestTimeout

LONG_S = 30.0


@pytest.fixture(autouse=True)
def watched_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watch the connection as soon as the body has arrived."""
    monkeypatch.setattr(timeouts, "UNWATCHED_S", 0.0)


async def never() -> Any:
    """Wait for a message that does not come."""
    await asyncio.Event().wait()


async def disconnected() -> dict[str, Any]:
    """Receive the message of a closed connection."""
    return {"type": "http.disconnect"}


def run(scene: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run a scene, after which no task may be left."""

    async def play() -> Any:
        try:
            return await scene()
        finally:
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}

    return asyncio.run(play())


def test_a_body_that_does_not_arrive_in_time_is_refused() -> None:
    """With 408, the limit, and the end of the connection."""

    async def scene() -> None:
        with RequestTimeout(0.01):
            await never()

    with pytest.raises(Problem, match=r"did not arrive within 0\.01 s") as refused:
        run(scene)
    assert refused.value.kind == "request-timeout"
    assert refused.value.headers == {"Connection": "close"}


def test_a_request_is_cancelled_after_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 504, and whatever it waits for."""
    monkeypatch.setattr(timeouts, "GRACE_S", 0.0)

    async def scene() -> None:
        with RequestTimeout(LONG_S) as timeout:
            timeout.body_received(never, time.monotonic() + 0.01)
            await never()

    with pytest.raises(Problem) as refused:
        run(scene)
    assert (refused.value.kind, refused.value.status) == ("deadline", 504)


def test_bytes_that_arrive_prolong_the_time_of_a_body() -> None:
    """By a second for each 64 KiB: it is not late while it arrives at that rate."""

    async def scene() -> None:
        with RequestTimeout(0.01) as timeout:
            timeout.add(6554)
            await asyncio.sleep(0.05)
            await never()

    with pytest.raises(Problem, match=r"did not arrive within 0\.11\d* s"):
        run(scene)


def test_a_request_that_has_arrived_may_take_longer() -> None:
    """The limit is on its body."""

    async def scene() -> str:
        with RequestTimeout(0.01) as timeout:
            timeout.body_received(never, time.monotonic() + LONG_S)
            await asyncio.sleep(0.1)
            return "answered"

    assert run(scene) == "answered"


def test_when_the_client_disconnects_the_work_is_cancelled() -> None:
    """Also where the client had something left to send."""

    async def scene() -> None:
        messages = iter([{"type": "http.request"}, {"type": "http.disconnect"}])

        async def receive() -> dict[str, Any]:
            return next(messages)

        with RequestTimeout(LONG_S) as timeout:
            timeout.body_received(receive, time.monotonic() + LONG_S)
            await never()

    with pytest.raises(ClientDisconnect):
        run(scene)


@pytest.mark.parametrize("arrives", [True, False])
def test_a_cancellation_from_elsewhere_goes_through(arrives: bool) -> None:
    """It is taken neither for a timeout nor for a disconnect."""

    async def waits() -> None:
        with RequestTimeout(LONG_S) as timeout:
            if arrives:
                timeout.body_received(never, time.monotonic() + LONG_S)
            await never()

    async def scene() -> bool:
        task = asyncio.create_task(waits())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return task.cancelled()

    assert run(scene)


def test_two_cancellations_at_once_are_one_from_elsewhere() -> None:
    """Where the timeout and another end the task together, it stays cancelled."""

    async def waits() -> None:
        with RequestTimeout(0.0):
            await never()

    async def scene() -> bool:
        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(task.cancel)
        with pytest.raises((asyncio.CancelledError, Problem)) as raised:
            await task
        return raised.type is asyncio.CancelledError

    assert run(scene)


def test_an_exception_stays_what_it_was() -> None:
    """Only a cancellation of the timeout's own is translated."""

    async def scene() -> None:
        with RequestTimeout(LONG_S) as timeout:
            timeout.body_received(disconnected, time.monotonic() + LONG_S)
            raise KeyError

    with pytest.raises(KeyError):
        run(scene)


def test_nothing_is_watched_once_a_request_is_answered() -> None:
    """Neither its body nor its connection ends a task that goes on to something else."""

    async def scene() -> str:
        with RequestTimeout(0.01):
            pass
        with RequestTimeout(LONG_S) as timeout:
            timeout.body_received(disconnected, time.monotonic() + LONG_S)
        await asyncio.sleep(0.05)
        return "went on"

    assert run(scene) == "went on"
