"""Gathering of the results of coroutines, of which one error cancels all others."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

STARTED_AT_ONCE = 8
"""Coroutines whose gathering begins in one iteration of the event loop, in some 2 ms."""

Result = TypeVar("Result")


async def gather_or_cancel(tasks: Iterable[Coroutine[Any, Any, Result]]) -> list[Result]:
    """Run coroutines concurrently, results in order; cancel all when one fails.

    Raises:
        Exception: The exception of the first that failed.
    """
    running: list[asyncio.Task[Result]] = []
    try:
        for number, task in enumerate(tasks, 1):
            running.append(asyncio.ensure_future(task))
            if number % STARTED_AT_ONCE == 0:
                await asyncio.sleep(0)
        return await asyncio.gather(*running)
    except BaseException:
        await _cancelled(running)
        # The error holds this frame: were it to hold the error, the arrays of all inputs would stay
        # in memory until the next garbage collection. In asyncio.TaskGroup they do.
        running.clear()
        raise


async def _cancelled(running: list["asyncio.Task[Result]"]) -> None:
    """Cancel gathered tasks, and wait for their end."""
    for one in running:
        one.cancel()
    await asyncio.wait(running)
