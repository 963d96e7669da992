"""Interpreter settings of a process that serves this application and nothing else."""

import asyncio
import contextlib
import gc
import sys
from collections.abc import AsyncIterator

from api.inference.engine import Engine
from api.inference.resident_memory import limit_arenas

GC_THRESHOLD = 5_000
"""Net allocations of the server process between two garbage collections.

A request makes some 700, which is Python's own threshold: it would collect once in each.
"""

SWITCH_INTERVAL_S = 0.0001
"""Switch interval of threads in the server process, in seconds; a fiftieth of Python's own.

It is the longest wait of the device thread for a busy event loop: after each batch, and after the
rows of the next one are joined.
"""


def tune_garbage_collection() -> None:
    """Exclude objects of the server process from garbage collection, and collect less often.

    The libraries' hundreds of thousands of objects live as long as the server: each full
    collection would visit them all.
    """
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    gc.enable()


@contextlib.asynccontextmanager
async def tuned_interpreter(engine: Engine) -> AsyncIterator[None]:
    """Tune the interpreter for an application that another runner serves alone, until its end.

    Args:
        engine: Engine of the application: objects that it makes until it is warm are excluded from
            garbage collection.
    """
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    limit_arenas()
    tuning = asyncio.create_task(_tune_when_warm(engine))
    try:
        yield
    finally:
        tuning.cancel()
        sys.setswitchinterval(interval)
        gc.set_threshold(*threshold)
        gc.unfreeze()


async def _tune_when_warm(engine: Engine) -> None:
    """Tune the interpreter's garbage collection when the engine is warm, and with its analyses."""
    with contextlib.suppress(Exception):  # the engine has logged it
        await engine.warmed()
        tune_garbage_collection()
        await engine.analyses_warmed()
        tune_garbage_collection()
