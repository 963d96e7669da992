"""Engine: the resident models, the one thread that talks to the device, and who waits for it."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import jax

from api.errors.problem import Problem
from api.inference.batching import Batch, DeviceWorker, Queue, QueueFullError, Served
from models.registry import MODELS, ResidentModel, load
from models.runtime.programs import Call, Outputs, Run
from models.runtime.resident import ResidentProgram
from probes.declaration import ModelContext
from probes.model_context import model_context

Result = TypeVar("Result")
Observer = Callable[[ResidentProgram, Batch[Call, Outputs]], None]

RETRY_AFTER = MappingProxyType({"Retry-After": "1"})


REMEMBERED = 64
"""How many answers' outputs are kept that depend on the weights alone."""

logger = logging.getLogger("lightwell")


@dataclass
class DeviceTime:
    """Where one request's time on the device went, in seconds."""

    queued_s: float = 0.0
    ran_s: float = 0.0


class InFlight:
    """What a request holds while it is worked on.

    Attributes:
        held: How many requests do.
    """

    def __init__(self) -> None:
        self.held = 0

    def __enter__(self) -> None:
        self.held += 1

    def __exit__(self, *_: object) -> None:
        self.held -= 1


class Engine:
    """Holds the models and answers runs. It lives as long as the server.

    Loading is done at once, so that wrong weights stop the start; compiling and warming up go on in
    the background while the server already says that it is alive.

    Args:
        weights: Folder with weights of one's own; None serves the shipped ones.
        queue_rows: Rows that may wait for each program.
        queue_bytes: Bytes that these rows and their outputs may take.
        max_requests: Requests that may be worked on at once; more are refused.
        analysis_rows: Rows that requests which make many may make together.

    Raises:
        CheckpointError: Weights cannot be served.
    """

    def __init__(
        self,
        weights: Path | None,
        queue_rows: int,
        queue_bytes: int,
        max_requests: int,
        analysis_rows: int,
    ) -> None:
        # A call waits for its result anyway: to hand it to another thread only takes time. This has
        # to be said before JAX is first used.
        jax.config.update("jax_cpu_enable_async_dispatch", False)
        self.models: Mapping[str, ResidentModel] = {name: load(name, weights) for name in MODELS}
        self.contexts: dict[str, ModelContext] = {}
        self.queues: dict[str, Queue[Call, Outputs]] = {}
        self.observers: list[Observer] = []
        self.draining = False
        self.warm_s: float | None = None
        self._queue_rows = queue_rows
        self._queue_bytes = queue_bytes
        self._max_requests = max_requests
        self._place = InFlight()
        self._analysis_rows = analysis_rows
        self._claimed_rows = 0
        self._remembered: dict[str, Outputs] = {}
        self._analysing: asyncio.Task[None] | None = None
        self._programs: dict[str, ResidentProgram] = {}
        self._lane = DeviceWorker("device", run_inline=jax.default_backend() == "cpu")
        self._workers = ThreadPoolExecutor(2, thread_name_prefix="worker")
        self._warming: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether every program is compiled and warm, and the server is not stopping."""
        return self.warm_s is not None and not self.draining

    @property
    def in_flight(self) -> int:
        """How many requests are worked on."""
        return self._place.held

    @property
    def programs(self) -> Mapping[str, ResidentProgram]:
        """The compiled programs of all models, by name."""
        return self._programs

    def start(self) -> None:
        """Begin to warm up."""
        self._warming = asyncio.get_running_loop().create_task(self.warm_up())

    async def warmed(self) -> None:
        """Wait until the warm-up has ended; what it raised is raised here."""
        await _ended(self._warming)

    async def analyses_warmed(self) -> None:
        """Wait until also every program that the server is ready without can be asked."""
        await self.warmed()
        await _ended(self._analysing)

    async def warm_up(self) -> None:
        """Compile and run every program once; from then on runs are answered."""
        began = time.perf_counter()
        await asyncio.gather(*(self.compute(model.compile) for model in self.models.values()))
        for name, model in self.models.items():
            self.contexts[name] = await self.compute(model_context, model)
            for program in model.programs.values():
                self._serve(program)
        self._lane.start()
        self.warm_s = time.perf_counter() - began
        self._analysing = asyncio.get_running_loop().create_task(self._warm_rest())
        self._analysing.add_done_callback(_log_failure)

    async def _warm_rest(self) -> None:
        """Compile what can wait while requests are answered: larger batches, analyses."""
        for model in self.models.values():
            await self.compute(model.widen)
            for name, program in model.programs.items():
                self.queues[name].max_batch = program.max_rows
        for model in self.models.values():
            for program in tuple(model.programs.values()):
                await self.compute(model.add_parameter_sets, program)
            for declared in model.analyses:
                self._serve(await self.compute(model.compile_analysis, declared))

    def _serve(self, program: ResidentProgram) -> None:
        """Answer the calls of a program from now on."""
        self._programs[program.program.name] = program
        self.queues[program.program.name] = self._queue(program)

    def _queue(self, program: ResidentProgram) -> Queue[Call, Outputs]:
        """Put a queue before a program."""

        def observe(batch: Batch[Call, Outputs]) -> None:
            for observer in self.observers:
                observer(program, batch)

        return Queue(
            self._lane,
            program,
            max_batch=program.max_rows,
            max_waiting=self._queue_rows,
            max_bytes=self._queue_bytes,
            observe=observe,
        )

    def check_ready(self) -> None:
        """Refuse while there is nothing to answer with.

        Raises:
            Problem: `warming` or `draining`, with `Retry-After`.
        """
        if self.draining:
            raise Problem("draining", "The server is stopping.", headers=RETRY_AFTER)
        if not self.ready:
            raise Problem("warming", "The models are being compiled.", headers=RETRY_AFTER)

    def admit(self) -> InFlight:
        """Let a request in, or refuse it before anything is done for it.

        Raises:
            Problem: `warming`, `draining` or `busy`, with `Retry-After`.
        """
        self.check_ready()
        if self.in_flight >= self._max_requests:
            detail = f"{self._max_requests} requests are being worked on, as many as may be."
            raise Problem("busy", detail, headers=RETRY_AFTER)
        return self._place

    @contextmanager
    def claim(self, rows: int) -> Iterator[None]:
        """Let a request make many rows, or refuse it; one alone may always.

        Raises:
            Problem: `busy`, with `Retry-After`.
        """
        if self._claimed_rows and self._claimed_rows + rows > self._analysis_rows:
            detail = f"Analyses of {self._claimed_rows} rows are being worked on; this one has "
            detail += f"{rows}, and {self._analysis_rows} may be worked on together."
            raise Problem("busy", detail, headers=RETRY_AFTER)
        self._claimed_rows += rows
        try:
            yield
        finally:
            self._claimed_rows -= rows

    def remembered(self, key: str) -> Outputs | None:
        """Return what a run about the weights alone came to, where it was done lately."""
        return self._remembered.get(key)

    def remember(self, key: str, outputs: Outputs) -> None:
        """Keep what a run about the weights alone came to; the oldest is forgotten."""
        self._remembered[key] = outputs
        while len(self._remembered) > REMEMBERED:
            del self._remembered[next(iter(self._remembered))]

    async def compute(self, function: Callable[..., Result], *args: Any) -> Result:
        """Do work for the CPU, such as decoding or drawing, away from the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, function, *args)

    async def run(
        self,
        run: Run,
        deadline: float,
        spent: DeviceTime,
        checkpoint: str | None = None,
        *,
        claimed: bool = False,
    ) -> Outputs:
        """Drive a run to its end: each of its calls waits its turn, with other people's.

        Args:
            deadline: By `time.monotonic`, in seconds, for every call.
            spent: Where the time goes is added here.
            checkpoint: Name of the parameter set to run with; None for the served weights.
            claimed: Whether its rows were let in by `claim`, so that no queue refuses them.

        Raises:
            QueueFullError: Too many rows, or bytes, wait.
            DeadlineError: The deadline passed before the device was reached.
            Problem: `warming`: a program is still being compiled.
        """
        results: list[Outputs] | None = None
        while True:
            # What a run of many rows does between its calls may take a while.
            calls = await self.compute(_go_on, run, results) if claimed else _go_on(run, results)
            if isinstance(calls, dict):
                return calls
            if checkpoint is not None:
                calls = [call._replace(checkpoint=checkpoint) for call in calls]
            waiting = self._enqueue(calls, deadline, claimed=claimed)
            try:
                served = [await one for one in waiting]
            finally:
                for one in waiting:
                    one.cancel()
            spent.queued_s += served[0].queued_s
            spent.ran_s += sum({one.ran_s for one in served})
            results = [one.result for one in served]

    def _enqueue(
        self, calls: Sequence[Call], deadline: float, *, claimed: bool
    ) -> list["asyncio.Future[Served[Outputs]]"]:
        """Let calls of one program wait side by side."""
        name = calls[0].program
        program = self._programs.get(name)
        if program is None or not program.holds(calls[0].checkpoint):
            detail = "The programs of this analysis are still being compiled."
            raise Problem("warming", detail, headers=RETRY_AFTER)
        queue = self.queues[name]
        waiting: list[asyncio.Future[Served[Outputs]]] = []
        try:
            waiting.extend(
                queue.enqueue(one, deadline, program.size(one), admitted=claimed) for one in calls
            )
        except QueueFullError:
            for one in waiting:
                one.cancel()
            raise
        return waiting

    async def stop(self) -> None:
        """Let the device finish what it does, and let go of its threads."""
        self.draining = True
        for task in (self._warming, self._analysing):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        for stop in (self._lane.stop, self._workers.shutdown):
            await asyncio.get_running_loop().run_in_executor(None, stop)


def _go_on(run: Run, results: list[Outputs] | None) -> Sequence[Call] | Outputs:
    """Send a run what its calls gave; return what it asks for next, or at its end what it found."""
    try:
        return next(run) if results is None else run.send(results)
    except StopIteration as end:
        found: Outputs = end.value
        return found


async def _ended(task: "asyncio.Task[None] | None") -> None:
    """Wait until a task has ended; what it raised is raised here."""
    if task is not None:
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


def _log_failure(task: "asyncio.Task[None]") -> None:
    """Say in the log why the programs of analyses cannot be asked."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("the programs of analyses cannot be compiled", exc_info=error)
