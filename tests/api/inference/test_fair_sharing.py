"""Fair sharing: jobs end when a simulation of the shares says so."""

import random

import pytest

from api.inference.fair_sharing import FairSharing
from api.inference.jobs import Job


def test_equal_jobs_end_together_and_clients_share_equally() -> None:
    """Three jobs of one client need as long together as each of three; another client has half."""
    first, second, third, other = (Job(name) for name in ("one", "one", "one", "two"))
    alone = FairSharing({first: 1.0, second: 1.0, third: 1.0})
    shared = FairSharing({first: 1.0, second: 1.0, third: 1.0, other: 1.0})
    assert {alone.finish(one) for one in (first, second, third)} == {3.0} == {alone.total}
    assert shared.finish(other) == 2.0
    assert {shared.finish(one) for one in (first, second, third)} == {4.0} == {shared.total}


def test_a_short_job_ends_before_long_ones() -> None:
    """Turns let a short job end after as much work of each other job as it has itself."""
    long, short, other = Job("one"), Job("one"), Job("two")
    found = FairSharing({long: 10.0, short: 1.0, other: 10.0})
    assert found.finish(short) == 4.0
    assert found.finish(other) == 20.0


@pytest.mark.parametrize("seed", range(50))
def test_jobs_end_as_in_a_simulation_of_shares(seed: int) -> None:
    """Clients have equal shares until they need none, as have the jobs of their first group."""
    draw = random.Random(seed)  # noqa: S311 - the same jobs in each run
    remaining = {}
    for _ in range(draw.randint(1, 20)):
        job = Job(draw.choice("abcd"))
        job.group = draw.randint(0, 2)
        remaining[job] = draw.choice((1.0, 2.0, draw.uniform(0.1, 5)))
    found = FairSharing(remaining)
    ends = _simulated(remaining)
    assert {job: found.finish(job) for job in remaining} == pytest.approx(ends)
    assert found.total == pytest.approx(max(ends.values()))


def _simulated(remaining: dict[Job, float]) -> dict[Job, float]:
    """Return the end of each job, going from one end to the next."""
    left, ends, now = dict(remaining), {}, 0.0
    while left:
        rates = {}
        for client in {job.client for job in left}:
            own = [job for job in left if job.client == client]
            sharing = [job for job in own if job.group == min(one.group for one in own)]
            for job in sharing:
                rates[job] = 1 / len({one.client for one in left}) / len(sharing)
        step = min(left[job] / rate for job, rate in rates.items())
        now += step
        for job, rate in rates.items():
            left[job] -= step * rate
        for job in [one for one in rates if left[one] < 1e-9]:
            ends[job] = now
            del left[job]
    return ends
