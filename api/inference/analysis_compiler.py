"""Compiler of analyses: one thread, on which programs are compiled when first asked for."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from api.inference.errors import CompilationDeadlineError
from api.inference.memory_budget import MemoryBudget
from api.inference.resident_memory import return_freed_memory
from models.registry import ResidentModel
from models.runtime.resident import ResidentProgram

Result = TypeVar("Result")

logger = logging.getLogger("lightwell")


class AnalysisCompiler:
    """Compiler of the engine's analyses. It lives as long as the engine, on its event loop.

    Args:
        serve: Lets the engine accept calls of a compiled program.
        memory: Budget that has a reserve while programs are compiled, and less room afterwards.
    """

    def __init__(
        self, serve: Callable[[ResidentModel, ResidentProgram], None], memory: MemoryBudget
    ) -> None:
        self._serve, self._memory = serve, memory
        # Its own thread: compilations take seconds, for which decoding and drawing do not wait.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="compiler")
        self._wanted: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, function: Callable[..., Result], *args: Any) -> Result:
        """Run a function that compiles programs in the compiler's thread."""
        loop = asyncio.get_running_loop()
        with self._memory.compiling():
            found = await loop.run_in_executor(self._thread, function, *args)
            await loop.run_in_executor(self._thread, return_freed_memory)
            self._memory.measure()
        return found

    async def compiled(self, model: ResidentModel, program: str, deadline: float) -> None:
        """Compile an analysis that is not compiled, and wait until it can be called.

        Requests that need the same program wait for one compilation.

        Args:
            deadline: End of the wait by `time.monotonic`, in seconds.

        Raises:
            CompilationDeadlineError: It takes longer.
        """
        key = model.name, program
        if key not in self._wanted:
            self._wanted[key] = self._start(self._compile(model, program))
        # Other requests wait for the compilation too: it goes on when one of them gives up.
        waited = asyncio.shield(self._wanted[key])
        try:
            await asyncio.wait_for(waited, deadline - time.monotonic())
        except TimeoutError as error:
            msg = f"The program {program} of {model.name} is still being compiled."
            raise CompilationDeadlineError(msg) from error

    def _start(self, compilation: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Start a task of the compiler, which is kept until it ends."""
        task = asyncio.get_running_loop().create_task(compilation)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_log_failure)
        return task

    async def _compile(self, model: ResidentModel, name: str) -> None:
        """Compile one analysis, with all parameter sets of its model.

        It can be called as soon as its largest batch size is compiled, which holds any rows.
        """
        try:
            program = model.analyses[name]
            *smaller, largest = model.buckets(program)
            for core in tuple(model.programs.values()):
                await self.run(model.add_parameter_sets, core)
            resident = await self.run(model.compile_analysis, program, (largest,))
            self._serve(model, resident)
        finally:
            del self._wanted[model.name, name]
        if smaller:
            self._start(self.run(model.add_buckets, program, smaller))

    async def stop(self) -> None:
        """Stop the compiler: cancel its tasks, and wait for the compilation that runs."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # It blocks until the thread has ended, which the event loop must not wait for.
        await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)


def _log_failure(task: "asyncio.Task[None]") -> None:
    """Log why the compiler could not compile a program."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("an analysis could not be compiled", exc_info=error)
