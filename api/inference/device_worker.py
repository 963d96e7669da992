"""Device worker: the thread that forms and runs the batches of all queues."""

import asyncio
import time
from collections import deque
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any

from api.inference.batching import WaitingItem
from api.inference.errors import DeviceHungError
from api.inference.schedule import AnyQueue, Formed, Schedule
from api.inference.turns import ANALYSIS_SHARE

HUNG_S = 30.0
"""Seconds after which a device call counts as hung: no call of a program takes a tenth of it."""

INLINE_S = 0.005
"""Most seconds of a batch that is run on the event loop, as estimated."""


class DeviceWorker:
    """Device thread that runs the batches of all queues, from `start` to `stop`.

    Args:
        name: Of the thread.
        run_inline: Whether a single short item of an interactive job, while the thread is idle, is
            run on the event loop. Where the device is the CPU, two switches of threads can take as
            long as the work.
        hung_s: Seconds after which a call counts as hung.
    """

    def __init__(self, name: str, *, run_inline: bool = False, hung_s: float = HUNG_S) -> None:
        self._run_inline = run_inline
        self._hung_s = hung_s
        self._arrived: deque[tuple[AnyQueue, WaitingItem[Any, Any]]] = deque()
        self._items_in = self._items_out = 0  # written by the event loop, under the lock
        self._interactive_in_s = self._interactive_out_s = 0.0
        self.schedule = Schedule()
        self._wake: SimpleQueue[bool] = SimpleQueue()
        self._idle = False  # whether the thread waits, or is about to
        self._waking = False  # whether the event loop is about to wake it
        self._lock = Lock()  # held by whichever thread forms and runs a batch
        self._running: Formed | None = None
        self._thread = Thread(target=self._serve, name=name, daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = False

    def start(self) -> None:
        """Start the device thread, for the batching queues of the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        self._watch_call()

    @property
    def is_hung(self) -> bool:
        """Whether the call that the device worker runs has taken longer than a call may."""
        running = self._running
        return running is not None and time.monotonic() - running[1].began > self._hung_s

    @property
    def waiting(self) -> int:
        """Number of items that wait for the device worker, in all queues."""
        return self._items_in - self._items_out

    @property
    def interactive_wait_s(self) -> float:
        """Estimated seconds until the device worker has run all interactive items that wait."""
        return self._interactive_in_s - self._interactive_out_s

    @property
    def analysis_share(self) -> float:
        """Share of the device worker's time that interactive items leave to analyses."""
        return max(ANALYSIS_SHARE, 1 - self.schedule.interactive_load.now())

    def accept(self, queue: AnyQueue, waiting: WaitingItem[Any, Any]) -> None:
        """Take an item of a queue to the device worker, and wake it. On the event loop."""
        self._items_in += 1
        self._interactive_in_s += waiting.estimated_s
        self._arrived.append((queue, waiting))
        self.wake()

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
        if self._run_inline and self.waiting == 1 and self._is_short():
            self._run_here()
            return
        self._idle = False
        self._wake.put(True)

    def _is_short(self) -> bool:
        """Whether the device worker's next item is interactive, and short enough for the loop."""
        if not self._arrived:
            return False
        queue, waiting = self._arrived[0]
        return not waiting.job.is_analysis and queue.times.seconds(1) <= INLINE_S

    def _run_here(self) -> None:
        """Run a batch of one item on the event loop, inline, unless the device thread is busy."""
        if not self._lock.acquire(blocking=False):
            return  # the thread looks at the queues again when it has finished its batch
        try:
            formed = self._run_next()
        finally:
            self._lock.release()
        if formed:
            queue, batch = formed
            queue.resolve(batch)

    def stop(self) -> None:
        """End the device thread; blocks until its batch is done, or its call counts as hung."""
        self._stopped = True
        if self._thread.is_alive():
            self._wake.put(False)
            self._thread.join(self._hung_s)

    def next_batch(self) -> Formed | None:
        """Form the device worker's next batch; None if no item waits. Under its lock."""
        while self._arrived:
            self.schedule.add(*self._arrived.popleft())
        formed = self.schedule.next_batch()
        if formed:
            _, batch = formed
            self._items_out += len(batch.live) + len(batch.expired) + batch.cancelled
            self._interactive_out_s += batch.estimated_s
        return formed

    def _run_next(self) -> Formed | None:
        """Form and run the device worker's next batch. Under its lock."""
        if formed := self.next_batch():
            queue, batch = formed
            self._running = formed
            queue.run(batch)
            self._running = None
            self.schedule.ran(batch)
        return formed

    def _serve(self) -> None:
        """Run batches in the device thread until the worker is stopped."""
        assert self._loop is not None  # noqa: S101 - set before the thread starts
        while self._go_on():
            with self._lock:
                formed = self._run_next()
            if formed:
                queue, batch = formed
                self._loop.call_soon_threadsafe(queue.resolve, batch)
                # The queue of replaced weights is not kept until the next batch.
                del queue, batch
            del formed

    def _go_on(self) -> bool:
        """Wait in the device thread for an item to batch; false when the worker is stopped."""
        while True:
            # Set before the queues are read: an item added after that finds it set, and wakes us.
            self._idle = True
            if self.waiting:
                self._idle = False
                # A signal that came meanwhile is taken here: it may be that of `stop`.
                return self._wake.empty() or self._wake.get()
            if not self._wake.get():
                return False

    def _watch_call(self) -> None:
        """Fail the requests of a call that hangs, on the event loop; look again some time later."""
        running = self._running
        if running is not None and self.is_hung:
            error = DeviceHungError(f"A call of the device takes longer than {self._hung_s:g} s.")
            # The thread is within the call, so that nothing else changes the schedule.
            for waiting in (*running[1].live, *self.schedule.items(), *_items(self._arrived)):
                if not waiting.future.done():
                    waiting.future.set_exception(error)
        if self._stopped:
            return
        assert self._loop is not None  # noqa: S101 - set by `start`
        self._loop.call_later(self._hung_s / 10, self._watch_call)


def _items(
    arrived: deque[tuple[AnyQueue, WaitingItem[Any, Any]]],
) -> list[WaitingItem[Any, Any]]:
    return [waiting for _, waiting in arrived]
