"""Fair sharing: when each of several jobs ends, where clients and their jobs take turns."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from itertools import accumulate
from operator import itemgetter

from api.inference.jobs import Job


def fair_finishes(remaining: Mapping[Job, float]) -> dict[Job, float]:
    """Return the seconds after which each job ends under fair sharing of one resource.

    Clients have equal shares of it, and the jobs of one client's first group equal shares of that
    client's; a share that is not needed is divided among the others (Demers, Keshav & Shenker 1989,
    Analysis and simulation of a fair queueing algorithm).

    Args:
        remaining: Seconds of the resource that each job still needs.
    """
    clients: dict[str, list[tuple[int, float, Job]]] = {}
    for job, seconds in remaining.items():
        clients.setdefault(job.client, []).append((job.group, seconds, job))
    totals = sorted(sum(seconds for _, seconds, _ in jobs) for jobs in clients.values())
    sums = (0.0, *accumulate(totals))
    found: dict[Job, float] = {}
    for jobs in clients.values():
        jobs.sort(key=itemgetter(0, 1))
        sizes = Counter(group for group, _, _ in jobs)
        ended_s, left, of_group = 0.0, 0, -1
        for group, seconds, job in jobs:
            if group != of_group:
                left, of_group = sizes[group], group
            # Until a job ends, its client's larger jobs of its group have had as much of it.
            own_s = ended_s + seconds * left
            ended_s += seconds
            left -= 1
            # And so have other clients as this one, or all that they need.
            smaller = bisect_right(totals, own_s)
            found[job] = sums[smaller] + own_s * (len(totals) - smaller)
    return found
