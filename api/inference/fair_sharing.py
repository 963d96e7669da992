"""Fair sharing: when each of several jobs ends, where clients and their jobs take turns."""

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate

from api.inference.jobs import Job


class FairSharing:
    """Fair sharing of one resource: clients have equal shares, as have one client's jobs.

    Of a client's jobs those of the first group share first. A share that is not needed is divided
    among the others (Demers, Keshav & Shenker 1989, Analysis and simulation of a fair queueing
    algorithm).

    Args:
        remaining: Seconds of the resource that each job still needs.

    Attributes:
        total: Seconds of the resource that all jobs need; by then each has ended.
    """

    def __init__(self, remaining: Mapping[Job, float]) -> None:
        self._remaining = remaining
        self._clients: dict[str, list[Job]] = {}
        for job in remaining:
            self._clients.setdefault(job.client, []).append(job)
        sums = (sum([remaining[job] for job in jobs]) for jobs in self._clients.values())
        self._totals = sorted(sums)
        self._sums = (0.0, *accumulate(self._totals))
        self.total = self._sums[-1]

    def finish(self, job: Job) -> float:
        """Return the seconds after which a job ends under fair sharing."""
        needed, own_s = self._remaining[job], 0.0
        for one in self._clients[job.client]:
            seconds = self._remaining[one]
            if one.group < job.group:
                own_s += seconds
            elif one.group == job.group:
                # Until the job ends, a larger one of its group has had as much as it has.
                own_s += min(seconds, needed)
        # And so have other clients as its own, or all that they need.
        smaller = bisect_right(self._totals, own_s)
        return self._sums[smaller] + own_s * (len(self._totals) - smaller)
