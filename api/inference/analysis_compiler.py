"""Compiler of analyses: one thread, on which programs that a request waits for go first."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from api.inference.background_tasks import log_failure
from api.inference.errors import CompilationDeadlineError
from api.inference.memory_budget import MemoryBudget
from api.inference.resident_memory import return_freed_memory
from api.inference.served_model import ServedModel
from models.registry import ResidentModel

Result = TypeVar("Result")


class AnalysisCompiler:
    """Compiler of the engine's analyses. It lives as long as the engine, on its event loop.

    Programs that requests wait for are compiled in the order in which they were first asked for;
    all others, one at a time, while no request waits.

    Args:
        memory: Budget that has a reserve while programs are compiled, and less room afterwards.
    """

    def __init__(self, memory: MemoryBudget) -> None:
        self._memory = memory
        # Its own thread: compilations take seconds, for which decoding and drawing do not wait.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="compiler")
        self._wanted: dict[tuple[ServedModel, str], asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        # At most one step that no request waits for is in the thread, where it cannot be overtaken.
        self._unasked = asyncio.Lock()

    async def run(self, function: Callable[..., Result], *args: Any) -> Result:
        """Run a function that compiles programs in the compiler's thread."""
        loop = asyncio.get_running_loop()
        with self._memory.compiling():
            found = await loop.run_in_executor(self._thread, function, *args)
            await loop.run_in_executor(self._thread, return_freed_memory)
            self._memory.measure()
        return found

    async def run_unasked(self, function: Callable[..., Result], *args: Any) -> Result:
        """Run a function in the compiler's thread while no request waits for a compilation."""
        async with self._unasked:
            await self._until_none_waits()
            return await self.run(function, *args)

    async def run_alone(self, function: Callable[..., Result], *args: Any) -> Result:
        """Run a function in the compiler's thread when nothing else is to be compiled."""
        await self.settled()
        return await self.run(function, *args)

    async def settled(self) -> None:
        """Wait until the compiler has no program left that was asked for or begun."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))

    async def compiled(self, served: ServedModel, program: str, deadline: float) -> None:
        """Compile an analysis, or add parameter sets, and wait until the program can be called.

        Requests that need the same program wait for one compilation.

        Args:
            deadline: End of the wait by `time.monotonic`, in seconds.

        Raises:
            CompilationDeadlineError: It takes longer.
        """
        # Other requests wait for the compilation too: it goes on when one of them gives up.
        waited = asyncio.shield(self._compilation(served, program))
        try:
            await asyncio.wait_for(waited, deadline - time.monotonic())
        except TimeoutError as error:
            msg = f"The program {program} of {served.name} is still being compiled."
            raise CompilationDeadlineError(msg) from error

    async def compile_unasked(self, served: ServedModel, program: str) -> None:
        """Compile an analysis while no request waits for another one, unless it is compiled."""
        async with self._unasked:
            await self._until_none_waits()
            if program not in served.queues:
                await asyncio.shield(self._compilation(served, program))

    def _compilation(self, served: ServedModel, program: str) -> "asyncio.Task[None]":
        """Return the task of the compiler that compiles a program; it is begun where there is none.

        The event loop has run the first step of each task before that of the next one, so that the
        compiler's thread has them in the order in which they were asked for.
        """
        key = served, program
        if key not in self._wanted:
            self._wanted[key] = self._start(self._compile(served, program))
        return self._wanted[key]

    async def _until_none_waits(self) -> None:
        """Wait until the compiler has compiled all programs that requests wait for."""
        while self._wanted:
            await asyncio.wait(tuple(self._wanted.values()))

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
            is_analysis = name not in served.queues
            buckets = model.buckets(model.analyses[name]) if is_analysis else ()
            await self.run(_compile_largest, model, name, buckets[-1:])
            if is_analysis:
                served.serve(model.programs[name])
        finally:
            del self._wanted[served, name]
        if smaller := buckets[:-1]:
            self._start(self._add_buckets(served, name, smaller))

    async def _add_buckets(self, served: ServedModel, name: str, buckets: Sequence[int]) -> None:
        """Compile smaller batch sizes of an analysis, and let its queue form such batches."""
        model = served.model
        await self.run_unasked(model.add_buckets, model.analyses[name], buckets)
        served.serve_buckets()

    async def stop(self) -> None:
        """Stop the compiler: cancel its tasks, and wait for the compilation that runs."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # It blocks until the thread has ended, which the event loop must not wait for.
        await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)


def _compile_largest(model: ResidentModel, name: str, largest: Sequence[int]) -> None:
    """Add parameter sets to a model's programs, and compile the largest batch size of an analysis.

    Args:
        largest: The batch size; empty for a program that is compiled.
    """
    for program in tuple(model.programs.values()):
        model.add_parameter_sets(program)
    if largest:
        model.compile_analysis(model.analyses[name], largest)
