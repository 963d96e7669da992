"""Engine: the resident models, the thread that runs their programs, and the queues before it."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import jax

from api.inference.admission import Admission, InFlightCounter
from api.inference.analysis_compiler import AnalysisCompiler
from api.inference.background_tasks import ended, log_failure
from api.inference.batching import Batch, Queue, Served, results_of
from api.inference.cpu_threads import ANALYSIS_THREADS, CPUThreads
from api.inference.device_memory import in_halves
from api.inference.device_worker import DeviceWorker
from api.inference.errors import (
    DeviceHungError,
    EngineClosedError,
    EngineNotReadyError,
    QueueFullError,
)
from api.inference.jobs import Job
from api.inference.loading import LoadedModels
from api.inference.place import Place
from api.inference.release_times import ReleaseTimes
from api.inference.resident_memory import return_freed_memory
from api.inference.result_cache import ResultCache
from api.inference.workload import Workload
from models.registry import ResidentModel
from models.runtime.programs import Call, Outputs, Run
from models.runtime.resident import ResidentProgram
from probes.declaration import ModelContext
from probes.model_context import model_context

Result = TypeVar("Result")
Observer = Callable[[str, Batch[Call, Outputs]], None]

TRIMMED_EVERY_S = 5.0
"""Seconds between two looks of the engine at whether freed memory is to be returned."""

NOT_STARTED = (
    "the application was not started, so that no model is compiled: its ASGI lifespan has not run. "
    "A mounted application is started by the lifespan of its parent: "
    "`async with app.router.lifespan_context(app): yield`"
)

logger = logging.getLogger("lightwell")


@dataclass
class DeviceTime:
    """Time of one request in the engine's queue and on its device, in seconds."""

    queued_s: float = 0.0
    ran_s: float = 0.0


@dataclass(frozen=True)
class QueueLimits:
    """Limits of the engine's queue of each program.

    Attributes:
        rows: Rows that wait.
        nbytes: Bytes that these rows and their outputs take.
    """

    rows: int
    nbytes: int


class Engine:
    """Engine: resident models, and the queues through which requests run their programs.

    It compiles the programs in the background from `start` on, and runs them until `stop`. It lives
    as long as the application, on one event loop.

    Args:
        loaded: Loaded models, and the networks that could not be loaded.
        limits: Of the queue of each program.
        admission: Limits of all requests together.

    Attributes:
        models: Resident models by name.
        failed: Why a network could not be loaded, by the name of its folder.
        contexts: Each model's context for probes, by name; empty until it is warm.
        queues: Queue of each program, by the names of model and program (`cnn.trace`); empty until
            it is warm.
        observers: Called on the event loop with the program's name and each batch that was run.
        results: Outputs of runs about the weights alone.
        workload: Requests whose time is limited when they are admitted.
        draining: Whether the server will soon close its listener: `/readyz` fails, and requests are
            still answered.
        closed: Whether no more requests are accepted.
        warm_s: Seconds that the warm-up took; None until the engine is warm.
    """

    def __init__(self, loaded: LoadedModels, limits: QueueLimits, admission: Admission) -> None:
        self.models = loaded.models
        self.failed = loaded.failed
        self.contexts: dict[str, ModelContext] = {}
        self.queues: dict[str, Queue[Call, Outputs]] = {}
        self.observers: list[Observer] = []
        self.admission = admission
        self.results = ResultCache()
        self.draining = self.closed = False
        self.warm_s: float | None = None
        self._limits = limits
        self._programs: dict[str, ResidentProgram] = {}
        self._worker = DeviceWorker("device", run_inline=jax.default_backend() == "cpu")
        self._cpu_threads = CPUThreads()
        self.workload = Workload(lambda: self._worker.analysis_share, ANALYSIS_THREADS)
        admission.memory.retry_s = ReleaseTimes(admission.memory, self.workload).retry_s
        self._compiler = AnalysisCompiler(self._serve, admission.memory)
        self._warming: asyncio.Task[None] | None = None
        self._warming_rest: asyncio.Task[None] | None = None
        self._trimming: asyncio.Task[None] | None = None
        self._has_warned = False

    @property
    def ready(self) -> bool:
        """Whether the engine has warm programs of predictions and traces, and no stop has begun."""
        return self.warm_s is not None and not self.draining and not self.closed

    @property
    def programs(self) -> Mapping[str, ResidentProgram]:
        """Compiled programs of the engine, by the names of model and program: `cnn.trace`."""
        return self._programs

    def start(self) -> None:
        """Begin to warm up the engine, on the running event loop."""
        self._warming = asyncio.get_running_loop().create_task(self.warm_up())

    async def warmed(self) -> None:
        """Wait for the end of the engine's warm-up, and raise its exception."""
        await ended(self._warming)

    async def analyses_warmed(self) -> None:
        """Wait for the engine's warm-up of analyses, too, and raise its exception."""
        await self.warmed()
        await ended(self._warming_rest)

    async def warm_up(self) -> None:
        """Warm up the engine: compile and run predictions and traces, then accept requests."""
        began = time.perf_counter()
        await asyncio.gather(*(self.compute(model.compile) for model in self.models.values()))
        for name, model in self.models.items():
            self.contexts[name] = await self.compute(model_context, model)
            for program in model.programs.values():
                self._serve(model, program)
        self._worker.start()
        await self._measure_memory()
        self.warm_s = time.perf_counter() - began
        self._warming_rest = asyncio.get_running_loop().create_task(self._warm_rest())
        self._warming_rest.add_done_callback(log_failure)
        self._trimming = asyncio.get_running_loop().create_task(self._trim_memory())

    async def _warm_rest(self) -> None:
        """Compile larger batches and analyses while the engine already answers requests."""
        with self.admission.memory.compiling():
            await self._compile_rest()
        await self._measure_memory()

    async def _compile_rest(self) -> None:
        """Compile larger batches of the engine's models, and analyses of the shipped ones."""
        # Larger batches first: more requests gain by them than by analyses.
        for model in self.models.values():
            await self._compiler.run(model.compile_larger_buckets)
            for name, program in model.programs.items():
                self._serve_buckets(f"{model.name}.{name}", program)
        # Analyses of the user's own networks are compiled when they are first asked for.
        for model in (one for one in self.models.values() if one.is_shipped):
            for program in tuple(model.programs.values()):
                await self._compiler.run(model.add_parameter_sets, program)
            for declared in model.analyses.values():
                self._serve(model, await self._compiler.run(model.compile_analysis, declared))

    async def _measure_memory(self) -> None:
        """Measure the memory budget that the engine's models leave to requests."""
        await self.compute(return_freed_memory)
        batch = await self.compute(self._largest_batch)
        self.admission.memory.measure(batch)

    def _largest_batch(self) -> int:
        """Return the bytes of the largest batch of the engine's programs, which takes a while."""
        return max((program.batch_bytes for program in [*self._programs.values()]), default=0)

    async def _trim_memory(self) -> None:
        """Return memory that the engine's requests have freed to the system, until cancelled."""
        while True:
            await asyncio.sleep(TRIMMED_EVERY_S)
            await self.compute(self.admission.memory.trim_when_idle)

    def _serve(self, model: ResidentModel, program: ResidentProgram) -> None:
        """Let the engine accept calls of a program from now on."""
        name = f"{model.name}.{program.program.name}"
        self._programs[name] = program
        self.queues[name] = self._queue(name, program)

    def _serve_buckets(self, name: str, program: ResidentProgram) -> None:
        """Let the engine's queue form batches of all sizes for which a program is compiled."""
        self.queues[name].times.sizes = program.buckets

    def _queue(self, name: str, program: ResidentProgram) -> Queue[Call, Outputs]:
        """Create the engine's queue of a program."""

        def observe(batch: Batch[Call, Outputs]) -> None:
            for observer in self.observers:
                observer(name, batch)

        return Queue(
            self._worker,
            in_halves(program),
            sizes=program.buckets,
            max_waiting=self._limits.rows,
            max_bytes=self._limits.nbytes,
            observe=observe,
        )

    def check_ready(self) -> None:
        """Raise an error unless new requests should be sent to this engine.

        Raises:
            EngineClosedError: The server is stopping, or about to.
            EngineNotReadyError: The models are being compiled.
        """
        if self.draining:
            msg = "The server is stopping."
            raise EngineClosedError(msg)
        self.check_open()

    def check_open(self) -> None:
        """Raise an error unless the engine is open: it answers requests.

        Raises:
            EngineClosedError: The engine has stopped.
            EngineNotReadyError: The models are being compiled.
            DeviceHungError: A call of the device hangs.
        """
        if self.closed:
            msg = "The server is stopping."
            raise EngineClosedError(msg)
        if self.warm_s is None:
            self._refuse_cold()
        self.check_alive()

    def _refuse_cold(self) -> None:
        """Refuse a request to an engine that is warming up, or that nothing has started."""
        if self._warming is not None:
            msg = "The models are being compiled."
            raise EngineNotReadyError(msg)
        if not self._has_warned:
            self._has_warned = True
            logger.error(NOT_STARTED)
        msg = f"{NOT_STARTED[0].upper()}{NOT_STARTED[1:]}."
        raise EngineNotReadyError(msg)

    def admit(self) -> InFlightCounter:
        """Admit one request: `with engine.admit():` counts it while it is in flight.

        Raises:
            EngineClosedError, EngineNotReadyError: See `check_open`.
            EngineBusyError: As many requests are in flight as are allowed.
        """
        self.check_open()
        return self.admission.request()

    def place(self) -> Place:
        """Return a place for a request whose body is arriving, to take when it has arrived.

        Raises:
            EngineClosedError, EngineNotReadyError: See `check_open`.
            EngineBusyError: As many requests are in flight as are allowed: the body of one more
                need not be read.
        """
        self.admit()
        return Place(self.admission)

    def check_alive(self) -> None:
        """Raise an error if a call of the engine's device hangs: the process should be restarted.

        Raises:
            DeviceHungError: It has taken longer than any call takes.
        """
        if self._worker.is_hung:
            msg = "A call of the device has not returned."
            raise DeviceHungError(msg)

    async def compute(
        self, function: Callable[..., Result], *args: Any, job: Job | None = None
    ) -> Result:
        """Run a function of CPU work, such as decoding or drawing, in a thread of the engine.

        Args:
            job: Request that it is for; None for work without a deadline.

        Raises:
            DeadlineError: The deadline passed before the function was begun, or within it.
        """
        return await self._cpu_threads.run(job or Job(), function, *args)

    async def run(
        self, model: str, run: Run, job: Job, spent: DeviceTime, checkpoint: str | None = None
    ) -> Outputs:
        """Drive a run through the engine: queue each of its calls, and send it their results.

        Args:
            model: Name of the model whose programs the run calls.
            job: Request that the run is for. Its deadline includes the time that the run computes
                between its calls, which is CPU work.
            spent: The time in queue and on the device is added here.
            checkpoint: Name of the parameter set to run with; None for the served weights.

        Raises:
            QueueFullError: The queue has reached its limit of rows or bytes.
            DeadlineError: The deadline passed.
            EngineNotReadyError: A program is still being compiled.
        """
        results: list[Outputs] | None = None
        while True:
            # Between its calls, an analysis may compute for a while.
            calls = (
                await self.compute(_advance, run, results, job=job)
                if job.is_admitted
                else _advance(run, results)
            )
            if isinstance(calls, dict):
                return calls
            if checkpoint is not None:
                calls = [call._replace(checkpoint=checkpoint) for call in calls]
            served = await self._served(model, calls, job)
            spent.queued_s += served[0].queued_s
            # Calls that ran in one batch have the same time: it counts once.
            spent.ran_s += sum({one.ran_s for one in served})
            results = [one.result for one in served]
            del served

    async def _served(self, model: str, calls: Sequence[Call], job: Job) -> list[Served[Outputs]]:
        """Queue calls of one program in the engine and wait; one error cancels the others."""
        name, owner = f"{model}.{calls[0].program}", self.models[model]
        if name not in self._programs and not owner.is_shipped:
            await self._compiler.compiled(owner, calls[0].program, job.deadline)
        return await results_of(self._enqueue(name, calls, job))

    def _enqueue(
        self, name: str, calls: Sequence[Call], job: Job
    ) -> list["asyncio.Future[Served[Outputs]]"]:
        """Add calls of one program to the engine's queue of it; all of them, or none."""
        program = self._programs.get(name)
        if program is None or not program.has_parameters(calls[0].checkpoint):
            msg = "The programs of this analysis are still being compiled."
            raise EngineNotReadyError(msg)
        queue = self.queues[name]
        waiting: list[asyncio.Future[Served[Outputs]]] = []
        try:
            waiting.extend(queue.enqueue(one, job, program.size(one)) for one in calls)
        # Cancelled calls leave the queue when its next batch is formed.
        except QueueFullError:
            for one in waiting:
                one.cancel()
            raise
        return waiting

    async def stop(self) -> None:
        """Stop the engine: refuse requests, wait for the batch that runs, and end the threads."""
        self.closed = True
        for task in (self._warming, self._warming_rest, self._trimming):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        # Each blocks until its threads have ended, which the event loop must not wait for.
        await self._compiler.stop()
        for stop in (self._worker.stop, self._cpu_threads.stop):
            await asyncio.get_running_loop().run_in_executor(None, stop)


def _advance(run: Run, results: list[Outputs] | None) -> Sequence[Call] | Outputs:
    """Advance an engine's run by the results of its calls; return its next calls, or outputs.

    It empties the list of results: their arrays are freed in its thread, not on the event loop.
    """
    try:
        if results is None:
            return next(run)
        sent, results[:] = results.copy(), []
        return run.send(sent)
    except StopIteration as end:
        outputs: Outputs = end.value
        return outputs
