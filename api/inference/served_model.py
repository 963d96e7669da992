"""Served model: a resident model as requests see it, with the queues of its programs."""

import asyncio
from collections.abc import Sequence

from api.inference.batching import Served
from api.inference.errors import EngineNotReadyError, QueueFullError
from api.inference.jobs import Job
from api.inference.program_queues import ProgramQueue, QueueFactory
from models.canary import check_canary
from models.registry import ResidentModel
from models.runtime.programs import Call, Outputs
from models.runtime.resident import ResidentProgram
from probes.declaration import ModelContext
from probes.model_context import model_context


class ServedModel:
    """Served model: one version of the weights, and all that computes with them. Of one event loop.

    A request looks its model up once, in `Engine.served`, and keeps it until its end: so every call
    of a run, the digest and the ETag are of the same weights, also where the engine has replaced
    them meanwhile. A replaced model is freed with the last request that keeps it.

    Args:
        model: Resident model.
        queues: Creates the queue of each program.

    Attributes:
        model: The resident model.
        name: First part of its paths.
        context: Its context for probes; not there until `measure`.
        version: Digest of all of its files that answers depend on; not there until `measure`.
        queues: Queue of each program that accepts calls, by the program's name.
    """

    context: ModelContext
    version: str

    def __init__(self, model: ResidentModel, queues: QueueFactory) -> None:
        self.model = model
        self.name = model.name
        self.queues: dict[str, ProgramQueue] = {}
        self._factory = queues

    def measure(self) -> None:
        """Try the weights of a served model, and measure its context and version. CPU work.

        Raises:
            CheckpointError: The weights give values that are not finite.
        """
        check_canary(self.model)
        self.context = model_context(self.model)
        self.version = self.model.version

    def serve(self, program: ResidentProgram) -> None:
        """Let a served model accept calls of one of its programs from now on."""
        name = program.program.name
        self.queues[name] = self._factory.queue(f"{self.name}.{name}", program)

    def continue_from(self, before: "ServedModel") -> None:
        """Serve the programs of a served model that this one replaces, and continue their counts.

        Args:
            before: Served model of the same name, from whose resident model this one has them.
        """
        for name, program in self.model.programs.items():
            self.serve(program)
            if (queue := before.queues.get(name)) is not None:
                self.queues[name].continue_from(queue)
                program.totals = before.model.programs[name].totals

    def serve_buckets(self) -> None:
        """Let the queues of a served model form batches of all sizes that are compiled."""
        for name, queue in self.queues.items():
            queue.times.sizes = self.model.programs[name].buckets

    def accepts(self, call: Call) -> bool:
        """Tell whether a served model has the program of a call, with its parameter set."""
        name = call.program
        return name in self.queues and self.model.programs[name].has_parameters(call.checkpoint)

    def enqueue(self, calls: Sequence[Call], job: Job) -> list["asyncio.Future[Served[Outputs]]"]:
        """Queue calls of one program of a served model; all of them, or none.

        Raises:
            EngineNotReadyError: The program is still being compiled.
            QueueFullError: The queue has reached its limit of rows or bytes.
        """
        if not self.accepts(calls[0]):
            msg = "The programs of this analysis are still being compiled."
            raise EngineNotReadyError(msg)
        name = calls[0].program
        queue, program = self.queues[name], self.model.programs[name]
        waiting: list[asyncio.Future[Served[Outputs]]] = []
        try:
            waiting.extend(queue.enqueue(one, job, program.size(one)) for one in calls)
        # Cancelled calls leave the queue when its next batch is formed.
        except QueueFullError:
            for one in waiting:
                one.cancel()
            raise
        return waiting
