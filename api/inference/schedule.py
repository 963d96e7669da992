"""Schedule of the device: which of the waiting items are the next batch."""

import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from api.inference.batching import Batch, Queue, WaitingItem
from api.inference.jobs import Job
from api.inference.load_average import LoadAverage
from api.inference.turns import SLICE_S, AnalysisShare, Turns

AnyQueue = Queue[Any, Any]
Items = deque[WaitingItem[Any, Any]]
Formed = tuple[AnyQueue, Batch[Any, Any]]


class Schedule:
    """Schedule of all queues of one device. Not thread-safe: used under the worker's lock.

    Items of interactive jobs go first, the oldest before others; analyses have a guaranteed share.
    Of the analyses, the job whose turn it is chooses the queue, and takes as many items as a slice
    has; items of other analyses in that queue, in the order of their turns, fill the batch.

    Attributes:
        turns: Order of clients and jobs among the analyses.
        share: Guaranteed share of the analyses.
        interactive_load: Share of the time that interactive batches take.
    """

    def __init__(self) -> None:
        self._interactive: dict[AnyQueue, Items] = {}
        self._analyses: dict[AnyQueue, dict[Job, Items]] = {}
        self.turns = Turns()
        self.share = AnalysisShare()
        self.interactive_load = LoadAverage()

    def add(self, queue: AnyQueue, waiting: WaitingItem[Any, Any]) -> None:
        """Add an item that has arrived in a queue to the schedule."""
        if waiting.job.is_analysis:
            self.turns.join(waiting.job)
            jobs = self._analyses.setdefault(queue, {})
            jobs.setdefault(waiting.job, deque()).append(waiting)
        else:
            self._interactive.setdefault(queue, deque()).append(waiting)

    def next_batch(self) -> Formed | None:
        """Form the next batch of the schedule; None where no item waits.

        A batch without live items has only expired or cancelled ones, to be resolved.
        """
        if self._interactive and not (self._analyses and self.share.is_due):
            formed = self._interactive_batch()
        elif self._analyses:
            formed = self._analysis_batch()
        else:
            return None
        batch = formed[1]
        batch.others_wait = bool(self._interactive if batch.is_analysis else self._analyses)
        return formed

    def ran(self, batch: Batch[Any, Any]) -> None:
        """Count the time of a batch that was run towards the share of its class."""
        seconds = batch.ended - batch.began
        if batch.is_analysis:
            self.share.analysis_ran(seconds, others_waited=batch.others_wait)
            return
        self.interactive_load.add(seconds)
        if batch.others_wait:
            self.share.interactive_ran(seconds)

    def _interactive_batch(self) -> Formed:
        """Form a batch of the queue whose first interactive item has waited longest."""
        queues = self._interactive
        queue = min(queues, key=lambda one: queues[one][0].since)
        items = queues[queue]
        most = queue.times.most_rows(SLICE_S) if self._analyses else queue.max_batch
        batch: Batch[Any, Any] = Batch([], [], 0, time.monotonic())
        _take(queue, items, batch, most)
        if not items:
            del queues[queue]
        return queue, batch

    def _analysis_batch(self) -> Formed:
        """Form a batch of the queue of the analysis whose turn it is."""
        order = self.turns.order
        waiting = ((order(job), queue) for queue in self._analyses for job in self._analyses[queue])
        _, queue = min(waiting, key=lambda one: one[0])
        jobs = self._analyses[queue]
        # A job that is alone has the largest batches, so that its results are reproducible.
        is_alone = len(jobs) == len(self._analyses) == 1 and not self._interactive
        most = queue.max_batch if is_alone else queue.times.most_rows(SLICE_S)
        batch: Batch[Any, Any] = Batch([], [], 0, time.monotonic(), is_analysis=True)
        for job in sorted(jobs, key=order):
            before = len(batch.live)
            _take(queue, jobs[job], batch, most)
            if len(batch.live) > before:
                self.turns.took(job)
            if not jobs[job]:
                del jobs[job]
            if len(batch.live) == most:
                break
        if not jobs:
            del self._analyses[queue]
        return queue, batch

    def items(self) -> Iterator[WaitingItem[Any, Any]]:
        """Iterate over all items that wait in the schedule."""
        for items in self._interactive.values():
            yield from items
        for jobs in self._analyses.values():
            for items in jobs.values():
                yield from items


def _take(queue: AnyQueue, items: Items, batch: Batch[Any, Any], most: int) -> None:
    """Move items of a schedule into a batch, without those that are cancelled or expired."""
    while items and len(batch.live) < most:
        waiting = items.popleft()
        queue.left(waiting)
        batch.estimated_s += waiting.estimated_s
        if waiting.future.done():
            batch.cancelled += 1
        elif waiting.deadline <= batch.began:
            batch.expired.append(waiting)
        else:
            batch.live.append(waiting)
