"""Engine: the resident models, the thread that runs their programs, and the queues before it."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import jax

from api.inference.admission import Admission, InFlightCounter
from api.inference.analysis_compiler import AnalysisCompiler
from api.inference.background_tasks import ended, log_failure
from api.inference.batching import Served, results_of
from api.inference.cpu_threads import ANALYSIS_THREADS, CPUThreads
from api.inference.device_time import DeviceTime
from api.inference.device_worker import DeviceWorker
from api.inference.errors import DeviceHungError, EngineClosedError, EngineNotReadyError
from api.inference.jobs import Job
from api.inference.loading import LoadedModels
from api.inference.place import Place
from api.inference.program_queues import Observer, ProgramQueue, QueueFactory, QueueLimits
from api.inference.release_times import ReleaseTimes
from api.inference.reloading import Reloaded, Reloader
from api.inference.resident_memory import return_freed_memory
from api.inference.result_cache import KeptResults
from api.inference.served_model import ServedModel
from api.inference.served_models import ServedModels
from api.inference.workload import Workload
from models.registry import ResidentModel
from models.runtime.checkpoints import CheckpointError
from models.runtime.programs import Call, Outputs, Run
from models.runtime.resident import ResidentProgram

Result = TypeVar("Result")

TRIMMED_EVERY_S = 5.0
"""Seconds between two looks of the engine at whether freed memory is to be returned."""

NOT_STARTED = (
    "the application was not started, so that no model is compiled: its ASGI lifespan has not run. "
    "A mounted application is started by the lifespan of its parent: "
    "`async with app.router.lifespan_context(app): yield`"
)

logger = logging.getLogger("lightwell")


class Engine:
    """Engine: resident models, and the queues through which requests run their programs.

    It compiles the programs in the background from `start` on, and runs them until `stop`. It lives
    as long as the application, on one event loop.

    Args:
        loaded: Loaded models, and the networks that could not be loaded.
        limits: Of the queue of each program.
        admission: Limits of all requests together.

    Attributes:
        served: Served models by name. A request looks its model up once: `reload` replaces entries.
        fault: Why the engine cannot get ready; empty without a reason.
        kept: Outputs of runs, and encoded answers, about the weights alone.
        workload: Requests whose time is limited when they are admitted.
        draining: Whether the server will soon close its listener: `/readyz` fails, and requests are
            still answered.
        closed: Whether no more requests are accepted.
        warm_s: Seconds that the warm-up took; None until the engine is warm.
    """

    def __init__(self, loaded: LoadedModels, limits: QueueLimits, admission: Admission) -> None:
        self.fault = ""
        self.admission = admission
        self.kept = KeptResults(admission.memory)
        self.draining = self.closed = False
        self.warm_s: float | None = None
        self._worker = DeviceWorker("device", run_inline=jax.default_backend() == "cpu")
        self._queues = QueueFactory(self._worker, limits)
        self.served = ServedModels(loaded, self._queues)
        self._cpu_threads = CPUThreads()
        self.workload = Workload(lambda: self._worker.analysis_share, ANALYSIS_THREADS)
        admission.memory.retry_s = ReleaseTimes(admission.memory, self.workload).retry_s
        self._compiler = AnalysisCompiler(admission.memory)
        self._reloader = Reloader(
            loaded.sources, self.served, self._queues, self._compiler, self._cpu_threads
        )
        self._warming: asyncio.Task[None] | None = None
        self._warming_rest: asyncio.Task[None] | None = None
        self._trimming: asyncio.Task[None] | None = None
        self._has_warned = False

    @property
    def ready(self) -> bool:
        """Whether the engine has warm programs of predictions and traces, and no stop has begun."""
        return self.warm_s is not None and not self.draining and not self.closed

    @property
    def failed(self) -> Mapping[str, str]:
        """Why the engine does not serve a network, by its name or that of its folder."""
        return self.served.failed

    @property
    def refused(self) -> Mapping[str, str]:
        """Why the engine's last `reload` did not serve the files of a model, by its name."""
        return self._reloader.refused

    @property
    def observers(self) -> list[Observer]:
        """Functions that the engine calls with a program's name and each batch that was run."""
        return self._queues.observers

    @property
    def models(self) -> Mapping[str, ResidentModel]:
        """Resident models of the engine by name, as they are now."""
        return self.served.models

    @property
    def queues(self) -> Mapping[str, ProgramQueue]:
        """Queues of the engine by the names of model and program (`cnn.trace`), as they are now."""
        return self.served.queues

    @property
    def programs(self) -> Mapping[str, ResidentProgram]:
        """Programs of the engine that have a queue, by the names of model and program."""
        return self.served.programs

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

    async def reload(self) -> Reloaded:
        """Load the user's files again; serve those that have changed from the next request on.

        Requests that have begun end with the old weights. Files that are damaged, or of another
        declaration, are refused and logged, and the old weights stay. A call waits for those
        before it, and for the programs that the engine still compiles.

        Raises:
            EngineClosedError: The server is stopping, or about to.
            EngineNotReadyError: The engine was not started, or its warm-up has failed.
        """
        return await self._reloader.reload(self._settled)

    def request_reload(self) -> None:
        """Begin to `reload` the models on the running event loop; the log has the outcome."""
        self._reloader.request(self._settled)

    async def _settled(self) -> None:
        """Wait until all programs of the engine's warm-up are compiled, or have failed to be."""
        if self._warming is not None:
            await asyncio.wait([self._warming])
        if self._warming_rest is not None:
            await asyncio.wait([self._warming_rest])
        self.check_ready()

    async def warm_up(self) -> None:
        """Warm up the engine: compile and run predictions and traces, then accept requests."""
        began = time.perf_counter()
        await asyncio.gather(*(self.compute(model.compile) for model in self.models.values()))
        for served in tuple(self.served.values()):
            await self._try(served)
        self._worker.start()
        await self._measure_memory()
        self.warm_s = time.perf_counter() - began
        self._warming_rest = asyncio.get_running_loop().create_task(self._warm_rest())
        self._warming_rest.add_done_callback(
            partial(log_failure, "the programs of analyses could not be compiled")
        )
        self._trimming = asyncio.get_running_loop().create_task(self._trim_memory())

    async def _try(self, served: ServedModel) -> None:
        """Let the engine serve a model whose weights compute finite values.

        Raises:
            CheckpointError: They do not, and the engine cannot do without the model.
        """
        try:
            await self.compute(served.measure)
        except CheckpointError as error:
            if not self.served.leave_out(served.name, str(error)):
                self.fault = str(error)
                raise
            return
        for program in served.model.programs.values():
            served.serve(program)

    async def _warm_rest(self) -> None:
        """Compile larger batches and analyses while the engine already answers requests."""
        with self.admission.memory.compiling():
            await self._compile_rest()
        await self._measure_memory()

    async def _compile_rest(self) -> None:
        """Compile larger batches of the engine's models, and analyses of the shipped ones."""
        # Larger batches first: more requests gain by them than by analyses. One program at a time:
        # an analysis that is asked for meanwhile waits for one.
        for served in self.served.values():
            model = served.model
            for program in model.declared:
                add = model.add_buckets, program, model.larger_buckets
                await self._compiler.run_unasked(*add)
                served.serve_buckets()
        # Analyses of the user's own networks are compiled when they are first asked for.
        for served in (one for one in self.served.values() if one.model.is_shipped):
            for name in served.model.analyses:
                await self._compiler.compile_unasked(served, name)
        await self._compiler.settled()

    async def _measure_memory(self) -> None:
        """Measure the memory budget that the engine's models leave to requests."""
        await self.compute(return_freed_memory)
        batch = await self.compute(_largest_batch, tuple(self.programs.values()))
        self.admission.memory.measure(batch)

    async def _trim_memory(self) -> None:
        """Return memory that the engine's requests have freed to the system, until cancelled."""
        while True:
            await asyncio.sleep(TRIMMED_EVERY_S)
            if self.admission.memory.is_idle():
                await self.compute(self.admission.memory.trim)
            if self._reloader.take_freed():
                await self._measure_memory()

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
            msg = f"{self.fault or 'The models are being compiled'}."
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
        self,
        model: ServedModel,
        run: Run,
        job: Job,
        spent: DeviceTime,
        checkpoint: str | None = None,
    ) -> Outputs:
        """Drive a run through the engine: queue each of its calls, and send it their results.

        Args:
            model: Served model whose programs the run calls.
            job: Request that the run is for. Its deadline includes the time that the run computes
                between its calls, which is CPU work.
            spent: The time in queue and on the device is added here.
            checkpoint: Name of the parameter set to run with; None for the served weights.

        Raises:
            QueueFullError: The queue has reached its limit of rows or bytes.
            DeadlineError: The deadline passed.
            CompilationDeadlineError: It passed while a program was compiled.
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
            found = await self._call(model, calls, job)
            spent.queued_s += found[0].queued_s
            # Calls that ran in one batch have the same time: it counts once.
            spent.ran_s += sum({one.ran_s for one in found})
            results = [one.result for one in found]
            del found

    async def _call(
        self, model: ServedModel, calls: Sequence[Call], job: Job
    ) -> list[Served[Outputs]]:
        """Queue calls of one program in the engine and wait; one error cancels the others."""
        try:
            waiting = model.enqueue(calls, job)
        except EngineNotReadyError:
            with job.waiting_for_compilation():
                await self._compiler.compiled(model, calls[0].program, job.deadline)
            waiting = model.enqueue(calls, job)
        return await results_of(waiting)

    async def stop(self) -> None:
        """Stop the engine: refuse requests, wait for the batch that runs, and end the threads."""
        self.closed = True
        await self._reloader.stop()
        for task in (self._warming, self._warming_rest, self._trimming):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        # Each blocks until its threads have ended, which the event loop must not wait for.
        await self._compiler.stop()
        for stop in (self._worker.stop, self._cpu_threads.stop):
            await asyncio.get_running_loop().run_in_executor(None, stop)


def _largest_batch(programs: Sequence[ResidentProgram]) -> int:
    """Return the bytes of the largest batch of the engine's programs, which takes a while."""
    return max((program.batch_bytes for program in programs), default=0)


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
