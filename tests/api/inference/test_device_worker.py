"""Device worker: a device without memory, and one that hangs."""

import asyncio
import threading

import pytest

from api.inference.batching import Queue
from api.inference.device_memory import EXHAUSTED, in_halves
from api.inference.device_worker import DeviceWorker
from api.inference.errors import DeviceHungError, DeviceMemoryError
from api.inference.jobs import Job
from tests.api.interleavings import WorkerByHand, finish


def device(most: int, ran: list[list[int]]) -> Queue[int, int]:
    """Create a queue of a device with memory for some items, which doubles them."""

    def work(items: list[int]) -> list[int]:
        ran.append(items)
        if len(items) > most:
            msg = f"{EXHAUSTED}: out of memory"
            raise RuntimeError(msg)
        return [2 * item for item in items]

    worker = WorkerByHand()
    return Queue(worker, in_halves(work), sizes=(8,), max_waiting=99, max_bytes=99)


@pytest.mark.parametrize(("most", "calls"), [(4, 3), (2, 3)])
def test_a_batch_without_memory_is_run_in_halves_once(most: int, calls: int) -> None:
    """Halves that fit are served; a half that does not is an error of its items alone."""

    async def scene() -> None:
        ran: list[list[int]] = []
        queue = device(most, ran)
        waiting = [queue.enqueue(item, Job()) for item in range(7 if most == 4 else 8)]
        assert isinstance(queue._worker, WorkerByHand)
        formed = queue._worker.next_batch()
        assert formed is not None
        finish(*formed)
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        failed = [one for one in outcomes if isinstance(one, DeviceMemoryError)]
        assert len(ran) == calls
        assert len(failed) == (0 if most == 4 else 8)

    asyncio.run(scene())


def test_a_single_item_without_memory_is_an_error_of_its_own() -> None:
    """It is not tried again, and the next one is served."""

    async def scene() -> None:
        ran: list[list[int]] = []
        queue = device(0, ran)
        waiting = queue.enqueue(1, Job())
        assert isinstance(queue._worker, WorkerByHand)
        formed = queue._worker.next_batch()
        assert formed is not None
        finish(*formed)
        with pytest.raises(DeviceMemoryError):
            await waiting
        assert ran == [[1]]

    asyncio.run(scene())


def test_other_errors_are_not_tried_again() -> None:
    """A bug is raised for all callers."""

    def work(_: object) -> list[int]:
        raise KeyError

    with pytest.raises(KeyError):
        in_halves(work)([1, 2])


def test_a_call_that_hangs_fails_its_requests_and_those_behind_it() -> None:
    """The worker counts as hung until the call returns, and then serves again."""

    async def scene() -> None:
        running, may_run = threading.Event(), threading.Event()

        def work(items: list[int]) -> list[int]:
            running.set()
            may_run.wait(5)
            return items

        worker = DeviceWorker("worker", hung_s=0.05)
        worker.start()
        queue = Queue[int, int](worker, work, sizes=(1,), max_waiting=9, max_bytes=9)
        stuck, behind = queue.enqueue(1, Job()), queue.enqueue(2, Job(is_analysis=True))
        for one in (stuck, behind):
            with pytest.raises(DeviceHungError):
                async with asyncio.timeout(2):
                    await one
        assert worker.is_hung
        may_run.set()
        async with asyncio.timeout(2):
            assert (await queue.submit(3, Job())).result == 3
        assert not worker.is_hung
        await asyncio.get_running_loop().run_in_executor(None, worker.stop)

    asyncio.run(scene())
