"""Checks of measured figures against bounds, and counts of requests and their answers."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from scripts.bench.load import CLOSED, OK, UNANSWERED, UNSENT, WAITED, RequestResult, Run, quantile


@dataclass(frozen=True)
class Check:
    """Check of a measured figure: it must be at most its bound, or at least.

    Attributes:
        figure: Name of the figure, with its circumstances.
        found: NaN where nothing was measured, which holds no bound.
        unit: Unit of `found` and `bound`; empty for a ratio or a count.
    """

    figure: str
    found: float
    bound: float
    unit: str = ""
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """Whether the figure of a check is within its bound."""
        return self.found >= self.bound if self.at_least else self.found <= self.bound

    def row(self) -> tuple[str, str, str, str]:
        """Return the table row of a check: figure, measured value, bound, verdict."""
        sign = "≥" if self.at_least else "≤"
        found, bound = (f"{value:,.4g} {self.unit}".strip() for value in (self.found, self.bound))
        return self.figure, found, f"{sign} {bound}", "holds" if self.holds else "EXCEEDED"


def ms(seconds: float) -> float:
    """Convert a latency from seconds to milliseconds, the unit of checks."""
    return 1000 * seconds


def latency(results: Iterable[RequestResult], share: float) -> float:
    """Return a quantile of the latencies of successful requests in milliseconds.

    A request without an answer counts with the time that it has waited.
    """
    return ms(quantile(sorted(r.latency_s for r in results if r.status in WAITED), share))


def goodput(runs: Sequence[Run], ramp_s: float = 0.0) -> float:
    """Return the successful answers per second of periods of load, late ones excluded.

    Args:
        runs: Periods of load.
        ramp_s: First seconds of each, which are left out: answers to requests that take turns begin
            to come late.
    """
    seconds = sum(run.ended - run.began - ramp_s for run in runs)
    in_time = sum(
        one.status == OK and run.began + ramp_s <= one.since + one.latency_s <= run.ended
        for run in runs
        for one in run.answers
    )
    return in_time / seconds if seconds else math.nan


@dataclass
class Totals:
    """Totals of all requests that the measurement has sent: answers by status, and those lost."""

    statuses: Counter[int] = field(default_factory=Counter)

    def add(self, run: Run) -> Run:
        """Add the answers of a period of load to the totals; return it."""
        self.statuses.update(one.status for one in run.answers)
        return run

    @property
    def requests(self) -> int:
        """Number of requests of the totals that were sent."""
        return self.statuses.total() - self.unsent

    @property
    def unsent(self) -> int:
        """Number of requests of an open loop that were due, with every connection busy."""
        return self.statuses[UNSENT]

    @property
    def lost(self) -> int:
        """Number of requests of the totals that had no answer: closed connections and silence."""
        return self.statuses[CLOSED] + self.statuses[UNANSWERED]

    def by_status(self) -> str:
        """Return the totals of answers by status as a text."""
        return ", ".join(
            f"{count:,} × {status}"
            for status, count in sorted(self.statuses.items())
            if status > CLOSED
        )
