"""CPU threads: decoding, drawing and encoding in a few threads, in the order of the turns."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Thread
from typing import Any, TypeVar

from api.inference.jobs import Job
from api.inference.turns import AnalysisShare, Turns
from models.runtime.cancellation import cancelled_by
from models.runtime.processors import processors

Result = TypeVar("Result")

ANALYSIS_THREADS = max(min(processors() - 1, 2), 1)
"""CPU threads in which analyses are computed: more would wait for the interpreter's lock.

On two processors a second one takes the lock from the event loop and from batches: more analyses
are computed in a time without it.
"""

THREADS = ANALYSIS_THREADS + 1
"""CPU threads in all: one is left to interactive jobs, which do not wait for the end of others."""


@dataclass(eq=False, slots=True)
class _Task:
    """Task of the CPU threads: a function to call, and the future of its result."""

    job: Job
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    future: "asyncio.Future[Any]"
    loop: asyncio.AbstractEventLoop


class CPUThreads:
    """CPU threads of the engine, with the classes and turns of the device's schedule.

    A task of an interactive job goes first, those of analyses in turns. A task whose job has been
    cancelled, or is past its deadline, never begins; one that runs ends where it checks for that
    (`models.runtime.cancellation`). The threads are started by the first task.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._interactive: deque[_Task] = deque()
        self._analyses: dict[Job, deque[_Task]] = {}
        self._turns, self._share = Turns(), AnalysisShare()
        self._analyses_running = 0
        self._closed = False
        self._threads: list[Thread] = []

    async def run(self, job: Job, function: Callable[..., Result], *arguments: Any) -> Result:
        """Run a function in one of the CPU threads; a cancelled caller cancels the whole job.

        Raises:
            DeadlineError: The deadline passed before the function was begun, or within it.
        """
        loop = asyncio.get_running_loop()
        task = _Task(job, function, arguments, loop.create_future(), loop)
        with self._changed:
            self._start()
            if job.is_analysis:
                self._turns.join(job)
                self._analyses.setdefault(job, deque()).append(task)
            else:
                self._interactive.append(task)
            self._changed.notify()
        try:
            found: Result = await task.future
        except asyncio.CancelledError:
            job.is_cancelled = True
            raise
        finally:
            # An error holds this frame: were it to hold the error, the bytes of a request that
            # failed would stay in memory until the next garbage collection.
            del task
        return found

    def _start(self) -> None:
        """Start the CPU threads with the first task."""
        if self._closed:
            msg = "the CPU threads have ended"
            raise RuntimeError(msg)
        if not self._threads:
            self._threads = [
                Thread(target=self._serve, name=f"worker-{number}", daemon=True)
                for number in range(THREADS)
            ]
            for thread in self._threads:
                thread.start()

    def stop(self) -> None:
        """End the CPU threads; blocks until the tasks that wait are done or cancelled."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        """Run tasks in one of the CPU threads until they are stopped."""
        while (task := self._next()) is not None:
            began, result, error = time.monotonic(), None, None
            try:
                with cancelled_by(task.job.check):
                    task.job.check()
                    result = task.function(*task.arguments)
            except BaseException as raised:
                error = raised
            self._ended(task, time.monotonic() - began)
            task.loop.call_soon_threadsafe(_resolve, task.future, result, error)
            del task, result, error  # not kept until the next task

    def _next(self) -> _Task | None:
        """Wait for the next task of the CPU threads; None when they are stopped."""
        with self._changed:
            while True:
                may_analyse = self._analyses and self._analyses_running < ANALYSIS_THREADS
                if self._interactive and not (may_analyse and self._share.is_due):
                    return self._interactive.popleft()
                if may_analyse:
                    return self._next_analysis()
                if self._closed and not self._analyses:
                    return None
                self._changed.wait()

    def _next_analysis(self) -> _Task:
        """Take the task of the analysis whose turn it is from those of the CPU threads."""
        job = min(self._analyses, key=self._turns.order)
        self._turns.took(job)
        tasks = self._analyses[job]
        task = tasks.popleft()
        if not tasks:
            del self._analyses[job]
        self._analyses_running += 1
        return task

    def _ended(self, task: _Task, seconds: float) -> None:
        """Count the time of a task that one of the CPU threads has run."""
        job = task.job
        job.cpu_s += seconds
        with self._changed:
            if job.is_analysis:
                self._analyses_running -= 1
                self._share.analysis_ran(seconds, others_waited=bool(self._interactive))
            elif self._analyses:
                self._share.interactive_ran(seconds)
            self._changed.notify()


def _resolve(future: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
    """Give the outcome of a task of the CPU threads to its caller, on the event loop."""
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
