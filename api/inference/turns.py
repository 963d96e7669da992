"""Turns: the order in which clients, and the jobs of one client, are served; and class shares."""

from collections import OrderedDict
from itertools import count
from typing import Final

from api.inference.jobs import Job

MAX_CLIENTS: Final = 1024
"""Most clients whose last turn is kept; a further one counts as never served."""

ANALYSIS_SHARE: Final = 0.2
"""Least share of the time that analyses have while interactive jobs wait all the time."""

SLICE_S: Final = 0.010
"""Seconds that one turn takes, where the program's smallest batch does not take longer."""


class Turns:
    """Round robin of clients, and of the jobs of each: the one served longest ago is next.

    A job joins behind those of its client that came before it. A client's jobs of a later group
    have the turns that those of earlier groups do not need: were hundreds to take turns, all of
    them would end late, and together.
    """

    def __init__(self) -> None:
        self._numbers = count(1)
        self._clients: OrderedDict[str, int] = OrderedDict()

    def join(self, job: Job) -> None:
        """Give a new job its place in the round robin; one that has a place keeps it."""
        if not job.turn:
            job.turn = next(self._numbers)

    def order(self, job: Job) -> tuple[int, int, int]:
        """Return the sort key of a job in the round robin: the smallest is next."""
        return self._clients.get(job.client, 0), job.group, job.turn

    def took(self, job: Job) -> None:
        """Move a job, and its client, to the end of the round robin."""
        job.turn = self._clients[job.client] = next(self._numbers)
        self._clients.move_to_end(job.client)
        if len(self._clients) > MAX_CLIENTS:
            self._clients.popitem(last=False)


class AnalysisShare:
    """Guarantee of a share of the time for analyses, which otherwise wait for interactive jobs.

    Interactive work done while analyses wait is a debt to them; at one slice it is paid.
    """

    def __init__(self) -> None:
        self._owed_s = 0.0

    @property
    def is_due(self) -> bool:
        """Whether analyses go before interactive jobs, to have their share of the time."""
        return self._owed_s >= SLICE_S

    def interactive_ran(self, seconds: float) -> None:
        """Count time of an interactive job for which analyses waited, towards their share."""
        self._owed_s += seconds * ANALYSIS_SHARE / (1 - ANALYSIS_SHARE)

    def analysis_ran(self, seconds: float, *, others_waited: bool) -> None:
        """Count time of an analysis towards the share.

        Args:
            seconds: Time that it took.
            others_waited: Whether interactive jobs waited; idle time is no advance on the share.
        """
        self._owed_s -= seconds
        if not others_waited:
            self._owed_s = max(self._owed_s, 0.0)
