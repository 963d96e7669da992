"""Throughput and CPU time a request of several worker processes, beside one process.

    python -m scripts.bench.workers
    python -m scripts.bench.workers --workers 2 --only gates-100 --rounds 3 --window 1

Both servers run at the same time, one of them stopped by SIGSTOP. A round loads each once in a
closed loop for every workload, in an order that alternates; a ratio is the median of the rounds.
The load generator has one of the processors for a part of the time: its share is shown. The exit
status is 1 if a target is missed.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median

from rich.console import Console
from rich.table import Table

from scripts.bench.checkouts import in_order
from scripts.bench.environments import BUILD
from scripts.bench.load import OK, Load
from scripts.bench.processes import NotStartedError, Server, free_port
from scripts.bench.systems import SYSTEMS
from scripts.bench.workloads import WrongAnswerError, workloads

ROUNDS, WINDOW_S, CLIENTS = 7, 2.0, 32
"""Rounds, seconds of each window, and connections with one request in flight each."""

START_S, SETTLE_S, TIMEOUT_S = 180.0, 90.0, 30.0

TARGETS: Mapping[str, float] = {
    "activations-png": 1.7,
    "gates-100": 1.35,
    "activations-json": 1.35,
    "predict": 1.0,
}
"""Workload → least ratio of the throughput of two workers to that of one process, on two cores."""

MOST_CPU = 1.1
"""Highest ratio of the workers' CPU time a request to that of one process."""


@dataclass(frozen=True)
class Rate:
    """Rate of one server in one window.

    Attributes:
        per_second: Answers a second.
        cpu_s: CPU time of all its processes for each answer, in seconds.
        generator: Share of one processor that the load generator took.
    """

    per_second: float
    cpu_s: float
    generator: float


@dataclass
class Comparison:
    """Rates of one workload with one process and with several workers, a pair for each round."""

    workload: str
    rounds: list[tuple[Rate, Rate]] = field(default_factory=list)

    @property
    def speedup(self) -> float:
        """Ratio of the workers' throughput to that of one process: the median of the rounds."""
        return median(many.per_second / one.per_second for one, many in self.rounds)

    @property
    def cpu_ratio(self) -> float:
        """Ratio of the workers' CPU time a request to that of one process: the median."""
        return median(many.cpu_s / one.cpu_s for one, many in self.rounds)

    @property
    def holds(self) -> bool:
        """Whether the targets of throughput and CPU time a request hold."""
        return self.speedup >= TARGETS[self.workload] and self.cpu_ratio <= MOST_CPU

    def row(self) -> tuple[str, ...]:
        """Return the row of the comparison's table."""
        sides = list(zip(*self.rounds, strict=True))
        return (
            self.workload,
            " → ".join(f"{median(one.per_second for one in side):,.0f}" for side in sides),
            f"{self.speedup:.2f}",
            f"≥ {TARGETS[self.workload]}",
            " → ".join(f"{1e3 * median(one.cpu_s for one in side):.2f}" for side in sides),
            f"{self.cpu_ratio:.2f}",
            f"≤ {MOST_CPU}",
            " → ".join(f"{median(one.generator for one in side):.0%}" for side in sides),
            "" if self.holds else "MISSED",
        )


HEAD = (
    *("workload", "answers/s", "ratio", "target", "CPU ms", "ratio", "target", "generator", ""),
)


def measure(
    servers: Sequence[Server], name: str, requests: Sequence[bytes], rounds: int, window_s: float
) -> Comparison:
    """Load one process and several workers with one workload, in rounds whose order alternates.

    Args:
        servers: That of one process, and that of several, both suspended.
        name: Name of the workload.
        requests: Its requests, sent in rotation.
        rounds: Pairs of windows.
        window_s: Seconds of a window.

    Raises:
        WrongAnswerError: A request was not answered with 200.
    """
    found = Comparison(name)
    for number in range(rounds):
        rates: dict[int, Rate] = {}
        for side in in_order((0, 1), number):
            rates[side] = measure_window(servers[side], requests, window_s)
        found.rounds.append((rates[0], rates[1]))
    return found


def measure_window(server: Server, requests: Sequence[bytes], window_s: float) -> Rate:
    """Measure the rate of a suspended server in one window, after a short one that fills caches.

    Raises:
        WrongAnswerError: A request was not answered with 200.
    """
    with server.resumed(), Load(server.port, requests, CLIENTS) as load:
        load.closed(window_s / 10, CLIENTS, TIMEOUT_S)
        load.drain(TIMEOUT_S)
        cpu, own, began = server.cpu_s(), time.process_time(), time.perf_counter()
        run = load.closed(window_s, CLIENTS, TIMEOUT_S)
        load.drain(TIMEOUT_S)
        seconds = time.perf_counter() - began
        spent, used = server.cpu_s() - cpu, time.process_time() - own
    if failed := [one.status for one in run.answers if one.status != OK]:
        msg = f"{len(failed)} of {len(run.answers)} requests had status {failed[0]}"
        raise WrongAnswerError(msg)
    return Rate(len(run.answers) / seconds, spent / len(run.answers), used / seconds)


@contextmanager
def started(workers: int) -> Iterator[Server]:
    """Start a server with a number of workers, all of them warm; it is suspended then.

    Raises:
        NotStartedError: It was not ready in time.
    """
    port, log = free_port(), BUILD / "logs" / f"workers-{workers}.log"
    # A busy machine would have requests refused that could not end by their deadline.
    flags = ["--port", str(port), "--workers", str(workers), "--deadline-s", "120"]
    command = [sys.executable, "-m", "api", *flags]
    request = SYSTEMS[0].requests(workloads()["predict"])[0]
    with Server(command, port, request, log, {}) as server:
        until = time.monotonic() + START_S
        line = "Analyses ready" if workers == 1 else f"{workers} workers ready"
        while line not in log.read_text(errors="replace"):
            if time.monotonic() > until:
                raise NotStartedError(server.log_tail())
            time.sleep(0.1)
        server.settle(SETTLE_S)
        server.suspend()
        yield server


def table(comparisons: Sequence[Comparison], workers: int) -> Table:
    """Lay out the comparisons with their targets; mark those that were missed."""
    shown = Table(*HEAD, title=f"1 process → {workers} workers, {CLIENTS} connections")
    for one in comparisons:
        shown.add_row(*one.row())
    return shown


def main(arguments: Sequence[str]) -> int:
    """Run the command `python -m scripts.bench.workers`; return 1 if a target was missed."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.bench.workers", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=list(TARGETS), default=list(TARGETS))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--window", type=float, default=WINDOW_S, help="seconds of a window")
    flags = parser.parse_args(arguments)
    known, console = workloads(), Console(width=140)
    with ExitStack() as running:
        servers = [running.enter_context(started(number)) for number in (1, flags.workers)]
        found = []
        for name in flags.only:
            requests = SYSTEMS[0].requests(known[name])
            found.append(measure(servers, name, requests, flags.rounds, flags.window))
            console.print(*found[-1].row(), sep="  ", highlight=False)
    console.print(table(found, flags.workers))
    return int(not all(one.holds for one in found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
