"""Dynamic batching: calls with one item each are joined into calls of a function of many items.

A batch is made of the items that arrived while the last one ran: there is no timer and no polling,
and the busier the device, the larger the batches.

    submit (event loop) -> Queue of a program -> DeviceWorker (thread) -> resolve (event loop)
                                                 └── Schedule: which items are the next batch
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from api.inference.batch_times import BatchTimes
from api.inference.errors import DeadlineError, QueueFullError
from api.inference.jobs import Job
from api.inference.turns import ANALYSIS_SHARE

Item = TypeVar("Item")
Result = TypeVar("Result")


class Served(NamedTuple, Generic[Result]):
    """Result of one item of a batch, its time in the queue and that of the batch, in seconds."""

    result: Result
    queued_s: float
    ran_s: float


@dataclass(eq=False, slots=True)
class WaitingItem(Generic[Item, Result]):
    """Item of a batching queue that waits, with the future of its result.

    Attributes:
        job: The request that it belongs to.
        size: Bytes of the item and its result; 0 in an admitted job.
        since: Time of its arrival, by `time.monotonic`.
        deadline: Time from which it is not run, by `time.monotonic`.
        estimated_s: Estimated seconds that it takes; 0 in an analysis.
    """

    item: Item
    job: Job
    size: int
    since: float
    deadline: float
    estimated_s: float
    future: "asyncio.Future[Served[Result]]"


@dataclass
class Counts:
    """Counters of a batching queue: items by outcome, batches, seconds of completed items."""

    completed: int = 0
    refused: int = 0
    expired: int = 0
    cancelled: int = 0
    failed: int = 0
    batches: int = 0
    queued_s: float = 0.0
    ran_s: float = 0.0


@dataclass(eq=False, slots=True)
class Backlog:
    """Backlog of a batching queue: items and bytes that have come, and those that have left.

    What came is written by the event loop, and what left while the worker holds its lock.
    """

    items_in: int = 0
    bytes_in: int = 0
    admitted_in: int = 0
    items_out: int = 0
    bytes_out: int = 0
    admitted_out: int = 0


@dataclass(eq=False)
class Batch(Generic[Item, Result]):
    """Batch of items that one call takes out of a queue, and their results.

    Attributes:
        live: Items to run, in the order in which they were taken.
        expired: Items whose deadline has passed.
        cancelled: Number of items whose callers were cancelled.
        is_analysis: Whether it is a batch of analyses.
        others_wait: Whether items of the other class wait.
        estimated_s: Seconds that its items were estimated to take; 0 for analyses.
        results: Result of each live item; an exception is raised for its caller.
    """

    live: list[WaitingItem[Item, Result]]
    expired: list[WaitingItem[Item, Result]]
    cancelled: int
    began: float
    is_analysis: bool = False
    others_wait: bool = False
    estimated_s: float = 0.0
    ended: float = 0.0
    results: Sequence[Result | Exception] = ()
    error: Exception | None = None


def _observe_nothing(batch: Batch[Any, Any]) -> None:
    """Ignore a batch: the observer of a queue that needs none."""


class Worker(Protocol):
    """Worker of batching queues, as a queue sees it."""

    def accept(self, queue: "Queue[Any, Any]", waiting: WaitingItem[Any, Any]) -> None:
        """Take an item of a queue, to run it in a batch."""

    @property
    def interactive_wait_s(self) -> float:
        """Estimated seconds until all interactive items that wait have run."""


class Queue(Generic[Item, Result]):
    """Batching queue of one program. It lives as long as its event loop.

    Items are added, and results given out, on the event loop; batches are formed and run while the
    worker holds its lock. Each field is written in one of the two only, and needs no other lock.

    Args:
        worker: Runs the batches.
        work: Function from the items of a batch to their results, in the same order.
        sizes: Batch sizes that the work has, ascending; the last is the most items of a batch.
        max_waiting: Most items that wait; a further item is refused at once.
        max_bytes: Most bytes that wait; a single item may exceed it.
        observe: Called on the event loop with every batch that was run.
    """

    def __init__(
        self,
        worker: Worker,
        work: Callable[[list[Item]], Sequence[Result | Exception]],
        *,
        sizes: Sequence[int],
        max_waiting: int,
        max_bytes: int,
        observe: Callable[[Batch[Item, Result]], None] = _observe_nothing,
    ) -> None:
        self._worker = worker
        self._work = work
        self._max_waiting = max_waiting
        self._max_bytes = max_bytes
        self._observe = observe
        self.backlog = Backlog()
        self.times = BatchTimes(sizes)
        self.counts = Counts()

    def continue_from(self, before: "Queue[Item, Result]") -> None:
        """Continue counts, times and backlog of the queue of the same program with other weights.

        Items that wait in either queue count towards the limits of both.
        """
        self.counts, self.times, self.backlog = before.counts, before.times, before.backlog

    @property
    def max_batch(self) -> int:
        """Maximum number of items of one batch of the queue."""
        return self.times.sizes[-1]

    @property
    def waiting(self) -> int:
        """Number of items in the batching queue; cancelled ones count until a batch is formed."""
        return self.backlog.items_in - self.backlog.items_out

    @property
    def waiting_bytes(self) -> int:
        """Bytes of the items in the batching queue: the sum of their sizes."""
        return self.backlog.bytes_in - self.backlog.bytes_out

    async def submit(self, item: Item, job: Job, size: int = 0) -> Served[Result]:
        """Add one item to the batching queue and wait for its result.

        Args:
            item: Dropped without being run when the caller is cancelled while it waits.
            job: Request that the item belongs to, with its deadline.
            size: Bytes of the item and its result.

        Raises:
            QueueFullError: The queue has reached its limit of items, bytes or time.
            DeadlineError: The deadline passed while the item waited.
        """
        return await self.enqueue(item, job, size)

    def enqueue(self, item: Item, job: Job, size: int = 0) -> "asyncio.Future[Served[Result]]":
        """Add one item to the batching queue and return the future of its result.

        Args:
            item: As in `submit`, like `job` and `size`. The limits of the queue do not apply to an
                admitted job, and its items do not count towards them.

        Raises:
            QueueFullError: The queue has reached its limit of items, bytes or time.
        """
        now = time.monotonic()
        if job.is_admitted:
            size = 0
        else:
            self._check_room(size, job.deadline - now)
        estimated_s = 0.0 if job.is_analysis else self.times.row_s
        future: asyncio.Future[Served[Result]] = asyncio.get_running_loop().create_future()
        backlog = self.backlog
        backlog.items_in += 1
        backlog.bytes_in += size
        backlog.admitted_in += job.is_admitted
        waiting = WaitingItem(item, job, size, now, job.deadline, estimated_s, future)
        self._worker.accept(self, waiting)
        return future

    def _check_room(self, size: int, left_s: float) -> None:
        """Raise an error unless the queue has room for one more item, which has some time left."""
        backlog = self.backlog
        waiting = self.waiting - (backlog.admitted_in - backlog.admitted_out)
        over = waiting and self.waiting_bytes + size > self._max_bytes
        wait_s = self._worker.interactive_wait_s / (1 - ANALYSIS_SHARE) if waiting else 0.0
        if over or waiting >= self._max_waiting or wait_s > max(left_s, 0.0):
            self.counts.refused += 1
            raise QueueFullError(max(1.0, wait_s - left_s))

    def left(self, waiting: WaitingItem[Item, Result]) -> None:
        """Count an item that has left the batching queue for a batch. Under the worker's lock."""
        backlog = self.backlog
        backlog.items_out += 1
        backlog.bytes_out += waiting.size
        backlog.admitted_out += waiting.job.is_admitted

    def run(self, batch: Batch[Item, Result]) -> None:
        """Run the work of a batch in the device thread; its exception is kept for the callers."""
        if batch.live:
            try:
                batch.results = self._work([waiting.item for waiting in batch.live])
                if len(batch.results) != len(batch.live):
                    msg = f"{len(batch.results)} results for {len(batch.live)} items"
                    raise ValueError(msg)  # noqa: TRY301 - raised for the callers, as any other
            except Exception as error:
                batch.error = error
        batch.ended = time.monotonic()
        if batch.live and batch.error is None:
            self.times.measured(len(batch.live), batch.ended - batch.began)

    def resolve(self, batch: Batch[Item, Result]) -> None:
        """Resolve the future of each item of a batch, and count the outcomes. On the event loop."""
        counts = self.counts
        counts.cancelled += batch.cancelled
        for waiting in batch.expired:
            if waiting.future.done():
                counts.cancelled += 1
            else:
                counts.expired += 1
                waiting.future.set_exception(DeadlineError())
        if not batch.live:
            return
        counts.batches += 1
        ran_s = batch.ended - batch.began
        share_s = ran_s / len(batch.live)
        for index, waiting in enumerate(batch.live):
            waiting.job.device_s += share_s
            found = batch.error or batch.results[index]
            if waiting.future.done():
                counts.cancelled += 1
            elif isinstance(found, Exception):
                counts.failed += 1
                waiting.future.set_exception(found)
            else:
                counts.completed += 1
                queued_s = batch.began - waiting.since
                counts.queued_s += queued_s
                counts.ran_s += ran_s
                waiting.future.set_result(Served(found, queued_s, ran_s))
        self._observe(batch)


async def results_of(waiting: list["asyncio.Future[Served[Result]]"]) -> list[Served[Result]]:
    """Wait for the results of items of a batching queue; one error cancels the others.

    Args:
        waiting: Futures of the items; none is left in it at the end.
    """
    found = []
    try:
        for one in waiting:
            found.append(await one)  # noqa: PERF401 - a comprehension is a frame, too
    finally:
        # An error holds this frame: futures in it would hold the error, and so rows and outputs,
        # until the next garbage collection.
        one = None  # type: ignore[assignment]
        while waiting:
            waiting.pop().cancel()
    return found
