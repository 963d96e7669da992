"""Schedule of the device: the order of batches, their sizes and the shares of the two classes."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from api.inference.batch_times import BatchTimes
from api.inference.batching import Queue
from api.inference.jobs import Job
from api.inference.turns import SLICE_S
from tests.api.interleavings import WorkerByHand

SIZES = (1, 4, 16)


class TimedWorker(WorkerByHand):
    """A worker whose batches take as long as they are told to."""

    def run_one(self, seconds: float = SLICE_S) -> list[Any]:
        """Form the next batch, let it take some seconds and return its items."""
        formed = self.next_batch()
        assert formed is not None
        queue, batch = formed
        queue.run(batch)
        batch.ended = batch.began + seconds
        self.schedule.ran(batch)
        queue.resolve(batch)
        return [waiting.item for waiting in batch.live]


def timed(worker: WorkerByHand, sizes: tuple[int, ...] = SIZES) -> Queue[int, int]:
    """Create a queue whose batches of 1, 4 and 16 took 2, 6 and 30 ms."""
    queue = worker.queue(sizes=sizes, max_waiting=9999)
    for size, seconds in zip(SIZES, (0.002, 0.006, 0.03), strict=True):
        queue.times.measured(size, seconds)
    # Batches by hand take no time.
    queue.times.measured = lambda *_: None  # type: ignore[method-assign]
    return queue


def analysis(client: str = "one") -> Job:
    """Create the job of an analysis."""
    return Job(client, is_analysis=True, is_admitted=True)


def enqueue(queue: Queue[int, int], job: Job, *items: int) -> None:
    """Queue items of one job."""
    for item in items:
        queue.enqueue(item, job)


def scene(play: Callable[[TimedWorker], None]) -> Callable[[], None]:
    """Return a test that plays on an event loop, for the futures of the items."""

    async def run() -> None:
        play(TimedWorker())

    def test() -> None:
        asyncio.run(run())

    test.__doc__, test.__name__ = play.__doc__, play.__name__
    return test


@scene
def test_predictions_go_before_analyses(worker: TimedWorker) -> None:
    """A prediction that comes last is the next batch, in whichever queue."""
    analysed, predicted = timed(worker), timed(worker)
    enqueue(analysed, analysis(), *range(10))
    enqueue(predicted, Job("two"), 100)
    assert worker.run_one() == [100]


@scene
def test_analyses_have_a_fifth_of_the_device(worker: TimedWorker) -> None:
    """While predictions wait all the time, every fifth of the time is of analyses."""
    analysed, predicted = timed(worker, (1,)), timed(worker, (1,))
    enqueue(analysed, analysis(), *range(200))
    enqueue(predicted, Job("two"), *range(1000, 2000))
    ran = [worker.run_one()[0] < 1000 for _ in range(500)]
    # Rounding of the clock can put off the last slice.
    assert sum(ran) in (99, 100)
    # Slices of 30 ms come a third as often.
    spent = [0.0, 0.0]
    for _ in range(300):
        formed = worker.run_one(0.002)[0] < 1000
        spent[formed] += 0.002
    assert spent[True] / sum(spent) == pytest.approx(0.2, abs=0.02)


@scene
def test_idle_time_is_no_advance_on_the_share(worker: TimedWorker) -> None:
    """Analyses that had an idle device for long still have their share afterwards."""
    analysed, predicted = timed(worker, (1,)), timed(worker, (1,))
    enqueue(analysed, analysis(), *range(200))
    for _ in range(50):
        worker.run_one()
    enqueue(predicted, Job("two"), *range(1000, 1100))
    assert sum(worker.run_one()[0] < 1000 for _ in range(50)) in (9, 10)


@scene
def test_clients_take_turns_whatever_they_queue(worker: TimedWorker) -> None:
    """Fifty analyses of one client and one of another have alternate slices."""
    queues = [timed(worker, (1,)) for _ in range(51)]
    many = [analysis("one") for _ in range(50)]
    for queue, job in zip(queues, many, strict=False):
        enqueue(queue, job, *[1] * 10)
    enqueue(queues[50], analysis("two"), *[2] * 10)
    assert [worker.run_one()[0] for _ in range(20)].count(2) == 10


@scene
def test_jobs_of_a_client_take_turns(worker: TimedWorker) -> None:
    """The analyses of one client have a slice each before any has its second."""
    queues = [timed(worker, (1,)) for _ in range(5)]
    for number, queue in enumerate(queues):
        enqueue(queue, analysis(), *[number] * 3)
    ran = [worker.run_one()[0] for _ in range(15)]
    assert ran == [*range(5)] * 3


@scene
def test_a_new_job_joins_behind_those_that_wait(worker: TimedWorker) -> None:
    """A stream of short analyses does not keep a long one of their client waiting."""
    long, short = timed(worker, (1,)), timed(worker, (1,))
    enqueue(long, analysis(), *range(10))
    ran = []
    for number in range(10):
        enqueue(short, analysis(), 100 + number)
        ran.append(worker.run_one()[0])
    assert sum(item < 100 for item in ran) in (4, 5)


@scene
def test_a_job_that_is_alone_has_the_largest_batches(worker: TimedWorker) -> None:
    """So its rows are always in the same batch size, and its results reproducible."""
    queue = timed(worker)
    enqueue(queue, analysis(), *range(40))
    assert [len(worker.run_one()) for _ in range(3)] == [16, 16, 8]


@scene
def test_a_slice_beside_others_takes_ten_milliseconds(worker: TimedWorker) -> None:
    """Beside another job a batch has the largest size that took at most 10 ms."""
    queue, other = timed(worker), timed(worker)
    enqueue(queue, analysis(), *range(40))
    enqueue(other, analysis(), *range(40))
    assert [len(worker.run_one()) for _ in range(4)] == [4, 4, 4, 4]


@scene
def test_rows_of_other_analyses_fill_a_batch(worker: TimedWorker) -> None:
    """Analyses with few rows share batches, in the order of their turns."""
    queue = timed(worker)
    for number in range(6):
        enqueue(queue, analysis(), number)
    assert worker.run_one() == [0, 1, 2, 3]
    assert worker.run_one() == [4, 5]


def test_a_batch_time_that_was_long_once_is_measured_again() -> None:
    """A size that was too slow is tried again after some smaller slices."""
    times = BatchTimes(SIZES)
    times.measured(16, 0.03)
    assert times.most_rows(SLICE_S) == 4
    assert 16 in {times.most_rows(SLICE_S) for _ in range(100)}


def test_a_size_that_halves_the_time_of_a_row_may_take_two_slices() -> None:
    """A loop over steps takes hardly longer for sixteen sequences than for one."""
    times = BatchTimes((1, 16))
    times.measured(1, 0.009)
    times.measured(16, 0.012)
    assert times.most_rows(SLICE_S) == 16
