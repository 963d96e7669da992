"""Compiler of analyses: one thread, on which programs are compiled when first asked for."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from api.inference.background_tasks import log_failure
from api.inference.errors import CompilationDeadlineError
from api.inference.memory_budget import MemoryBudget
from api.inference.resident_memory import return_freed_memory
from api.inference.served_model import ServedModel

Result = TypeVar("Result")


class AnalysisCompiler:
    """Compiler of the engine's analyses. It lives as long as the engine, on its event loop.

    Args:
        memory: Budget that has a reserve while programs are compiled, and less room afterwards.
    """

    def __init__(self, memory: MemoryBudget) -> None:
        self._memory = memory
        # Its own thread: compilations take seconds, for which decoding and drawing do not wait.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="compiler")
        self._wanted: dict[tuple[ServedModel, str], asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, function: Callable[..., Result], *args: Any) -> Result:
        """Run a function that compiles programs in the compiler's thread."""
        loop = asyncio.get_running_loop()
        with self._memory.compiling():
            found = await loop.run_in_executor(self._thread, function, *args)
            await loop.run_in_executor(self._thread, return_freed_memory)
            self._memory.measure()
        return found

    async def run_alone(self, function: Callable[..., Result], *args: Any) -> Result:
        """Run a function in the compiler's thread when no analysis waits for its compilation."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))
        return await self.run(function, *args)

    async def compiled(self, served: ServedModel, program: str, deadline: float) -> None:
        """Compile an analysis, or add parameter sets, and wait until the program can be called.

        Requests that need the same program wait for one compilation.

        Args:
            deadline: End of the wait by `time.monotonic`, in seconds.

        Raises:
            CompilationDeadlineError: It takes longer.
        """
        key = served, program
        if key not in self._wanted:
            self._wanted[key] = self._start(self._compile(served, program))
        # Other requests wait for the compilation too: it goes on when one of them gives up.
        waited = asyncio.shield(self._wanted[key])
        try:
            await asyncio.wait_for(waited, deadline - time.monotonic())
        except TimeoutError as error:
            msg = f"The program {program} of {served.name} is still being compiled."
            raise CompilationDeadlineError(msg) from error

    def _start(self, compilation: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Start a task of the compiler, which is kept until it ends."""
        task = asyncio.get_running_loop().create_task(compilation)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(partial(log_failure, "an analysis could not be compiled"))
        return task

    async def _compile(self, served: ServedModel, name: str) -> None:
        """Compile one analysis, with all parameter sets of its model; a core program has them too.

        It can be called as soon as its largest batch size is compiled, which holds any rows.
        """
        model = served.model
        try:
            for core in tuple(model.programs.values()):
                await self.run(model.add_parameter_sets, core)
            if name in served.queues:
                return
            program = model.analyses[name]
            *smaller, largest = model.buckets(program)
            resident = await self.run(model.compile_analysis, program, (largest,))
            served.serve(resident)
        finally:
            del self._wanted[served, name]
        if smaller:
            self._start(self.run(model.add_buckets, program, smaller))

    async def stop(self) -> None:
        """Stop the compiler: cancel its tasks, and wait for the compilation that runs."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # It blocks until the thread has ended, which the event loop must not wait for.
        await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)
