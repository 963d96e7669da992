"""Dynamic batching: calls with one item each are joined into calls of a function of many items.

A batch is made of the items that arrived while the last one ran: there is no timer and no polling,
and the busier the device, the larger the batches.

    submit (event loop) -> Queue of a program -> DeviceWorker (thread) -> resolve (event loop)
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Generic, NamedTuple, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class QueueFullError(Exception):
    """Error of a batching queue that has reached its limit of items or bytes."""


class DeadlineError(Exception):
    """Error of a queued item whose deadline passed before its batch was formed; it was not run."""


class Served(NamedTuple, Generic[Result]):
    """Result of one item of a batch, its time in the queue and that of the batch, in seconds."""

    result: Result
    queued_s: float
    ran_s: float


@dataclass(eq=False, slots=True)
class _Waiting(Generic[Item, Result]):
    item: Item
    size: int
    since: float
    deadline: float
    admitted: bool
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


@dataclass(eq=False)
class Batch(Generic[Item, Result]):
    """Batch of items that one call takes out of a queue, and their results.

    Attributes:
        live: Items to run, oldest first.
        expired: Items whose deadline has passed.
        cancelled: Number of items whose callers were cancelled.
    """

    live: list[_Waiting[Item, Result]]
    expired: list[_Waiting[Item, Result]]
    cancelled: int
    began: float
    ended: float = 0.0
    results: Sequence[Result] = ()
    error: Exception | None = None


def _observe_nothing(batch: Batch[Any, Any]) -> None:
    """Ignore a batch: the observer of a queue that needs none."""


class Queue(Generic[Item, Result]):
    """Batching queue of one program, first in, first out. It lives as long as its event loop.

    Items are added, and results given out, on the event loop; batches are formed and run while the
    worker holds its lock. Each field is written in one of the two only, and needs no other lock.

    Args:
        worker: Runs the batches.
        work: Function from the items of a batch to their results, in the same order.
        max_batch: Most items of one batch; may be raised during use.
        max_waiting: Most items that wait; a further item is refused at once.
        max_bytes: Most bytes that wait; a single item may exceed it.
        observe: Called on the event loop with every batch that was run.
    """

    def __init__(
        self,
        worker: "DeviceWorker",
        work: Callable[[list[Item]], Sequence[Result]],
        *,
        max_batch: int,
        max_waiting: int,
        max_bytes: int,
        observe: Callable[[Batch[Item, Result]], None] = _observe_nothing,
    ) -> None:
        self._worker = worker
        self._work = work
        self.max_batch = max_batch
        self._max_waiting = max_waiting
        self._max_bytes = max_bytes
        self._observe = observe
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._bytes_in = self._admitted_in = 0  # written by the event loop
        self._bytes_out = self._admitted_out = 0  # written under the worker's lock
        self.counts = Counts()
        worker.queues.append(self)

    @property
    def waiting(self) -> int:
        """Number of items in the batching queue; cancelled ones count until a batch is formed."""
        return len(self._waiting)

    @property
    def waiting_bytes(self) -> int:
        """Bytes of the items in the batching queue: the sum of their sizes."""
        return self._bytes_in - self._bytes_out

    @property
    def oldest(self) -> float:
        """Time at which the batching queue's oldest item came. Read it under the worker's lock."""
        return self._waiting[0].since

    async def submit(self, item: Item, deadline: float, size: int = 0) -> Served[Result]:
        """Add one item to the batching queue and wait for its result.

        Args:
            item: Dropped without being run when the caller is cancelled while it waits.
            deadline: By `time.monotonic`, in seconds.
            size: Bytes of the item and its result.

        Raises:
            QueueFullError: The queue has reached its limit of items or bytes.
            DeadlineError: The deadline passed while the item waited.
        """
        return await self.enqueue(item, deadline, size)

    def enqueue(
        self, item: Item, deadline: float, size: int = 0, *, admitted: bool = False
    ) -> "asyncio.Future[Served[Result]]":
        """Add one item to the batching queue and return the future of its result.

        Args:
            item: As in `submit`, like `deadline` and `size`.
            admitted: Whether the item belongs to an admitted analysis: the limits of the queue do
                not apply to it, and it does not count towards them.

        Raises:
            QueueFullError: The queue has reached its limit of items or bytes.
        """
        size = 0 if admitted else size
        # Rows of admitted analyses have a limit of their own: they leave the queue to requests.
        waiting = len(self._waiting) - (self._admitted_in - self._admitted_out)
        over = waiting and self.waiting_bytes + size > self._max_bytes
        if not admitted and (over or waiting >= self._max_waiting):
            self.counts.refused += 1
            raise QueueFullError
        future: asyncio.Future[Served[Result]] = asyncio.get_running_loop().create_future()
        self._bytes_in += size
        self._admitted_in += admitted
        self._waiting.append(_Waiting(item, size, time.monotonic(), deadline, admitted, future))
        self._worker.wake()
        return future

    def take(self) -> Batch[Item, Result]:
        """Form a batch of the queue's oldest items, without those that are cancelled or expired."""
        batch: Batch[Item, Result] = Batch([], [], 0, time.monotonic())
        while self._waiting and len(batch.live) < self.max_batch:
            waiting = self._waiting.popleft()
            self._bytes_out += waiting.size
            self._admitted_out += waiting.admitted
            if waiting.future.done():
                batch.cancelled += 1
            elif waiting.deadline <= batch.began:
                batch.expired.append(waiting)
            else:
                batch.live.append(waiting)
        return batch

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
        for index, waiting in enumerate(batch.live):
            if waiting.future.done():
                counts.cancelled += 1
            elif batch.error is not None:
                counts.failed += 1
                waiting.future.set_exception(batch.error)
            else:
                counts.completed += 1
                queued_s = batch.began - waiting.since
                counts.queued_s += queued_s
                counts.ran_s += ran_s
                waiting.future.set_result(Served(batch.results[index], queued_s, ran_s))
        self._observe(batch)


class DeviceWorker:
    """Device thread that runs the batches of all queues, from `start` to `stop`.

    The queue whose first item has waited longest goes next, so that a long analysis, which comes in
    slices, and short requests alternate.

    Args:
        name: Of the thread.
        run_inline: Whether a single item, while the thread is idle, is run on the event loop. Where
            the device is the CPU, two switches of threads can take as long as the work.
    """

    def __init__(self, name: str, *, run_inline: bool = False) -> None:
        self._run_inline = run_inline
        self.queues: list[Queue[Any, Any]] = []
        self._wake: SimpleQueue[bool] = SimpleQueue()
        self._idle = False  # whether the thread waits, or is about to
        self._waking = False  # whether the event loop is about to wake it
        self._lock = Lock()  # held by whichever thread forms and runs a batch
        self._thread = Thread(target=self._serve, name=name, daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Start the device thread, for the batching queues of the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def wake(self) -> None:
        """Wake the idle device thread at the end of this iteration of the event loop.

        Requests that arrive together are parsed in one iteration: so they become one batch.
        """
        if self._idle and not self._waking:
            self._waking = True
            assert self._loop is not None  # noqa: S101 - nothing is submitted before the start
            self._loop.call_soon(self._wake_now)

    def _wake_now(self) -> None:
        self._waking = False
        if not self._idle:
            return
        if self._run_inline and sum(queue.waiting for queue in self.queues) == 1:
            self._run_here()
            return
        self._idle = False
        self._wake.put(True)

    def _run_here(self) -> None:
        """Run a batch of one item on the event loop, inline, unless the device thread is busy."""
        if not self._lock.acquire(blocking=False):
            return  # the thread looks at the queues again when it has finished its batch
        try:
            if formed := self.next_batch():
                queue, batch = formed
                queue.run(batch)
        finally:
            self._lock.release()
        if formed:
            queue.resolve(batch)

    def stop(self) -> None:
        """End the device thread; blocks until the batch that it runs is done."""
        if self._thread.is_alive():
            self._wake.put(False)
            self._thread.join()

    def next_batch(self) -> tuple[Queue[Any, Any], Batch[Any, Any]] | None:
        """Form a batch of the queue whose first item has waited longest; None if all are empty."""
        waiting = [queue for queue in self.queues if queue.waiting]
        if not waiting:
            return None
        queue = min(waiting, key=lambda queue: queue.oldest) if len(waiting) > 1 else waiting[0]
        return queue, queue.take()

    def _serve(self) -> None:
        """Run batches in the device thread until the worker is stopped."""
        assert self._loop is not None  # noqa: S101 - set before the thread starts
        while self._go_on():
            with self._lock:
                if formed := self.next_batch():
                    queue, batch = formed
                    queue.run(batch)
            if formed:
                self._loop.call_soon_threadsafe(queue.resolve, batch)

    def _go_on(self) -> bool:
        """Wait in the device thread for an item to batch; false when the worker is stopped."""
        while True:
            # Set before the queues are read: an item added after that finds it set, and wakes us.
            self._idle = True
            if any(queue.waiting for queue in self.queues):
                self._idle = False
                # A signal that came meanwhile is taken here: it may be that of `stop`.
                return self._wake.empty() or self._wake.get()
            if not self._wake.get():
                return False
