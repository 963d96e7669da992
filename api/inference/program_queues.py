"""Program queues: the batching queue of each program, with the limits that all of them have."""

from collections.abc import Callable
from dataclasses import dataclass, field

from api.inference.batching import Batch, Queue, Worker
from api.inference.device_memory import in_halves
from models.runtime.programs import Call, Outputs
from models.runtime.resident import ResidentProgram

ProgramQueue = Queue[Call, Outputs]
Observer = Callable[[str, Batch[Call, Outputs]], None]


@dataclass(frozen=True)
class QueueLimits:
    """Limits of the engine's queue of each program.

    Attributes:
        rows: Rows that wait.
        nbytes: Bytes that these rows and their outputs take.
    """

    rows: int
    nbytes: int


@dataclass(frozen=True)
class QueueFactory:
    """Factory of the engine's program queues.

    Attributes:
        worker: Runs the batches of all queues.
        limits: Of each queue.
        observers: Called on the event loop with the program's name and each batch that was run.
    """

    worker: Worker
    limits: QueueLimits
    observers: list[Observer] = field(default_factory=list)

    def queue(self, name: str, program: ResidentProgram) -> ProgramQueue:
        """Create the queue of a program.

        Args:
            name: Names of model and program, such as `cnn.trace`.
            program: Runs the batches.
        """

        def observe(batch: Batch[Call, Outputs]) -> None:
            for observer in self.observers:
                observer(name, batch)

        return Queue(
            self.worker,
            in_halves(program),
            sizes=program.buckets,
            max_waiting=self.limits.rows,
            max_bytes=self.limits.nbytes,
            observe=observe,
        )
