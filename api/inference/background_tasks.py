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


def log_failure(message: str, task: "asyncio.Task[None]") -> None:
    """Log the exception of a background task that has failed, with a message."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error(message, exc_info=error)
