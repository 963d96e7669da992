"""Workload: who is admitted is computed in time, who is not is told when to come back."""

import time
from contextlib import ExitStack, suppress

import pytest

from api.inference.errors import EngineBusyError
from api.inference.estimates import Cost
from api.inference.jobs import Job
from api.inference.turns import Turns
from api.inference.workload import MAX_REFUSED, REFUSED_S, Workload

KINDS = ("sweep of relu3", "sweep")
SHARE_S = 0.6
"""Seconds of which five fit into the share of a deadline that new jobs fill."""

DEVICE = Cost(SHARE_S, 0.0)


def workload(cost: Cost = DEVICE) -> Workload:
    """Create a workload that knows the cost of a row of a sweep."""
    found = Workload(lambda: 1.0, 2)
    found.estimates.learn(KINDS, 1, cost)
    return found


def analysis(client: str = "one", seconds: float = 10.5) -> Job:
    """Create the job of an analysis with some seconds until its deadline."""
    return Job(client, time.monotonic() + seconds, is_analysis=True)


def test_as_many_are_admitted_as_end_in_a_share_of_their_time() -> None:
    """Of ten seconds three are filled with jobs of 0.6 s; the next is refused at once."""
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
            job.device_s = SHARE_S / 2
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
        held.enter_context(admission.admitted(analysis(seconds=3.2), KINDS, 5))
        with pytest.raises(EngineBusyError):
            held.enter_context(admission.admitted(analysis(), KINDS, 1))
        held.enter_context(admission.admitted(analysis("two"), KINDS, 1))


def test_a_job_that_is_late_anyway_keeps_none_out() -> None:
    """A long job, admitted as it was alone, will miss its deadline whether another runs or not."""
    admission = workload()
    with ExitStack() as held:
        held.enter_context(admission.admitted(analysis(seconds=1.0), KINDS, 5))
        held.enter_context(admission.admitted(analysis(), KINDS, 1))


def test_cpu_work_counts_by_its_threads() -> None:
    """Ten drawings of 0.6 s in two threads take three seconds; an eleventh is refused."""
    admission = workload(Cost(0.0, SHARE_S))
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


def test_jobs_of_a_client_take_turns_in_groups() -> None:
    """The fifth job of a client ends after the four before it; another client's is not behind."""
    admission, jobs = workload(), [analysis() for _ in range(5)]
    other = analysis("two")
    with ExitStack() as held:
        for job in (*jobs, other):
            held.enter_context(admission.admitted(job, KINDS, 1))
        assert [job.group for job in (*jobs, other)] == [0, 0, 0, 0, 1, 0]
        ends = admission.ends()
        assert ends[jobs[4]] > ends[jobs[3]] > ends[other]
        turns = Turns()
        for job in reversed(jobs):
            turns.join(job)
        assert min(jobs, key=turns.order) is jobs[3]
        assert max(jobs, key=turns.order) is jobs[4]


def test_a_job_like_a_refused_one_is_refused_without_its_rows() -> None:
    """For a moment, of the same client and the same widest kind, with a time of its own."""
    admission = workload()
    with ExitStack() as held:
        for _ in range(5):
            held.enter_context(admission.admitted(analysis(), KINDS, 1))
        admission.check_refused(analysis(), "sweep")
        with pytest.raises(EngineBusyError) as first:
            held.enter_context(admission.admitted(analysis(), KINDS, 1))
        with pytest.raises(EngineBusyError) as second:
            admission.check_refused(analysis(), "sweep")
        assert second.value.retry_after_s >= first.value.retry_after_s
        with pytest.raises(EngineBusyError):
            admission.check_refused(analysis(), KINDS[0])
        admission.check_refused(analysis("two"), "sweep")
        admission.check_refused(analysis(), "occlusion")


def test_few_kinds_of_refused_jobs_are_known() -> None:
    """Jobs of ever other kinds take no more memory."""
    admission = workload()
    with ExitStack() as held:
        for _ in range(5):
            held.enter_context(admission.admitted(analysis(), KINDS, 1))
        for rows in range(MAX_REFUSED + 1):
            with pytest.raises(EngineBusyError):
                held.enter_context(admission.admitted(analysis(), (("sweep", rows), "sweep"), 1))
        admission.check_refused(analysis(), ("sweep", 0))
        with pytest.raises(EngineBusyError):
            admission.check_refused(analysis(), ("sweep", MAX_REFUSED))


def test_a_refusal_holds_for_clients_with_as_many_jobs() -> None:
    """Of two clients with two jobs each one is refused; a third one with one job is not yet."""
    admission = workload(Cost(2 * SHARE_S, 0.0))
    with ExitStack() as held:
        for client in ("one", "two", "one", "two", "three"):
            with suppress(EngineBusyError):
                held.enter_context(admission.admitted(analysis(client, 30.0), KINDS, 1))
        with pytest.raises(EngineBusyError):
            held.enter_context(admission.admitted(analysis("one"), KINDS, 1))
        for client in ("one", "two"):
            with pytest.raises(EngineBusyError):
                admission.check_refused(analysis(client), "sweep")
        admission.check_refused(analysis("three"), "sweep")


def test_a_refusal_of_one_that_comes_back_holds_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Clients that come back have more room, which is refused apart from that of new jobs."""
    admission, now = workload(), time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with ExitStack() as held:
        for _ in range(5):
            held.enter_context(admission.admitted(analysis(), KINDS, 1))
        with pytest.raises(EngineBusyError) as refused:
            held.enter_context(admission.admitted(analysis(), KINDS, 1))
        now += refused.value.retry_after_s
        with pytest.raises(EngineBusyError):
            held.enter_context(admission.admitted(analysis(seconds=1.0), KINDS, 1))
        with pytest.raises(EngineBusyError):
            admission.check_refused(analysis(), "sweep")


def test_a_refusal_is_forgotten_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room that came meanwhile is used by the next request, whose time is estimated again."""
    admission, now = workload(), time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with ExitStack() as held:
        for _ in range(5):
            held.enter_context(admission.admitted(analysis(), KINDS, 1))
        with pytest.raises(EngineBusyError):
            held.enter_context(admission.admitted(analysis(), KINDS, 1))
        now += 2 * REFUSED_S
        admission.check_refused(analysis(), "sweep")


def test_a_refusal_is_forgotten_when_many_jobs_leave() -> None:
    """As when a client with all of them has disconnected."""
    admission = workload()
    with ExitStack() as held:
        for _ in range(5):
            held.enter_context(admission.admitted(analysis(), KINDS, 1))
        with pytest.raises(EngineBusyError):
            held.enter_context(admission.admitted(analysis(), KINDS, 1))
    admission.check_refused(analysis(), "sweep")


def test_fewer_are_admitted_where_jobs_end_later_than_expected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A machine with other work to do takes twice as long, so that half as many jobs fit."""
    admission, now = workload(), time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)

    def admit_most() -> int:
        """Admit jobs until one is refused; they end twice as late as one after another would."""
        nonlocal now
        jobs: list[Job] = []
        with ExitStack() as held:
            with suppress(EngineBusyError):
                while True:
                    job = analysis()
                    held.enter_context(admission.admitted(job, KINDS, 1))
                    jobs.append(job)
            for job in jobs:
                job.device_s = SHARE_S
            now += 2 * SHARE_S * len(jobs)
        return len(jobs)

    first = admit_most()
    for _ in range(10):
        last = admit_most()
        now += 120
    assert first == 5
    assert last < first


def test_compilation_is_no_sign_of_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many jobs are admitted after those that waited a minute for their programs."""
    admission, now = workload(), time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    jobs = [analysis(seconds=100) for _ in range(5)]
    with ExitStack() as held:
        for job in jobs:
            held.enter_context(admission.admitted(job, KINDS, 1))
            job.device_s = SHARE_S
        with jobs[-1].waiting_for_compilation():
            now += 60
        for job in jobs:
            job.compiled_s = jobs[-1].compiled_s
    with ExitStack() as held:
        for _ in range(5):
            held.enter_context(admission.admitted(analysis(), KINDS, 1))


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
    assert told == sorted(told)
    assert len(set(told[:20])) > 10
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
