"""Measurement of one system in one workload under one load, after a check of its responses.

A cell consists of one window in each round. Systems are measured alternately within a round, so
that other activity on the machine affects all of them.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from scripts.bench.load import OK, Load, Window, poisson
from scripts.bench.processes import Server
from scripts.bench.systems import System
from scripts.bench.workloads import Arrays, Workload, WrongAnswerError, check

ROUNDS = 3
WARM_UP_S = 0.3
SPREAD_LIMIT = 0.1
"""Measured cells are marked if throughputs of windows differ by more than this share."""

# As many as an open loop may have in flight; further requests wait in the load generator.
OPEN_CONNECTIONS = 128
LONGEST = 6
"""Longest duration of a measured closed loop in windows, for servers that answer slowly."""


@dataclass(frozen=True)
class Cell:
    """Measured cell of the table: window of median throughput, CPU time and memory of all rounds.

    Attributes:
        concurrency: Requests in flight; None in an open loop.
        rate: Requests per second in an open loop.
        spread: Range of the windows' throughputs, as a share of their median.
        cpu_s: CPU time of the server per successful response, over all rounds.
        memory_bytes: Resident after the last round.
    """

    system: str
    workload: str
    concurrency: int | None
    rate: float | None
    window: Window
    spread: float
    cpu_s: float
    memory_bytes: int

    @property
    def steady(self) -> bool:
        """Whether a measured cell's windows agree within the spread limit."""
        return self.spread <= SPREAD_LIMIT

    def record(self) -> dict[str, Any]:
        """Return a measured cell as a dictionary for JSON."""
        return asdict(self)


class Measurement(NamedTuple):
    """Measurement of one system: a window, its CPU time in seconds, resident memory after it."""

    window: Window
    cpu_s: float
    memory_bytes: int


def closed_loop(
    server: Server, system: System, workload: Workload, concurrency: int, window_s: float
) -> Measurement:
    """Measure one system in a closed loop with a number of clients."""
    with Load(server.port, system.requests(workload), concurrency) as load:
        load.closed(WARM_UP_S, concurrency, LONGEST * window_s)
        before = server.cpu_s()
        run = load.closed(window_s, concurrency, LONGEST * window_s)
        cpu_s = server.cpu_s() - before
        load.drain(LONGEST * window_s)
    return Measurement(run.windows(1)[0], cpu_s, server.memory_bytes())


def open_loop(
    server: Server, system: System, workload: Workload, rate: float, window_s: float, seed: int
) -> Measurement:
    """Measure one system in an open loop with Poisson arrivals at a mean rate per second."""
    with Load(server.port, system.requests(workload), OPEN_CONNECTIONS) as load:
        load.open(poisson(rate, WARM_UP_S, seed=0), WARM_UP_S, 0.5)
        load.drain(LONGEST * window_s)
        before = server.cpu_s()
        run = load.open(poisson(rate, window_s, seed), window_s, 1.0)
        cpu_s = server.cpu_s() - before
    server.settle()
    return Measurement(run.windows(1)[0], cpu_s, server.memory_bytes())


def check_answers(
    server: Server,
    system: System,
    workload: Workload,
    expected_outputs: Sequence[Arrays],
    concurrency: int,
) -> None:
    """Check a system before it is measured: send every input, compare with expected outputs.

    Raises:
        WrongAnswerError: A response is missing or wrong.
    """
    requests = system.requests(workload)
    with Load(server.port, requests, min(concurrency, len(requests)), keep=True) as load:
        found = load.collect(len(requests), timeout_s=60)
    for number, ((status, body), expected) in enumerate(zip(found, expected_outputs, strict=True)):
        if status != OK:
            msg = f"input {number}: status {status}: {body[:200].decode(errors='replace')}"
            raise WrongAnswerError(msg)
        check(system.decode(body), expected)


def cell_of(system: str, workload: str, load: int | float, rounds: Sequence[Measurement]) -> Cell:
    """Aggregate measurements of all rounds into a cell; the load is a number of clients or rate."""
    # One whole window is the median, so that its throughput and its latencies belong together.
    windows = sorted((one.window for one in rounds), key=lambda window: window.per_second)
    middle = windows[len(windows) // 2]
    apart = windows[-1].per_second - windows[0].per_second
    answered = sum(window.answers for window in windows)
    return Cell(
        system=system,
        workload=workload,
        concurrency=load if isinstance(load, int) else None,
        rate=None if isinstance(load, int) else load,
        window=middle,
        spread=apart / middle.per_second if middle.per_second else math.nan,
        cpu_s=sum(one.cpu_s for one in rounds) / answered if answered else math.nan,
        memory_bytes=rounds[-1].memory_bytes,
    )
