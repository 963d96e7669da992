"""Random interleavings of callers, cancellations, deadlines and batches, run in sequence.

`python -m tests.api.interleavings 100000` plays as many as it is told.
"""

import asyncio
import random
import sys
import time
from typing import Any

from api.inference.batching import Batch, Queue, Served
from api.inference.device_worker import DeviceWorker
from api.inference.errors import DeadlineError, QueueFullError
from api.inference.jobs import Job

FAR = 1e9
MAX_BATCH, MAX_WAITING, MAX_BYTES = 4, 12, 60


class WorkerByHand(DeviceWorker):
    """A worker without a thread: the test forms, runs and resolves each batch by hand."""

    def __init__(self) -> None:
        super().__init__("by hand")
        self.ran: list[list[int]] = []

    def wake(self) -> None:
        """Do nothing: batches are formed by hand."""

    def double(self, items: list[int]) -> list[int]:
        """Double numbers, and record the batch; -1 raises an exception."""
        self.ran.append(items)
        if -1 in items:
            raise RuntimeError
        return [2 * item for item in items]

    def queue(self, **limits: Any) -> Queue[int, int]:
        """Create a queue of the doubling."""
        held = {"sizes": (MAX_BATCH,), "max_waiting": MAX_WAITING, "max_bytes": MAX_BYTES}
        return Queue(self, self.double, **{**held, **limits})


class Play:
    """One interleaving of callers of two queues: even numbers to the first, odd to the second."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311 - a game
        self.worker = WorkerByHand()
        self.queues = [self.worker.queue(), self.worker.queue()]
        self.callers: list[tuple[float, asyncio.Task[Served[int]]]] = []
        self.formed: list[tuple[Queue[int, int], Batch[int, int]]] = []
        self.left_waiting = set[int]()

    def arrive(self) -> None:
        """Submit an item, sometimes after its deadline."""
        number = len(self.callers)
        deadline = FAR if self.dice.random() < 0.9 else time.monotonic() - 1
        job = Job(f"client {self.dice.randrange(3)}", deadline, self.dice.random() < 0.5)
        submitted = self.queues[number % 2].submit(number, job, number % 20)
        self.callers.append((deadline, asyncio.ensure_future(submitted)))

    def leave(self) -> None:
        """Cancel a caller, whose item is queued, in a batch, or done."""
        number = self.dice.randrange(max(1, len(self.callers)))
        if self.callers and self.callers[number][1].cancel():
            in_a_batch = {one.item for _, batch in self.formed for one in batch.live}
            self.left_waiting |= {number} - in_a_batch

    def form(self) -> None:
        """Form the batch that the thread would form."""
        if formed := self.worker.next_batch():
            self.formed.append(formed)

    def finish(self) -> None:
        """Run the oldest batch, and resolve it."""
        if self.formed:
            finish(*self.formed.pop(0))

    async def play(self) -> None:
        """Make 4 to 60 moves, finish the open batches and check the outcome of each item."""
        moves = (self.arrive, self.arrive, self.arrive, self.leave, self.form, self.finish)
        for _ in range(self.dice.randrange(4, 60)):
            self.dice.choice(moves)()
            await asyncio.sleep(0)
        self.form()
        while self.formed:
            self.finish()
            self.form()
        await asyncio.gather(*(task for _, task in self.callers), return_exceptions=True)
        self.check_device()
        self.check_callers()

    def check_device(self) -> None:
        """Check the batches that were run."""
        ran = [number for batch in self.worker.ran for number in batch]
        assert len(ran) == len(set(ran)), "a row ran twice"
        assert all(len(batch) <= MAX_BATCH for batch in self.worker.ran)
        assert all(len({number % 2 for number in batch}) == 1 for batch in self.worker.ran), "mixed"
        assert not self.left_waiting & set(ran), "the device saw what nobody waited for"
        assert all(queue.waiting == queue.waiting_bytes == 0 for queue in self.queues)

    def check_callers(self) -> None:
        """Check the result of each caller."""
        errors: list[BaseException | None] = []
        for number, (deadline, task) in enumerate(self.callers):
            if task.cancelled():
                continue
            errors.append(task.exception())
            if errors[-1] is None:
                assert deadline == FAR, "it came too late"
                assert task.result().result == 2 * number, "another's result"
        counts = [queue.counts for queue in self.queues]
        assert sum(one.completed for one in counts) == errors.count(None)
        assert sum(one.refused for one in counts) == total(errors, QueueFullError)
        assert sum(one.expired for one in counts) == total(errors, DeadlineError)
        assert sum(one.failed for one in counts) == 0


def total(errors: list[BaseException | None], kind: type[Exception]) -> int:
    """Count the errors of a kind."""
    return sum(isinstance(error, kind) for error in errors)


def finish(queue: Queue[int, int], batch: Batch[int, int]) -> None:
    """Run a batch and resolve it."""
    queue.run(batch)
    queue.resolve(batch)


async def play_all(seeds: range) -> None:
    """Run many interleavings in one event loop."""
    for seed in seeds:
        await Play(seed).play()


if __name__ == "__main__":
    asyncio.run(play_all(range(int(sys.argv[1]))))
