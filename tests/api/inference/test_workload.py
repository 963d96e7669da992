"""Workload: who is admitted is computed in time, who is not is told when to come back."""

import time
from contextlib import ExitStack

import pytest

from api.inference.errors import EngineBusyError
from api.inference.estimates import Cost
from api.inference.fair_sharing import fair_finishes
from api.inference.jobs import Job
from api.inference.workload import Workload

KINDS = ("sweep",)
SECOND = Cost(1.0, 0.0)


def workload(cost: Cost = SECOND) -> Workload:
    """Create a workload that knows the cost of a row of a sweep."""
    found = Workload(lambda: 1.0, 2)
    found.estimates.learn(KINDS, 1, cost)
    return found


def analysis(client: str = "one", seconds: float = 10.5) -> Job:
    """Create the job of an analysis with some seconds until its deadline."""
    return Job(client, time.monotonic() + seconds, is_analysis=True)


def test_equal_jobs_end_together_and_clients_share_equally() -> None:
    """Three jobs of one client need as long together as each of three; another client has half."""
    first, second, third, other = (Job(name) for name in ("one", "one", "one", "two"))
    alone = fair_finishes({first: 1.0, second: 1.0, third: 1.0})
    shared = fair_finishes({first: 1.0, second: 1.0, third: 1.0, other: 1.0})
    assert set(alone.values()) == {3.0}
    assert shared[other] == 2.0
    assert {shared[one] for one in (first, second, third)} == {4.0}


def test_a_short_job_ends_before_long_ones() -> None:
    """Turns let a short job end after as much work of each other job as it has itself."""
    long, short, other = Job("one"), Job("one"), Job("two")
    found = fair_finishes({long: 10.0, short: 1.0, other: 10.0})
    assert found[short] == 4.0
    assert found[other] == 20.0


def test_as_many_are_admitted_as_end_in_half_their_time() -> None:
    """Of ten seconds five are filled with jobs of one second; the next is refused at once."""
    admission = workload()
    with ExitStack() as held:
        for _ in range(5):
            held.enter_context(admission.admitted(analysis(), KINDS, 1))
        with pytest.raises(EngineBusyError, match="Work of 5 requests") as refused:
            held.enter_context(admission.admitted(analysis(), KINDS, 1))
        assert refused.value.retry_after_s >= 1
    with admission.admitted(analysis(), KINDS, 1):
        pass


def test_progress_makes_room() -> None:
    """What the jobs have done on the device counts no longer."""
    admission = workload()
    jobs = [analysis() for _ in range(5)]
    with ExitStack() as held:
        for job in jobs:
            held.enter_context(admission.admitted(job, KINDS, 1))
        with pytest.raises(EngineBusyError):
            held.enter_context(admission.admitted(analysis(), KINDS, 1))
        for job in jobs:
            job.device_s = 0.5
        held.enter_context(admission.admitted(analysis(), KINDS, 1))


def test_another_client_is_admitted_beside_a_full_queue_of_one() -> None:
    """Its turns come as often as those of the client with five jobs."""
    admission = workload()
    with ExitStack() as held:
        for _ in range(5):
            held.enter_context(admission.admitted(analysis("one"), KINDS, 1))
        held.enter_context(admission.admitted(analysis("two"), KINDS, 1))
        held.enter_context(admission.admitted(analysis("two"), KINDS, 1))


def test_a_job_alone_is_admitted_whatever_it_costs() -> None:
    """So that its cost can be learned, and no request is refused for ever."""
    admission = workload(Cost(100.0, 0.0))
    with admission.admitted(analysis(), KINDS, 1):
        pass


def test_an_admitted_job_is_not_made_late_by_its_own_client() -> None:
    """A short job that would end in time is refused where a long one then would not."""
    admission = workload()
    with ExitStack() as held:
        held.enter_context(admission.admitted(analysis(seconds=5.2), KINDS, 5))
        with pytest.raises(EngineBusyError):
            held.enter_context(admission.admitted(analysis(), KINDS, 1))
        held.enter_context(admission.admitted(analysis("two"), KINDS, 1))


def test_cpu_work_counts_by_its_threads() -> None:
    """Ten drawings of one second in two threads take five seconds; an eleventh is refused."""
    admission = workload(Cost(0.0, 1.0))
    with ExitStack() as held:
        for _ in range(10):
            held.enter_context(admission.admitted(analysis(), KINDS, 1))
        with pytest.raises(EngineBusyError):
            held.enter_context(admission.admitted(analysis(), KINDS, 1))


def test_an_interactive_job_does_not_wait_for_analyses() -> None:
    """A picture of a prediction is admitted beside any number of analyses."""
    admission = workload()
    with ExitStack() as held:
        for _ in range(5):
            held.enter_context(admission.admitted(analysis(), KINDS, 1))
        held.enter_context(admission.admitted(Job("one", time.monotonic() + 10.5), KINDS, 4))


def test_refused_jobs_are_told_different_times() -> None:
    """One after another, by the seconds that each of them takes; at most a minute."""
    admission = workload()
    with ExitStack() as held:
        for _ in range(5):
            held.enter_context(admission.admitted(analysis(), KINDS, 1))
        told = []
        for _ in range(70):
            with pytest.raises(EngineBusyError) as refused:
                held.enter_context(admission.admitted(analysis(), KINDS, 1))
            told.append(refused.value.retry_after_s)
    assert told[:20] == sorted(set(told[:20]))
    assert max(told) <= 60


def test_one_that_comes_back_goes_before_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the time that it was told, a client has room that new ones have not."""
    admission, now = workload(), time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with ExitStack() as held:
        for _ in range(5):
            held.enter_context(admission.admitted(analysis(), KINDS, 1))
        with pytest.raises(EngineBusyError) as refused:
            held.enter_context(admission.admitted(analysis(), KINDS, 1))
        now += refused.value.retry_after_s
        held.enter_context(admission.admitted(analysis(), KINDS, 1))
        with pytest.raises(EngineBusyError):
            held.enter_context(admission.admitted(analysis(), KINDS, 1))


def stop(job: Job) -> None:
    """Stop a job by an exception after three seconds of the device."""
    job.device_s += 3.0
    raise KeyError


def test_costs_are_learned_and_those_of_stopped_jobs_where_they_are_higher() -> None:
    """A job that ends, and one that was stopped after more than its estimate."""
    admission = workload()
    with admission.admitted(job := analysis(), KINDS, 10):
        job.device_s = 5.0
    learned = admission.estimates.cost(KINDS, 1).device_s
    assert 0.5 < learned < 1
    with pytest.raises(KeyError), admission.admitted(analysis(), KINDS, 1):
        stop(Job())
    assert admission.estimates.cost(KINDS, 1).device_s == learned
    with pytest.raises(KeyError), admission.admitted(job := analysis(), KINDS, 1):
        stop(job)
    assert admission.estimates.cost(KINDS, 1).device_s > learned
