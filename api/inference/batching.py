"""Batching: from a function of many items to calls with one item each.

A batch is what arrived while the last one ran: nobody waits for a timer, nothing polls, and a busy
device sees large batches by itself.

    submit (event loop) -> Queue, one for each program -> Lane (its thread) -> settle (event loop)
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
    """As many items, or bytes, wait as may wait."""


class DeadlineError(Exception):
    """An item's deadline passed before its batch was formed; it was never run."""


class Served(NamedTuple, Generic[Result]):
    """A result, and where the time went, in seconds."""

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
    """What became of the items so far, and how long they took in all."""

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
    """What one call takes out of a queue, and what became of it.

    Attributes:
        live: Those that somebody still waits for, oldest first.
        expired: Those whose deadline has passed.
        cancelled: How many had been left by their callers.
    """

    live: list[_Waiting[Item, Result]]
    expired: list[_Waiting[Item, Result]]
    cancelled: int
    began: float
    ended: float = 0.0
    results: Sequence[Result] = ()
    error: Exception | None = None


def _observe_nothing(batch: Batch[Any, Any]) -> None:
    """Take no note."""


class Queue(Generic[Item, Result]):
    """The items that wait for one kind of work. It lives as long as the event loop that uses it.

    Items come and results leave on the event loop; batches are formed and run in the lane's turn.
    Each field is written either on the event loop or in that turn, so that no other lock is needed.

    Args:
        lane: Whose thread does the work.
        work: From a batch to its results, one for each item in the same order.
        max_batch: The most items of one batch; may be raised while it is used.
        max_waiting: The most items that wait; one more is refused at once.
        max_bytes: The most bytes that wait, as `submit` is told them, but for one item alone.
        observe: Called on the event loop with every batch that was run.
    """

    def __init__(
        self,
        lane: "DeviceWorker",
        work: Callable[[list[Item]], Sequence[Result]],
        *,
        max_batch: int,
        max_waiting: int,
        max_bytes: int,
        observe: Callable[[Batch[Item, Result]], None] = _observe_nothing,
    ) -> None:
        self._lane = lane
        self._work = work
        self.max_batch = max_batch
        self._max_waiting = max_waiting
        self._max_bytes = max_bytes
        self._observe = observe
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._bytes_in = self._admitted_in = 0  # written by the event loop
        self._bytes_out = self._admitted_out = 0  # written in the lane's turn
        self.counts = Counts()
        lane.queues.append(self)

    @property
    def waiting(self) -> int:
        """How many items wait; those of callers who have gone count until a batch is formed."""
        return len(self._waiting)

    @property
    def waiting_bytes(self) -> int:
        """How many bytes these items are said to have."""
        return self._bytes_in - self._bytes_out

    @property
    def oldest(self) -> float:
        """Since when the first item has waited. Only in the lane's turn, and where one does."""
        return self._waiting[0].since

    async def submit(self, item: Item, deadline: float, size: int = 0) -> Served[Result]:
        """Have one item worked on.

        Args:
            item: What to work on. Dropped unseen where the caller is cancelled while it waits.
            deadline: By `time.monotonic`, in seconds.
            size: How many bytes the item and its result take.

        Raises:
            QueueFullError: Too many items, or bytes, wait.
            DeadlineError: The deadline passed while the item waited.
        """
        return await self.enqueue(item, deadline, size)

    def enqueue(
        self, item: Item, deadline: float, size: int = 0, *, admitted: bool = False
    ) -> "asyncio.Future[Served[Result]]":
        """Let an item wait, and return what it will become; see `submit`.

        Args:
            item: As for `submit`, and so are its deadline and its size.
            admitted: Whether it was let in elsewhere, as part of something larger: then it is not
                refused here, and takes nobody else's place.

        Raises:
            QueueFullError: Too many items, or bytes, wait.
        """
        size = 0 if admitted else size
        waiting = len(self._waiting) - (self._admitted_in - self._admitted_out)
        over = waiting and self.waiting_bytes + size > self._max_bytes
        if not admitted and (over or waiting >= self._max_waiting):
            self.counts.refused += 1
            raise QueueFullError
        future: asyncio.Future[Served[Result]] = asyncio.get_running_loop().create_future()
        self._bytes_in += size
        self._admitted_in += admitted
        self._waiting.append(_Waiting(item, size, time.monotonic(), deadline, admitted, future))
        self._lane.wake()
        return future

    def take(self) -> Batch[Item, Result]:
        """Take the oldest items that somebody still waits for, as many as a batch may have."""
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
        """Do the work of a batch; whatever goes wrong belongs to those who wait for it."""
        if batch.live:
            try:
                batch.results = self._work([waiting.item for waiting in batch.live])
                if len(batch.results) != len(batch.live):
                    msg = f"{len(batch.results)} results for {len(batch.live)} items"
                    raise ValueError(msg)  # noqa: TRY301 - told to those who wait, like any other
            except Exception as error:
                batch.error = error
        batch.ended = time.monotonic()

    def settle(self, batch: Batch[Item, Result]) -> None:
        """Give each caller of a batch its own result, and count what became of everybody."""
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
    """The one thread that runs the batches of several queues that share a device.

    The queue whose first item has waited longest goes next, so that long work that comes in slices
    and short work take turns. It runs from `start` to `stop`.

    Args:
        name: Of the thread.
        run_inline: Whether an item that finds nothing else to be done is run on the event loop
            itself. Where the device is this very processor, to wake a thread, and to be woken by
            it, can take as long as the work.
    """

    def __init__(self, name: str, *, run_inline: bool = False) -> None:
        self._run_inline = run_inline
        self.queues: list[Queue[Any, Any]] = []
        self._wake: SimpleQueue[bool] = SimpleQueue()
        self._idle = False  # whether the thread sleeps, or is about to
        self._waking = False  # whether the event loop is about to wake it
        self._turn = Lock()  # held while a batch is formed and run, by the thread or the event loop
        self._thread = Thread(target=self._serve, name=name, daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin to serve the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def wake(self) -> None:
        """Let the thread look again, where it sleeps, once the event loop has gone round.

        Requests that arrived together are parsed one after the other: the first waits for the
        others, which costs it nothing that they would not have cost it later.
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
        """Run what waits on the event loop, while the thread sleeps: nobody else has to wait."""
        if not self._turn.acquire(blocking=False):
            return  # the thread was about to sleep and is not: it looks again when it is done
        try:
            if formed := self.next_batch():
                queue, batch = formed
                queue.run(batch)
        finally:
            self._turn.release()
        if formed:
            queue.settle(batch)

    def stop(self) -> None:
        """End after the batch that runs; blocks until then."""
        if self._thread.is_alive():
            self._wake.put(False)
            self._thread.join()

    def next_batch(self) -> tuple[Queue[Any, Any], Batch[Any, Any]] | None:
        """Form the batch whose first item has waited longest; None where nothing waits."""
        waiting = [queue for queue in self.queues if queue.waiting]
        if not waiting:
            return None
        queue = min(waiting, key=lambda queue: queue.oldest) if len(waiting) > 1 else waiting[0]
        return queue, queue.take()

    def _serve(self) -> None:
        """Run batches while there are any, sleep where there are none."""
        assert self._loop is not None  # noqa: S101 - set before the thread starts
        while self._go_on():
            with self._turn:
                if formed := self.next_batch():
                    queue, batch = formed
                    queue.run(batch)
            if formed:
                self._loop.call_soon_threadsafe(queue.settle, batch)

    def _go_on(self) -> bool:
        """Wait until something waits; false when it is time to stop."""
        while True:
            # Said before looking: who comes after the look finds it said, and wakes the thread.
            self._idle = True
            if any(queue.waiting for queue in self.queues):
                self._idle = False
                return self._wake.empty() or self._wake.get()
            if not self._wake.get():
                return False
