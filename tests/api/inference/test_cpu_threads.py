"""CPU threads: interactive work goes first, and work that is not waited for stops."""

import asyncio
import contextlib
import gc
import os
import sys
import threading
import time
import weakref

import pytest

from api.inference.cpu_threads import ANALYSIS_NICENESS, ANALYSIS_THREADS, CPUThreads
from api.inference.errors import DeadlineError
from api.inference.jobs import Job
from models.runtime.cancellation import raise_if_cancelled


def endless(begun: threading.Event, ended: threading.Event) -> None:
    """Compute without end, until the computation is cancelled."""
    begun.set()
    try:
        while True:
            raise_if_cancelled()
            time.sleep(0.001)
    finally:
        ended.set()


def analysis(deadline_s: float = 60.0) -> Job:
    """Create the job of an analysis."""
    return Job(deadline=time.monotonic() + deadline_s, is_analysis=True)


async def in_thread(event: threading.Event) -> None:
    """Wait for an event of a thread."""
    assert await asyncio.get_running_loop().run_in_executor(None, event.wait, 5)


def test_a_cancelled_caller_stops_its_work() -> None:
    """A client that disconnects frees the thread."""

    async def scene() -> None:
        threads, begun, ended = CPUThreads(), threading.Event(), threading.Event()
        task = asyncio.ensure_future(threads.run(analysis(), endless, begun, ended))
        await in_thread(begun)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await in_thread(ended)
        threads.stop()

    asyncio.run(scene())


class Content:
    """Argument of a task whose life can be observed."""


def fail(_: Content) -> None:
    """Raise the error of a task."""
    raise ValueError


def test_a_failed_task_leaves_nothing_in_memory() -> None:
    """Its arguments are freed with its error, before any garbage collection."""

    async def scene() -> weakref.ref[Content]:
        threads, content = CPUThreads(), Content()
        found = weakref.ref(content)
        with contextlib.suppress(ValueError):
            await threads.run(Job(), fail, content)
        del content
        threads.stop()
        return found

    gc.disable()
    try:
        assert asyncio.run(scene())() is None
    finally:
        gc.enable()


def test_work_ends_at_its_deadline_and_does_not_begin_after_it() -> None:
    """Computation is stopped where it checks, and a task that waits too long is not called."""

    async def scene() -> None:
        threads, called = CPUThreads(), []
        events = threading.Event(), threading.Event()
        with pytest.raises(DeadlineError):
            await threads.run(analysis(0.02), endless, *events)
        with pytest.raises(DeadlineError):
            await threads.run(analysis(-1.0), called.append, 1)
        assert called == []
        threads.stop()

    asyncio.run(scene())


def test_interactive_work_does_not_wait_for_analyses() -> None:
    """A thread is left to it while analyses occupy all that they may."""

    async def scene() -> None:
        threads, ended = CPUThreads(), threading.Event()
        begun = [threading.Event() for _ in range(ANALYSIS_THREADS + 1)]
        tasks = [
            asyncio.ensure_future(threads.run(analysis(), endless, one, ended)) for one in begun
        ]
        for one in begun[:-1]:
            await in_thread(one)
        async with asyncio.timeout(5):
            assert await threads.run(Job(), lambda: 7) == 7
        assert not begun[-1].is_set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        threads.stop()

    asyncio.run(scene())


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no niceness of their own")
def test_analyses_have_a_lower_priority_than_interactive_work() -> None:
    """The thread of an analysis is nicer; that of an interactive job is as the process."""

    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    async def scene() -> None:
        threads = CPUThreads()
        own = niceness()
        assert await threads.run(Job(), niceness) == own
        assert await threads.run(analysis(), niceness) == max(own, ANALYSIS_NICENESS)
        threads.stop()

    asyncio.run(scene())
