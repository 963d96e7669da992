"""Batcher: everybody gets their own result, whatever happens to the others."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.batching import Batcher, DeadlineError, QueueFullError

FAR = 1e9


class Machine:
    """Doubles numbers, one batch at a time, when it is allowed to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_run = asyncio.Event()
        self.may_run.set()
        self.lane = asyncio.Lock()

    async def __call__(self, items: list[int]) -> Sequence[int]:
        """Run one batch."""
        self.batches.append(items)
        await asyncio.sleep(0)  # as a device would: nothing is done before the loop goes round
        await self.may_run.wait()
        if -1 in items:
            raise RuntimeError
        return [2 * item for item in items]

    def batcher(self, max_batch: int = 4, max_waiting: int = 100) -> Batcher[int, int]:
        """Put a batcher before this machine."""
        return Batcher(self, max_batch=max_batch, max_waiting=max_waiting, lane=self.lane)


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_a_batch_is_what_arrived_while_the_last_one_ran() -> None:
    """The first item goes at once and alone; those that come meanwhile go together."""

    async def scene() -> None:
        machine = Machine()
        machine.may_run.clear()
        batcher = machine.batcher()
        first = asyncio.ensure_future(batcher.submit(1, FAR))
        await settle()
        others = [asyncio.ensure_future(batcher.submit(item, FAR)) for item in (2, 3, 4, 5, 6)]
        await settle()
        machine.may_run.set()
        assert await asyncio.gather(first, *others) == [2, 4, 6, 8, 10, 12]
        assert machine.batches == [[1], [2, 3, 4, 5], [6]]

    asyncio.run(scene())


def test_one_more_than_may_wait_is_refused_at_once() -> None:
    """A full queue refuses, and keeps what it holds."""

    async def scene() -> None:
        machine = Machine()
        machine.may_run.clear()
        batcher = machine.batcher(max_waiting=2)
        held = [asyncio.ensure_future(batcher.submit(1, FAR))]
        await settle()
        held += [asyncio.ensure_future(batcher.submit(item, FAR)) for item in (2, 3)]
        await settle()
        with pytest.raises(QueueFullError):
            await batcher.submit(4, FAR)
        machine.may_run.set()
        assert await asyncio.gather(*held) == [2, 4, 6]
        assert batcher.counts.refused == 1

    asyncio.run(scene())


def test_an_expired_item_is_never_run() -> None:
    """Past its deadline an item gets an error, and the machine does not see it."""

    async def scene() -> None:
        machine = Machine()
        machine.may_run.clear()
        batcher = machine.batcher()
        now = asyncio.get_running_loop().time()
        first = asyncio.ensure_future(batcher.submit(1, FAR))
        await settle()
        late = asyncio.ensure_future(batcher.submit(2, now))
        await settle()
        machine.may_run.set()
        assert await first == 2
        with pytest.raises(DeadlineError):
            await late
        assert machine.batches == [[1]]
        assert batcher.counts.expired == 1

    asyncio.run(scene())


def test_a_failed_batch_fails_its_own_items_only() -> None:
    """An error reaches those who were in the batch; the next batch runs."""

    async def scene() -> None:
        batcher = Machine().batcher()
        with pytest.raises(RuntimeError):
            await batcher.submit(-1, FAR)
        assert await batcher.submit(3, FAR) == 6

    asyncio.run(scene())


def test_a_wrong_number_of_results_is_an_error_and_no_mix_up() -> None:
    """Results that do not match the batch are given to nobody."""

    async def scene() -> None:
        async def short(items: list[int]) -> Sequence[int]:
            return items[1:]

        batcher = Batcher(short, max_batch=4, max_waiting=9, lane=asyncio.Lock())
        with pytest.raises(ValueError, match="shorter"):
            await batcher.submit(1, FAR)

    asyncio.run(scene())


def test_batchers_of_one_lane_take_turns() -> None:
    """Two programs of one device never run at once, and neither starves."""

    async def scene() -> None:
        machine = Machine()
        one, other = machine.batcher(max_batch=1), machine.batcher(max_batch=1)
        await asyncio.gather(
            *(one.submit(item, FAR) for item in (1, 2, 3)),
            *(other.submit(item, FAR) for item in (10, 20, 30)),
        )
        assert machine.batches == [[1], [10], [2], [20], [3], [30]]

    asyncio.run(scene())


@settings(max_examples=1000)
@given(st.lists(st.tuples(st.integers(0, 50), st.booleans(), st.integers(0, 3)), max_size=30))
def test_whoever_leaves_nobody_gets_anothers_result(
    callers: list[tuple[int, bool, int]],
) -> None:
    """Over random interleavings with cancellations, a result is always one's own.

    Every item is accounted for, and no cancelled item that waited is run.
    """

    async def scene() -> None:
        machine = Machine()
        batcher = machine.batcher()
        tasks = []
        for item, leaves, pauses in callers:
            task = asyncio.ensure_future(batcher.submit(item, FAR))
            tasks.append((item, task))
            if pauses == 1:
                machine.may_run.clear()
            for _ in range(pauses):
                await asyncio.sleep(0)
            if leaves:
                task.cancel()
            if pauses == 2:
                machine.may_run.set()
        machine.may_run.set()
        await asyncio.gather(*(task for _, task in tasks), return_exceptions=True)
        await settle()
        assert all(task.cancelled() or task.result() == 2 * item for item, task in tasks)
        counts = batcher.counts
        assert counts.failed == counts.expired == counts.refused == 0
        assert batcher.waiting == 0
        never_submitted = len(tasks) - counts.completed - counts.cancelled
        assert 0 <= never_submitted <= sum(leaves for _, leaves, _ in callers)

    asyncio.run(scene())
