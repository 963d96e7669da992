"""Release times of memory, and the times at which requests that were refused for it come back."""

import time

from api.inference.jobs import Job
from api.inference.memory_budget import MemoryBudget
from api.inference.workload import Workload

READERS_S = 5.0
"""Estimated seconds until slow clients have taken their answers, or are cut."""


class ReleaseTimes:
    """Release times of a memory budget: those at which the jobs that hold its bytes will end.

    Args:
        budget: Knows the bytes that each job holds.
        workload: Estimates when each will have been computed; others end at once.
    """

    def __init__(self, budget: MemoryBudget, workload: Workload) -> None:
        self._budget, self._workload = budget, workload

    def retry_s(self, job: Job, nbytes: int, missing: int) -> float:
        """Give a refused job a time to come back, after those that were refused before it.

        Args:
            nbytes: Bytes that it needs.
            missing: Bytes of them that must be released first.

        Returns:
            Seconds until then.
        """
        released = self._released()
        freed, wait_s, last_s = 0, READERS_S, 0.0
        for last_s, one in released:
            if freed < missing <= freed + one:
                wait_s = last_s
            freed += one
        # The next job of this size waits until as many bytes are released once more.
        cost_s = max(wait_s, last_s) * min(nbytes / max(freed, 1), 1.0)
        return self._workload.retries.give(job.client, wait_s, cost_s)

    def _released(self) -> list[tuple[float, int]]:
        """Return the seconds until each job releases its bytes, and their number, in order."""
        now, ends = time.monotonic(), self._workload.ends()
        return sorted(
            (max(min(ends.get(job, 0.0), job.deadline - now), 0.0), nbytes)
            for job, nbytes in self._budget.holders.items()
        )
