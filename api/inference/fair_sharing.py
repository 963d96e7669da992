"""Fair sharing: when each of several jobs ends, where clients and their jobs take turns."""

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from operator import itemgetter

from api.inference.jobs import Job


def fair_finishes(remaining: Mapping[Job, float]) -> dict[Job, float]:
    """Return the seconds after which each job ends under fair sharing of one resource.

    Clients have equal shares of it, and the jobs of one client equal shares of that client's; a
    share that is not needed is divided among the others (Demers, Keshav & Shenker 1989, Analysis
    and simulation of a fair queueing algorithm).

    Args:
        remaining: Seconds of the resource that each job still needs.
    """
    clients: dict[str, list[tuple[float, Job]]] = {}
    for job, seconds in remaining.items():
        clients.setdefault(job.client, []).append((seconds, job))
    totals = sorted(sum(seconds for seconds, _ in jobs) for jobs in clients.values())
    sums = (0.0, *accumulate(totals))
    found: dict[Job, float] = {}
    for jobs in clients.values():
        jobs.sort(key=itemgetter(0))
        ended_s = 0.0
        for position, (seconds, job) in enumerate(jobs):
            # Until a job ends, its client's larger jobs have had as much of the resource.
            own_s = ended_s + seconds * (len(jobs) - position)
            ended_s += seconds
            # And so have other clients as this one, or all that they need.
            smaller = bisect_right(totals, own_s)
            found[job] = sums[smaller] + own_s * (len(totals) - smaller)
    return found
