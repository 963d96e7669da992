"""Gathering of the results of coroutines, of which one error cancels all others."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

Result = TypeVar("Result")


async def gather_or_cancel(tasks: Iterable[Coroutine[Any, Any, Result]]) -> list[Result]:
    """Run coroutines concurrently, results in order; cancel all when one fails.

    Raises:
        Exception: The exception of the first that failed.
    """
    running = [asyncio.ensure_future(task) for task in tasks]
    try:
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
