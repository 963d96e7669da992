"""Retry times of requests for which there is no memory: when those that hold it will have ended."""

import math
import time
from contextlib import ExitStack

import pytest

from api.inference.errors import EngineBusyError
from api.inference.estimates import Cost
from api.inference.jobs import Job
from api.inference.memory_budget import MIB, HeldBytes, MemoryBudget
from api.inference.release_times import READERS_S, ReleaseTimes
from api.inference.workload import Workload

KINDS = ("sweep",)


def analysis(client: str = "one", seconds: float = 60.0) -> Job:
    """Create the job of an analysis with some seconds until its deadline."""
    return Job(client, time.monotonic() + seconds, is_analysis=True)


def near(seconds: float) -> object:
    """Return a time that equals another when both are rounded up to whole seconds, or nearly."""
    return pytest.approx(seconds, abs=1)


class Scene:
    """Budget of 100 MiB, in which jobs hold bytes and take a second for each of their rows."""

    def __init__(self) -> None:
        self.memory = MemoryBudget(100 * MIB, lambda: 0, lambda: None)
        self.workload = Workload(lambda: 1.0, 2)
        self.workload.estimates.learn(KINDS, 1, Cost(1.0, 0.0))
        self.memory.retry_s = ReleaseTimes(self.memory, self.workload).retry_s

    def begin(self, held: ExitStack, job: Job, mib: int, rows: int) -> None:
        """Admit a job, and let it hold bytes."""
        held.enter_context(HeldBytes(self.memory, job)).add(mib * MIB)
        held.enter_context(self.workload.admitted(job, KINDS, rows))

    def refused(self, mib: int, client: str = "other") -> float:
        """Return the time after which a refused request of a client comes back."""
        with pytest.raises(EngineBusyError) as caught:
            self.memory.take(mib * MIB, analysis(client))
        return caught.value.retry_after_s


def test_a_request_comes_back_when_enough_bytes_are_released() -> None:
    """Few bytes are there when the short job ends, more when the long one does, in seconds."""
    for mib, seconds in ((50, 4), (90, 11)):
        scene = Scene()
        with ExitStack() as held:
            scene.begin(held, analysis("one"), 60, 2)
            scene.begin(held, analysis("two"), 40, 9)
            assert scene.refused(mib) == near(seconds)


def test_requests_come_back_one_after_another() -> None:
    """Of many equal ones at once as many are due in each second as bytes will be released."""
    scene = Scene()
    with ExitStack() as held:
        for number in range(4):
            scene.begin(held, analysis(f"{number}"), 25, 1)
        times = [scene.refused(25) for _ in range(12)]
    assert times == sorted(times)
    assert [times[0], times[-1]] == [near(4), near(4 + 11)]


def test_readers_that_do_not_take_their_answers_are_waited_for() -> None:
    """Where no job ends that would release enough bytes, slow clients take theirs or are cut."""
    scene = Scene()
    scene.memory.unsent = lambda: 90 * MIB
    assert scene.refused(20) == near(READERS_S)


def test_jobs_end_at_their_deadline_at_the_latest() -> None:
    """An estimate beyond it does not let others wait longer; work without an estimate is short."""
    scene = Scene()
    with ExitStack() as held:
        scene.begin(held, analysis("one", seconds=2.5), 100, 9)
        assert scene.refused(10) == near(3)
    scene = Scene()
    with HeldBytes(scene.memory, Job("one", math.inf)) as short:
        short.add(100 * MIB)
        assert scene.refused(10) == 1
