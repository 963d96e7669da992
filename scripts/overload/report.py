"""Report of an overload measurement: requests, answers, resources, latencies, and all checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.console import Console
from rich.table import Table

from scripts.overload.checks import Check, Totals, latency
from scripts.overload.loads import OTHER, Paced
from scripts.overload.requests import predictions
from scripts.overload.session import Session
from scripts.overload.target import Resources

STATE_S = 3.0
STATE_PER_S = 50.0
UNKNOWN = ("unknown",) * 3


@dataclass(frozen=True)
class State:
    """State of the server without other load: its resources, and latencies of predictions."""

    TIMES: ClassVar = ("at the beginning", "at the end")

    resources: Resources | None
    p50_ms: float
    p99_ms: float

    def row(self, time: str) -> tuple[str, ...]:
        """Return the table row of a server's state at a time."""
        found = self.resources.row() if self.resources else UNKNOWN
        return time, *found, f"{self.p50_ms:.1f} ms", f"{self.p99_ms:.1f} ms"


def state_of(session: Session) -> State:
    """Measure the state of the session's server, which has no other load."""
    run = session.run(Paced(predictions(), 8, STATE_PER_S, STATE_S, sources=(OTHER,)))
    # Resources after the predictions: the first ones of a server import and allocate.
    return State(session.target.resources(), latency(run.answers, 0.5), latency(run.answers, 0.99))


def show(
    console: Console, totals: Totals, checks: Sequence[Check], states: Mapping[str, State]
) -> int:
    """Print the report of an overload measurement; return its exit status."""
    checks = [*checks, Check("lost requests", totals.lost, 0)]
    console.print(_table(("figure", "measured", "bound", ""), [one.row() for one in checks]))
    heads = ("state", "RSS", "descriptors", "threads", "predict p50", "predict p99")
    console.print(_table(heads, [state.row(time) for time, state in states.items()]))
    unsent = f", {totals.unsent:,} not sent as every connection was busy" if totals.unsent else ""
    console.print(
        f"{totals.requests:,} requests: {totals.by_status()}; lost {totals.lost:,}{unsent}."
    )
    return int(not all(one.holds for one in checks))


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table()
    for at, head in enumerate(heads):
        table.add_column(head, justify="right" if 0 < at < len(heads) else "left")
    for row in rows:
        table.add_row(*row)
    return table
