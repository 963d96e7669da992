"""Batching: each caller gets its own result, independent of the others in the batch."""

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from api.inference.batching import Queue, Served
from api.inference.device_worker import DeviceWorker
from api.inference.errors import DeadlineError, QueueFullError
from api.inference.jobs import Job
from tests.api.interleavings import FAR, WorkerByHand, finish, play_all


async def submitted(
    queue: Queue[int, int], *items: int, size: int = 0
) -> list[asyncio.Task[Served[int]]]:
    """Submit items one after the other, and let them arrive."""
    tasks = [asyncio.ensure_future(queue.submit(item, Job(deadline=FAR), size)) for item in items]
    await asyncio.sleep(0)
    return tasks


def run_one(worker: WorkerByHand) -> None:
    """Form, run and resolve one batch."""
    formed = worker.next_batch()
    assert formed is not None
    finish(*formed)


async def results(tasks: list[asyncio.Task[Served[int]]]) -> list[int]:
    """Wait for results."""
    return [served.result for served in await asyncio.gather(*tasks)]


def test_a_batch_is_what_waits_oldest_first() -> None:
    """A batch has at most its maximum of items, in the order of their arrival."""

    async def scene() -> None:
        worker = WorkerByHand()
        queue = worker.queue(sizes=(4,))
        tasks = await submitted(queue, 1, 2, 3, 4, 5, 6)
        run_one(worker)
        run_one(worker)
        assert await results(tasks) == [2, 4, 6, 8, 10, 12]
        assert worker.ran == [[1, 2, 3, 4], [5, 6]]
        assert worker.next_batch() is None

    asyncio.run(scene())


def test_one_more_than_may_wait_is_refused_at_once() -> None:
    """A full queue refuses an item, and keeps the others."""

    async def scene() -> None:
        worker = WorkerByHand()
        queue = worker.queue(max_waiting=2)
        held = await submitted(queue, 2, 3)
        with pytest.raises(QueueFullError):
            await queue.submit(4, Job(deadline=FAR))
        run_one(worker)
        assert await results(held) == [4, 6]
        assert queue.counts.refused == 1

    asyncio.run(scene())


def test_more_bytes_than_may_wait_are_refused() -> None:
    """Bytes are bounded as rows are; one item alone may be of any size."""

    async def scene() -> None:
        worker = WorkerByHand()
        queue = worker.queue(max_bytes=100)
        held = await submitted(queue, 1, size=500)
        with pytest.raises(QueueFullError):
            await queue.submit(2, Job(deadline=FAR), 1)
        assert queue.waiting_bytes == 500
        run_one(worker)
        assert queue.waiting_bytes == 0
        held += await submitted(queue, 3, 4, size=50)
        with pytest.raises(QueueFullError):
            await queue.submit(5, Job(deadline=FAR), 1)
        run_one(worker)
        assert await results(held) == [2, 6, 8]

    asyncio.run(scene())


def test_an_expired_item_is_never_run() -> None:
    """Past its deadline an item gets an error, and the device does not see it."""

    async def scene() -> None:
        worker = WorkerByHand()
        queue = worker.queue()
        late = asyncio.ensure_future(queue.submit(2, Job(deadline=time.monotonic())))
        tasks = await submitted(queue, 1)
        run_one(worker)
        assert await results(tasks) == [2]
        with pytest.raises(DeadlineError):
            await late
        assert worker.ran == [[1]]
        assert queue.counts.expired == 1

    asyncio.run(scene())


def test_who_leaves_before_a_batch_is_formed_is_not_in_it() -> None:
    """The item of a cancelled caller is not run."""

    async def scene() -> None:
        worker = WorkerByHand()
        queue = worker.queue()
        gone, *stayed = await submitted(queue, 1, 2)
        gone.cancel()
        await asyncio.sleep(0)
        run_one(worker)
        assert await results(stayed) == [4]
        assert worker.ran == [[2]]
        assert queue.counts.cancelled == 1

    asyncio.run(scene())


def test_a_failed_batch_fails_its_own_items_only() -> None:
    """An exception is raised for each caller of the batch; the next batch runs."""

    async def scene() -> None:
        worker = WorkerByHand()
        queue = worker.queue()
        failed = await submitted(queue, -1, 7)
        run_one(worker)
        for task in failed:
            with pytest.raises(RuntimeError):
                await task
        tasks = await submitted(queue, 3)
        run_one(worker)
        assert await results(tasks) == [6]
        assert (queue.counts.failed, queue.counts.completed) == (2, 1)

    asyncio.run(scene())


def test_a_wrong_number_of_results_is_an_error_and_no_mix_up() -> None:
    """A wrong number of results is an error for each caller of the batch."""

    async def scene() -> None:
        worker = WorkerByHand()
        queue = Queue[int, int](
            worker, lambda items: items[1:], sizes=(4,), max_waiting=9, max_bytes=9
        )
        (task,) = await submitted(queue, 1)
        run_one(worker)
        with pytest.raises(ValueError, match="0 results for 1 items"):
            await task

    asyncio.run(scene())


def test_queues_of_one_lane_take_locks() -> None:
    """The item that has waited longest goes first, in either queue, so that neither starves."""

    async def scene() -> None:
        worker = WorkerByHand()
        one, other = worker.queue(sizes=(1,)), worker.queue(sizes=(1,))
        tasks = []
        for item in (1, 2, 3):
            tasks += await submitted(one, item)
            tasks += await submitted(other, 10 * item)
        for _ in tasks:
            run_one(worker)
        assert worker.ran == [[1], [10], [2], [20], [3], [30]]

    asyncio.run(scene())


def test_a_result_says_how_long_it_waited_and_ran() -> None:
    """The two times are of the item and its batch, and are added up."""

    async def scene() -> None:
        worker = WorkerByHand()
        queue = worker.queue()
        (task,) = await submitted(queue, 1)
        await asyncio.sleep(0.01)
        run_one(worker)
        served = await task
        assert served.queued_s >= 0.01
        assert 0 <= served.ran_s < 1
        assert queue.counts.queued_s == served.queued_s
        assert queue.counts.ran_s == served.ran_s

    asyncio.run(scene())


def test_whoever_leaves_nobody_gets_anothers_result() -> None:
    """Over 1,000 random interleavings, with cancellations, deadlines and limits."""
    asyncio.run(play_all(range(1000)))


@contextmanager
def started(worker: DeviceWorker) -> Iterator[DeviceWorker]:
    """Run a worker's thread."""
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


def on_a_thread(
    scene: Callable[[DeviceWorker], Awaitable[None]], *, run_inline: bool = False
) -> None:
    """Run a scene with a real worker, whose thread ends with it."""

    async def play() -> None:
        with started(DeviceWorker("worker", run_inline=run_inline)) as worker:
            await scene(worker)

    before = threading.active_count()
    asyncio.run(play())
    assert threading.active_count() == before


def test_what_arrives_while_a_batch_runs_goes_together() -> None:
    """The first item runs alone; items that arrive meanwhile are one batch."""

    async def scene(worker: DeviceWorker) -> None:
        running, may_run, batches = threading.Event(), threading.Event(), list[list[int]]()

        def work(items: list[int]) -> list[int]:
            batches.append(items)
            running.set()
            may_run.wait()
            return items

        queue = Queue(worker, work, sizes=(8,), max_waiting=9, max_bytes=9)
        tasks = await submitted(queue, 1)
        await asyncio.get_running_loop().run_in_executor(None, running.wait)
        tasks += await submitted(queue, 2, 3, 4)
        may_run.set()
        assert await results(tasks) == [1, 2, 3, 4]
        assert batches == [[1], [2, 3, 4]]

    on_a_thread(scene)


def test_what_arrives_together_goes_together() -> None:
    """Items submitted in one round of the event loop make one batch, though nothing runs."""

    async def scene(worker: DeviceWorker) -> None:
        batches = list[list[int]]()

        def work(items: list[int]) -> list[int]:
            batches.append(items)
            return items

        queue = Queue(worker, work, sizes=(8,), max_waiting=9, max_bytes=9)
        await asyncio.sleep(0.01)  # the thread has found nothing and sleeps
        assert await results(await submitted(queue, 1, 2, 3)) == [1, 2, 3]
        assert batches == [[1, 2, 3]]

    on_a_thread(scene)


def test_a_lone_item_can_run_on_the_event_loop() -> None:
    """A single item runs on the event loop while the thread is idle; two run in the thread."""

    async def scene() -> None:
        with started(DeviceWorker("worker", run_inline=True)) as worker:
            ran_on = []

            def work(items: list[int]) -> list[int]:
                ran_on.append(threading.current_thread().name)
                return items

            queue = Queue(worker, work, sizes=(8,), max_waiting=9, max_bytes=9)
            await asyncio.sleep(0.01)  # the thread has found nothing and sleeps
            assert await results(await submitted(queue, 1)) == [1]
            assert await results(await submitted(queue, 2, 3)) == [2, 3]
            await asyncio.sleep(0.01)
            assert await results(await submitted(queue, 4)) == [4]
            assert ran_on == ["MainThread", "worker", "MainThread"]

    asyncio.run(scene())


def test_the_event_loop_never_runs_a_batch_beside_the_thread() -> None:
    """A single item waits for the batch of a thread that has just begun one."""

    async def scene() -> None:
        with started(DeviceWorker("worker", run_inline=True)) as worker:
            running, may_run, ran_on = threading.Event(), threading.Event(), []

            def work(items: list[int]) -> list[int]:
                ran_on.append(threading.current_thread().name)
                running.set()
                may_run.wait(5)
                return items

            queue = Queue(worker, work, sizes=(2,), max_waiting=9, max_bytes=9)
            tasks = await submitted(queue, 1, 2)
            await asyncio.get_running_loop().run_in_executor(None, running.wait)
            worker._idle = True  # as it is for a moment before the thread looks a last time
            tasks += await submitted(queue, 3)
            await asyncio.sleep(0.01)
            assert ran_on == ["worker"]
            may_run.set()
            async with asyncio.timeout(5):
                assert await results(tasks) == [1, 2, 3]
            assert ran_on == ["worker", "worker"]

    asyncio.run(scene())


@pytest.mark.parametrize("run_inline", [False, True])
def test_a_thread_under_random_load_mixes_nothing_up(run_inline: bool) -> None:
    """Hundreds of callers of two queues, some cancelled, get their own results."""

    async def scene(worker: DeviceWorker) -> None:
        dice = random.Random(0)  # noqa: S311 - a game

        def work(items: list[int]) -> list[int]:
            time.sleep(0.0002)
            return [2 * item for item in items]

        queues = [Queue(worker, work, sizes=(5,), max_waiting=999, max_bytes=9) for _ in range(2)]
        tasks = []
        for item in range(600):
            tasks += await submitted(queues[item % 2], item)
            if dice.random() < 0.2:
                dice.choice(tasks).cancel()
            if dice.random() < 0.1:
                await asyncio.sleep(0.001)
        await asyncio.gather(*tasks, return_exceptions=True)
        kept = [(item, task) for item, task in enumerate(tasks) if not task.cancelled()]
        assert len(kept) > 400
        assert all(task.result().result == 2 * item for item, task in kept)
        assert all(queue.waiting == 0 for queue in queues)

    on_a_thread(scene, run_inline=run_inline)
