"""Batcher: from a function of many items to calls with one item each.

A batch is what arrived while the last one ran: nobody waits for a timer, and a busy device sees
large batches by itself.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class QueueFullError(Exception):
    """As many items wait as may wait."""


class DeadlineError(Exception):
    """An item's deadline passed before its batch was formed; it was never run."""


@dataclass(eq=False)
class _Waiting(Generic[Item, Result]):
    item: Item
    deadline: float
    future: "asyncio.Future[Result]"


@dataclass
class Counts:
    """What became of the items so far."""

    completed: int = 0
    refused: int = 0
    expired: int = 0
    cancelled: int = 0
    failed: int = 0
    batches: int = 0


class Batcher(Generic[Item, Result]):
    """Gathers items into batches. It lives as long as the event loop that uses it.

    Args:
        work: From a batch to its results, one for each item in the same order.
        max_batch: The most items of one batch.
        max_waiting: The most items that wait; one more is refused at once.
        lane: Held while a batch is formed and runs. Batchers that share a device share its lane,
            and take turns in the order in which they asked.
    """

    def __init__(
        self,
        work: Callable[[list[Item]], Awaitable[Sequence[Result]]],
        *,
        max_batch: int,
        max_waiting: int,
        lane: asyncio.Lock,
    ) -> None:
        self._work = work
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._lane = lane
        self._queue: deque[_Waiting[Item, Result]] = deque()
        self._runner: asyncio.Task[None] | None = None
        self.counts = Counts()

    @property
    def waiting(self) -> int:
        """How many items wait; those of callers who have gone count until a batch is formed."""
        return len(self._queue)

    async def submit(self, item: Item, deadline: float) -> Result:
        """Have one item worked on.

        Args:
            item: What to work on. Dropped unseen where the caller is cancelled while it waits.
            deadline: By the event loop's clock, in seconds.

        Raises:
            QueueFullError: Too many items wait.
            DeadlineError: The deadline passed while the item waited.
        """
        loop = asyncio.get_running_loop()
        if len(self._queue) >= self._max_waiting:
            self.counts.refused += 1
            raise QueueFullError
        future: asyncio.Future[Result] = loop.create_future()
        self._queue.append(_Waiting(item, deadline, future))
        if self._runner is None:
            self._runner = loop.create_task(self._run())
        return await future

    async def _run(self) -> None:
        """Run batches until nothing waits."""
        while self._queue:
            async with self._lane:
                batch = self._take()
                if batch:
                    await self._run_batch(batch)
        self._runner = None

    def _take(self) -> list[_Waiting[Item, Result]]:
        """Take the oldest items that somebody still waits for, as many as a batch may have."""
        now = asyncio.get_running_loop().time()
        batch: list[_Waiting[Item, Result]] = []
        while self._queue and len(batch) < self._max_batch:
            waiting = self._queue.popleft()
            if waiting.future.done():
                self.counts.cancelled += 1
            elif waiting.deadline <= now:
                self.counts.expired += 1
                waiting.future.set_exception(DeadlineError())
            else:
                batch.append(waiting)
        return batch

    async def _run_batch(self, batch: list[_Waiting[Item, Result]]) -> None:
        """Run one batch and give each caller its own result."""
        self.counts.batches += 1
        try:
            results = await self._work([waiting.item for waiting in batch])
            pairs = list(zip(batch, results, strict=True))
        except Exception as error:  # whatever it is belongs to those who wait
            self._fail(batch, error)
            return
        for waiting, result in pairs:
            if waiting.future.done():
                self.counts.cancelled += 1
            else:
                self.counts.completed += 1
                waiting.future.set_result(result)

    def _fail(self, batch: list[_Waiting[Item, Result]], error: Exception) -> None:
        """Tell everybody of a batch what went wrong with it."""
        for waiting in batch:
            if not waiting.future.done():
                self.counts.failed += 1
                waiting.future.set_exception(error)
