"""Background tasks of the engine: waiting for their end, and the log of their failure."""

import asyncio
import logging

logger = logging.getLogger("lightwell")


async def ended(task: "asyncio.Task[None] | None") -> None:
    """Wait for a warm-up task of the engine, and raise its exception."""
    if task is not None:
        # Not `await task`, which would cancel the warm-up together with a caller.
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


def log_failure(task: "asyncio.Task[None]") -> None:
    """Log why the engine's warm-up could not compile the programs of analyses."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("the programs of analyses could not be compiled", exc_info=error)
