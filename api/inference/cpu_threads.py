"""CPU threads: decoding, drawing and encoding in a few threads, in the order of the turns."""

import asyncio
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Lock, Thread
from typing import Any, TypeVar

from api.inference.jobs import Job
from api.inference.turns import Turns
from models.runtime.cancellation import cancelled_by
from models.runtime.processors import processors

Result = TypeVar("Result")

INTERACTIVE_THREADS = 2
"""CPU threads for interactive jobs: a large picture does not hold up all others."""

ANALYSIS_THREADS = max(min(processors() - 1, 2), 1)
"""CPU threads in which analyses are computed: more would wait for the interpreter's lock.

On two processors a second one takes the lock from the event loop and from batches: more analyses
are computed in a time without it.
"""

ANALYSIS_NICENESS = 15
"""Niceness of the CPU threads of analyses, where the system has one for threads.

With that of others they keep the event loop from its processor for tens of milliseconds, and end
later themselves, as the event loop hands them their work.
"""


@dataclass(eq=False, slots=True)
class _Task:
    """Task of the CPU threads: a function to call, and the future of its result."""

    job: Job
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    future: "asyncio.Future[Any]"
    loop: asyncio.AbstractEventLoop


class CPUThreads:
    """CPU threads of the engine: some for interactive jobs, others for analyses, in their turns.

    A task whose job has been cancelled, or is past its deadline, never begins; one that runs ends
    where it checks for that (`models.runtime.cancellation`). The threads are started by the first
    task.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._interactive_changed = Condition(self._lock)
        self._analyses_changed = Condition(self._lock)
        self._interactive: deque[_Task] = deque()
        self._analyses: dict[Job, deque[_Task]] = {}
        self._turns = Turns()
        self._closed = False
        self._threads: list[Thread] = []

    async def run(self, job: Job, function: Callable[..., Result], *arguments: Any) -> Result:
        """Run a function in one of the CPU threads; a cancelled caller cancels the whole job.

        Raises:
            DeadlineError: The deadline passed before the function was begun, or within it.
        """
        loop = asyncio.get_running_loop()
        task = _Task(job, function, arguments, loop.create_future(), loop)
        with self._lock:
            self._start()
            if job.is_analysis:
                self._turns.join(job)
                self._analyses.setdefault(job, deque()).append(task)
                self._analyses_changed.notify()
            else:
                self._interactive.append(task)
                self._interactive_changed.notify()
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
        if self._threads:
            return
        kinds = (
            ("worker", self._serve_interactive, INTERACTIVE_THREADS),
            ("analysis", self._serve_analyses, ANALYSIS_THREADS),
        )
        self._threads = [
            Thread(target=serve, name=f"{name}-{number}", daemon=True)
            for name, serve, count in kinds
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the CPU threads; blocks until the tasks that wait are done or cancelled."""
        with self._lock:
            self._closed = True
            self._interactive_changed.notify_all()
            self._analyses_changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _serve_interactive(self) -> None:
        """Run interactive tasks in one of the CPU threads until they are stopped."""
        self._serve(self._next_interactive)

    def _serve_analyses(self) -> None:
        """Run tasks of analyses in one of the CPU threads until they are stopped."""
        if sys.platform == "linux":  # elsewhere it is the niceness of the process
            thread = threading.get_native_id()
            # Less than that of the process would need a privilege.
            niceness = max(ANALYSIS_NICENESS, os.getpriority(os.PRIO_PROCESS, thread))
            os.setpriority(os.PRIO_PROCESS, thread, niceness)
        self._serve(self._next_analysis)

    def _serve(self, next_task: Callable[[], _Task | None]) -> None:
        """Run tasks in one of the CPU threads until they are stopped."""
        while (task := next_task()) is not None:
            began, result, error = time.monotonic(), None, None
            try:
                with cancelled_by(task.job.check):
                    task.job.check()
                    result = task.function(*task.arguments)
            except BaseException as raised:
                error = raised
            task.job.cpu_s += time.monotonic() - began
            task.loop.call_soon_threadsafe(_resolve, task.future, result, error)
            del task, result, error  # not kept until the next task

    def _next_interactive(self) -> _Task | None:
        """Wait for the next interactive task of the CPU threads; None when they are stopped."""
        with self._lock:
            while not self._interactive and not self._closed:
                self._interactive_changed.wait()
            return self._interactive.popleft() if self._interactive else None

    def _next_analysis(self) -> _Task | None:
        """Wait for a task of the analysis whose turn it is; None when the threads are stopped."""
        with self._lock:
            while not self._analyses and not self._closed:
                self._analyses_changed.wait()
            if not self._analyses:
                return None
            job = min(self._analyses, key=self._turns.order)
            self._turns.took(job)
            tasks = self._analyses[job]
            task = tasks.popleft()
            if not tasks:
                del self._analyses[job]
            return task


def _resolve(future: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
    """Give the outcome of a task of the CPU threads to its caller, on the event loop."""
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
