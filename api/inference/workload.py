"""Workload: admission of requests by the time at which they will have been computed."""

import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from api.inference.errors import EngineBusyError
from api.inference.estimates import SMOOTHING, Cost, Estimates
from api.inference.fair_sharing import FairSharing
from api.inference.jobs import Job
from api.inference.retries import Retries

NEW_HEADROOM: Final = 0.3
"""Share of its time until the deadline in which a new request must be computed, as estimated.

The rest is for errors of the estimates, and for other clients that come meanwhile. A longer queue
would not let more jobs end in a time.
"""

RETRY_HEADROOM: Final = 0.45
"""As `NEW_HEADROOM`, of a refused request that returns at its retry time."""

LEAST_LEFT: Final = 0.1
"""Share of its estimate that a job is still expected to take when it has taken longer."""


GROUP_JOBS: Final = 4
"""Jobs of one client that take turns with each other, in the order of their arrival."""

LEAST_EXPECTED_S: Final = 0.25
"""Least estimated seconds of a job whose end says how much later than estimated jobs end."""

MOST_SLOWDOWN: Final = 4.0
"""Most times as late as estimated that jobs are taken to end.

One stalled job does not close the server.
"""

REFUSED_S: Final = 0.25
"""Seconds for which a further job like a refused one is refused before its input is read.

Meanwhile room for it may come, which is used later: there is work for seconds.
"""

MAX_REFUSED: Final = 512
"""Kinds of refused jobs that are known at most; then all are forgotten."""

KEPT_SHARE: Final = 0.75
"""Share of the jobs at a refusal that must be left for a further job to be refused like that."""


class _Refusal(NamedTuple):
    """Refusal of a job.

    Attributes:
        at: When it was, by `time.monotonic`.
        jobs: Jobs of the workload then.
        own: Those of its client.
        late_s: Seconds by which it, or another job, would have been late.
        cost_s: Its cost in seconds.
    """

    at: float
    jobs: int
    own: int
    late_s: float
    cost_s: float


class Workload:
    """Workload of admitted jobs: their estimated remaining time. Of one event loop.

    A job is admitted if it will end in a share of its time beside those admitted before it, which
    take turns with it, and does not make one of them late. A client without a job in flight may
    make others late, so that each client has its share; a job that is alone is always admitted.

    Args:
        device_share: Returns the share of the device that interactive rows leave to analyses.
        threads: CPU threads that analyses share.

    Attributes:
        estimates: Costs learned from jobs that ended.
        retries: Times at which refused jobs come back.
    """

    def __init__(self, device_share: Callable[[], float], threads: int) -> None:
        self._device_share = device_share
        self._threads = threads
        self._costs: dict[Job, Cost] = {}
        # By the widest and the narrowest kind, and whether the job had come back.
        self._refused: dict[tuple[Hashable, bool], _Refusal] = {}
        self._slowdown = 1.0
        self.retries = Retries()
        self.estimates = Estimates()

    @contextmanager
    def admitted(self, job: Job, kinds: Sequence[Hashable], rows: int) -> Iterator[None]:
        """Admit a job to the workload, and learn its cost when it ends.

        Args:
            job: Job to admit; its rows are queued, and its CPU work is begun, within the context.
            kinds: Kinds of its request, the narrowest first.
            rows: Number of its rows.

        Raises:
            EngineBusyError: It would not end before its deadline.
        """
        cost = self.estimates.cost(kinds, rows)
        expected_s = self._admit(job, kinds, cost)
        began, before = time.monotonic(), (job.device_s, job.cpu_s)
        self._costs[job] = Cost(cost.device_s + before[0], cost.cpu_s + before[1])
        ended = False
        try:
            yield
            ended = True
        finally:
            del self._costs[job]
            # Compilation is no sign of load: it happens once.
            self._learn_slowdown(time.monotonic() - began - job.compiled_s, expected_s)
            spent = Cost(job.device_s - before[0], job.cpu_s - before[1])
            # One that was stopped has a cost, too, where it is more than was known.
            if ended or spent.device_s > cost.device_s or spent.cpu_s > cost.cpu_s:
                self.estimates.learn(kinds, rows, spent)

    def check_refused(self, job: Job, kind: Hashable) -> None:
        """Refuse a job like one that was refused a moment ago, without estimating all jobs again.

        That one's client had no more jobs in the workload than the client of this one has.

        Args:
            job: Job of a client.
            kind: Widest kind of its request, or the narrowest where it is known.

        Raises:
            EngineBusyError: As a moment ago, it would not end before its deadline.
        """
        found = self._refused.get((kind, self.retries.is_back(job.client)))
        if found is None or time.monotonic() - found.at > REFUSED_S:
            return
        if len(self._costs) < KEPT_SHARE * found.jobs:
            return  # many have left at once
        if self._jobs_of(job.client) < found.own:
            return  # it may have a larger share than the other client
        raise self._refusal(job, found)

    def _admit(self, job: Job, kinds: Sequence[Hashable], cost: Cost) -> float:
        """Return the seconds in which the workload will have done a job; refuse it without room."""
        share = self._device_share() if job.is_analysis else 1.0
        cost_s = max(cost.device_s / share, cost.cpu_s / self._threads)
        is_back = self.retries.is_back(job.client)
        headroom = RETRY_HEADROOM if is_back else NEW_HEADROOM
        late_s, expected_s = self._lateness(job, cost, headroom, share)
        if late_s > 0:
            own = self._jobs_of(job.client)
            found = _Refusal(time.monotonic(), len(self._costs), own, late_s, cost_s)
            if len(self._refused) >= MAX_REFUSED:
                self._refused.clear()
            self._refused[kinds[0], is_back] = self._refused[kinds[-1], is_back] = found
            raise self._refusal(job, found)
        self.retries.admitted(job.client, cost_s)
        return expected_s

    def _jobs_of(self, client: str) -> int:
        """Return the number of a client's jobs in the workload."""
        return [one.client for one in self._costs].count(client)

    def _refusal(self, job: Job, found: "_Refusal") -> EngineBusyError:
        """Return the error of a job for which the workload has no room, with a time of its own."""
        msg = (
            f"Work of {len(self._costs)} requests is in front of this one, so that it would "
            "not be computed in time."
        )
        return EngineBusyError(msg, self.retries.give(job.client, found.late_s, found.cost_s))

    def _lateness(self, job: Job, cost: Cost, headroom: float, share: float) -> tuple[float, float]:
        """Return by how much a job of the workload would be late, and when the new one would end.

        Both in seconds; the first is 0 where no job would be late.
        """
        # Interactive jobs do not wait for analyses.
        counted = [one for one in self._costs if job.is_analysis or not one.is_analysis]
        job.group = _next_group(job, counted)
        if not counted:
            return 0.0, 0.0
        now = time.monotonic()
        left = {one: self._left(one) for one in counted}
        after = self._finishes({**left, job: cost}, share)
        expected_s = after.finish(job)
        late_s = self._slowdown * expected_s - headroom * (job.deadline - now)
        if late_s > 0:
            return late_s, expected_s
        all_in_time = after.total_s <= min(one.deadline for one in counted) - now
        if all_in_time or all(one.client != job.client for one in counted):
            return 0.0, expected_s
        before = self._finishes(left, share)
        late = [
            after.finish(one) - (one.deadline - now)
            for one in counted
            if before.finish(one) <= one.deadline - now
        ]
        # Jobs that are late without the new one are none that it makes late.
        return max([0.0, *late]), expected_s

    def _learn_slowdown(self, took_s: float, expected_s: float) -> None:
        """Learn from a job that ended how much later than expected jobs of this workload end."""
        if expected_s >= LEAST_EXPECTED_S:
            found = min(max(took_s / expected_s, 1.0), MOST_SLOWDOWN)
            self._slowdown += SMOOTHING * (found - self._slowdown)

    def _finishes(self, costs: Mapping[Job, Cost], share: float) -> "_Finishes":
        """Return when each of some jobs ends that have a share of the device to themselves."""
        return _Finishes(
            FairSharing({job: cost.device_s for job, cost in costs.items()}),
            FairSharing({job: cost.cpu_s for job, cost in costs.items()}),
            share,
            self._threads,
        )

    def ends(self) -> Mapping[Job, float]:
        """Return the estimated seconds until each job of the workload ends."""
        left = {one: self._left(one) for one in self._costs}
        finishes = self._finishes(left, self._device_share())
        return {job: finishes.finish(job) for job in self._costs}

    def _left(self, job: Job) -> Cost:
        """Return the estimated remaining cost of an admitted job of the workload."""
        cost = self._costs[job]
        return Cost(
            max(cost.device_s - job.device_s, LEAST_LEFT * cost.device_s),
            max(cost.cpu_s - job.cpu_s, LEAST_LEFT * cost.cpu_s),
        )


class _Finishes(NamedTuple):
    """Finishes of the workload's jobs: each ends on the device first, then in CPU threads."""

    device: FairSharing
    cpu: FairSharing
    share: float
    threads: int

    @property
    def total_s(self) -> float:
        """Seconds after which every job of the workload has ended."""
        return self.device.total / self.share + self.cpu.total / self.threads

    def finish(self, job: Job) -> float:
        """Return the seconds after which a job of the workload ends."""
        return self.device.finish(job) / self.share + self.cpu.finish(job) / self.threads


def _next_group(job: Job, beside: Sequence[Job]) -> int:
    """Return the group of a new job of a workload: the last one of its client, or a further one."""
    groups = [one.group for one in beside if one.client == job.client]
    last = max(groups, default=0)
    return last + (groups.count(last) >= GROUP_JOBS)
