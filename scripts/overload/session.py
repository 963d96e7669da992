"""Session of one overload measurement: its server, load generators, durations and totals."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from scripts.bench.load import Run
from scripts.overload.checks import Check, Totals
from scripts.overload.loads import Generators
from scripts.overload.target import Target


class Load(Protocol):
    """Load that can run in another process: an open or a closed loop."""

    def run(self, port: int) -> Run:
        """Send the load to a port of loopback."""


@dataclass(frozen=True)
class Durations:
    """Durations and sizes of an overload measurement.

    Attributes:
        window_s: Seconds of a window of the closed loops and of the idle server.
        rounds: Interleaved rounds of idle and loaded windows.
        open_s: Seconds of an open loop above the peak.
        hostile_requests: Requests with invented methods, paths and agents.
        analyses: Kinds of analyses that are measured.
    """

    window_s: float
    rounds: int
    open_s: float
    hostile_requests: int
    analyses: tuple[str, ...]


@dataclass
class Session:
    """Session of an overload measurement, which sections share."""

    target: Target
    generators: Generators
    durations: Durations
    say: Callable[[str], None]
    totals: Totals = field(default_factory=Totals)

    def start(self, load: Load) -> "Future[Run]":
        """Start a load of the session in a process of its own."""
        return self.generators.start(load.run, self.target.port)

    def finish(self, started: "Future[Run]") -> Run:
        """Wait for a load of the session to end, and count its answers."""
        return self.totals.add(started.result())

    def run(self, load: Load) -> Run:
        """Run a load of the session alone, and count its answers."""
        return self.finish(self.start(load))


Section = Callable[[Session], list[Check]]
"""Section of an overload measurement: a function that measures, and compares with bounds."""
