"""Workload: admission of requests by the time at which they will have been computed."""

import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from api.inference.errors import EngineBusyError
from api.inference.estimates import Cost, Estimates
from api.inference.fair_sharing import fair_finishes
from api.inference.jobs import Job
from api.inference.retries import Retries

NEW_HEADROOM: Final = 0.5
"""Share of its time until the deadline in which a new request must be computed, as estimated.

The rest is for errors of the estimates, and for other clients that come meanwhile.
"""

RETRY_HEADROOM: Final = 0.75
"""As `NEW_HEADROOM`, of a refused request that returns at its retry time."""

LEAST_LEFT: Final = 0.1
"""Share of its estimate that a job is still expected to take when it has taken longer."""


class Workload:
    """Workload of admitted jobs: their estimated remaining time. Of one event loop.

    A job is admitted if it will end before its deadline beside those admitted before it, which take
    turns with it, and does not make one of them late. A client without a job in flight may make
    others late, so that each client has its share; a job that is alone is always admitted.

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
        self._admit(job, cost)
        before = job.device_s, job.cpu_s
        self._costs[job] = Cost(cost.device_s + before[0], cost.cpu_s + before[1])
        ended = False
        try:
            yield
            ended = True
        finally:
            del self._costs[job]
            spent = Cost(job.device_s - before[0], job.cpu_s - before[1])
            # One that was stopped has a cost, too, where it is more than was known.
            if ended or spent.device_s > cost.device_s or spent.cpu_s > cost.cpu_s:
                self.estimates.learn(kinds, rows, spent)

    def _admit(self, job: Job, cost: Cost) -> None:
        """Refuse a job for which the workload has no room, with the time to come back."""
        share = self._device_share() if job.is_analysis else 1.0
        cost_s = max(cost.device_s / share, cost.cpu_s / self._threads)
        is_back = self.retries.is_back(job.client)
        late_s = self._late_s(job, cost, RETRY_HEADROOM if is_back else NEW_HEADROOM, share)
        if late_s > 0:
            retry_s = self.retries.give(job.client, late_s, cost_s)
            msg = (
                f"Work of {len(self._costs)} requests is in front of this one, so that it would "
                "not be computed in time."
            )
            raise EngineBusyError(msg, retry_s)
        self.retries.admitted(job.client, cost_s)

    def _late_s(self, job: Job, cost: Cost, headroom: float, share: float) -> float:
        """Return the seconds by which a job of the workload would be late; 0 where none is."""
        # Interactive jobs do not wait for analyses.
        counted = [one for one in self._costs if job.is_analysis or not one.is_analysis]
        if not counted:
            return 0.0
        beside = {one: self._left(one) for one in counted}
        now = time.monotonic()
        after = self._finishes({**beside, job: cost}, share)
        late_s = after[job] - headroom * (job.deadline - now)
        if late_s > 0 or all(one.client != job.client for one in beside):
            return max(late_s, 0.0)
        before = self._finishes(beside, share)
        made_late = [
            after[one] - (one.deadline - now)
            for one in beside
            if before[one] <= one.deadline - now < after[one]
        ]
        return max(made_late, default=0.0)

    def _finishes(self, costs: Mapping[Job, Cost], share: float) -> dict[Job, float]:
        """Return the seconds after which each job of a workload ends, its CPU work last."""
        device = fair_finishes({job: cost.device_s for job, cost in costs.items()})
        cpu = fair_finishes({job: cost.cpu_s for job, cost in costs.items()})
        return {job: device[job] / share + cpu[job] / self._threads for job in costs}

    def ends(self) -> Mapping[Job, float]:
        """Return the estimated seconds until each job of the workload ends."""
        return self._finishes({one: self._left(one) for one in self._costs}, self._device_share())

    def _left(self, job: Job) -> Cost:
        """Return the estimated remaining cost of an admitted job of the workload."""
        cost = self._costs[job]
        return Cost(
            max(cost.device_s - job.device_s, LEAST_LEFT * cost.device_s),
            max(cost.cpu_s - job.cpu_s, LEAST_LEFT * cost.cpu_s),
        )
