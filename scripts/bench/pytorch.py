"""CPU time a request beside careful PyTorch servers, and attributions beside Captum, with targets.

    python -m scripts.bench.pytorch
    python -m scripts.bench.pytorch --python ../torch/bin/python --only predict gates-100
    python -m scripts.bench.pytorch --rounds 2 --only attributions

All servers run at the same time, all but one stopped by SIGSTOP. A round measures each workload
once on every server, in slices that alternate; a ratio is the median of the rounds. Lightwell's
requests leave out of the answer what the PyTorch servers do not have. There are two of those: one
runs PyTorch as it is, the other frozen for inference and with batches.

Each target is judged beside both, and beside its bound, the least CPU time that a server of this
design could need: that of a bare server that sends as many bytes, measured in the same slices, and
of decoding, program and encoding alone, measured in each round. A target below the bound is
dropped. The exit status is 1 if another one is missed.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from rich.console import Console
from rich.table import Table

from scripts.bench.attributions import measured_once
from scripts.bench.baselines import baselines, echo, measured_apart
from scripts.bench.checkouts import measure_slice
from scripts.bench.environments import BUILD, NotInstalledError, python_of
from scripts.bench.load import OK, Load
from scripts.bench.processes import NotStartedError, Server, free_port
from scripts.bench.pytorch_targets import (
    BOUND_HEAD,
    ECHO,
    HEAD,
    MISSED,
    PYTORCH,
    SPEED_HEAD,
    SPEEDS,
    TARGETS,
    Comparison,
    Target,
    speed_row,
)
from scripts.bench.systems import LEAN, SYSTEMS, System
from scripts.bench.workloads import Workload, WrongAnswerError, check, workloads
from scripts.command_line import script_parser

ROUNDS = 7
SLICES, SLICE_S = 4, 0.1
"""Slices of a server in one round beside PyTorch, and CPU seconds of one."""

TIMEOUT_S, SETTLE_S = 30.0, 90.0
ATTRIBUTIONS = "attributions"
WORKLOADS = tuple(dict.fromkeys(one.workload for one in TARGETS))


@dataclass(frozen=True)
class ComparedServer:
    """Compared server: suspended between measurements, and asked for like content."""

    system: System
    server: Server

    def check(self, workload: Workload, others: "Sequence[ComparedServer]") -> None:
        """Compare the answers to a workload with those of the PyTorch servers.

        Raises:
            WrongAnswerError: A status is not 200, or an array differs by more than rounding.
        """
        own = self.answers(workload)
        for other in others:
            for found, expected in zip(own, other.answers(workload), strict=True):
                check(self.system.decode(found), other.system.decode(expected))

    def answers(self, workload: Workload) -> list[bytes]:
        """Return the answers to a workload, for their comparison with PyTorch's.

        Raises:
            WrongAnswerError: A status is not 200.
        """
        requests = self.system.requests(workload)
        with self.server.resumed(), Load(self.server.port, requests, 1, keep=True) as load:
            found = load.collect(len(requests), TIMEOUT_S)
        for status, body in found:
            if status != OK:
                msg = f"{self.system.name}, {workload.name}: status {status}: {body[:200]!r}"
                raise WrongAnswerError(msg)
        return [body for _, body in found]


@contextmanager
def compared_servers(python: str) -> Iterator[list[ComparedServer]]:
    """Start Lightwell and the PyTorch servers, each suspended when it is ready.

    Raises:
        NotStartedError: A server did not become ready.
    """
    known = {one.name: one for one in SYSTEMS}
    with ExitStack() as running:
        yield [
            running.enter_context(_started(LEAN, sys.executable, workloads()["predict"])),
            *(
                running.enter_context(_started(known[name], python, workloads()["predict"]))
                for name in PYTORCH
            ),
        ]


@contextmanager
def _started(system: System, python: str, workload: Workload) -> Iterator[ComparedServer]:
    """Start a server of the comparison with PyTorch, suspended when it answers a workload."""
    port, log = free_port(), BUILD / "logs" / f"{system.name}-{workload.name}.log"
    ready = system.requests(workload)[0]
    with Server(system.command(python, port), port, ready, log, system.environment) as server:
        server.settle(SETTLE_S)
        server.suspend()
        yield ComparedServer(system, server)


@contextmanager
def _echoes(names: Sequence[str], lightwell: ComparedServer) -> Iterator[dict[str, ComparedServer]]:
    """Start a bare server for each workload, whose answers are as long as those of Lightwell."""
    with ExitStack() as running:
        found = {}
        for name in names:
            workload = workloads()[name]
            bare = echo(round(mean(map(len, lightwell.answers(workload)))))
            found[name] = running.enter_context(_started(bare, sys.executable, workload))
        yield found


def compare(
    asked: Sequence[Target], servers: Sequence[ComparedServer], rounds: int, console: Console
) -> list[Comparison]:
    """Measure the CPU time of workloads and of their bounds in interleaved rounds.

    Args:
        asked: Targets to compare.
        servers: Lightwell, then the PyTorch servers.
        rounds: How often each is measured.
        console: Shows the progress.
    """
    names = tuple(dict.fromkeys(one.workload for one in asked))
    for name in names:
        servers[0].check(workloads()[name], servers[1:])
    comparisons = [Comparison(one) for one in asked]
    with _echoes(names, servers[0]) as echoes:
        compared = {name: [*servers, echoes[name]] for name in names}
        counts = {one: _counts(one, compared[one.workload]) for one in asked}
        for number in range(rounds):
            stages = measured_apart("stages", "--cpu", "--lean", *names)["workloads"]
            for each in servers:
                # Programs that compile in the background must not count for the requests.
                with each.server.resumed():
                    each.server.settle(SETTLE_S)
            for one in comparisons:
                target = one.target
                costs = _round(target, compared[target.workload], counts[target], number)
                key = target.workload, target.clients
                one.add(costs, *baselines(stages, {key: costs[ECHO]}))
            console.print(f"round {number + 1} of {rounds}", highlight=False)
    return comparisons


def _counts(target: Target, servers: Sequence[ComparedServer]) -> dict[str, int]:
    """Return the requests of a slice, of about 0.1 s of CPU time on each server."""
    found, workload = {}, workloads()[target.workload]
    for one in servers:
        requests = one.system.requests(workload)
        # Not counted: the first requests fill caches.
        measure_slice(one.server, requests, 2 * target.clients, target.clients)
        enough = max(len(requests), 4 * target.clients)
        seconds, count = measure_slice(one.server, requests, enough, target.clients)
        found[one.system.name] = max(enough, round(SLICE_S * count / seconds))
    return found


def _round(
    target: Target, servers: Sequence[ComparedServer], counts: Mapping[str, int], number: int
) -> dict[str, float]:
    """Measure CPU seconds a request of one workload on every server, in alternating slices."""
    spent, answered = dict.fromkeys(counts, 0.0), dict.fromkeys(counts, 0)
    workload = workloads()[target.workload]
    for index in range(SLICES):
        first = (number + index) % len(servers)
        for one in [*servers[first:], *servers[:first]]:
            name = one.system.name
            requests = one.system.requests(workload)
            seconds, count = measure_slice(one.server, requests, counts[name], target.clients)
            spent[name] += seconds
            answered[name] += count
    return {name: spent[name] / answered[name] for name in counts}


def attributions(python: str, rounds: int) -> dict[str, list[float]]:
    """Return the speed of attribution methods by that of Captum's, in each round."""
    found: dict[str, list[float]] = {name: [] for name in SPEEDS}
    for _ in range(rounds):
        measured = measured_once(python)
        for name, ratios in found.items():
            ratios.append(measured["captum"][name] / measured["lightwell"][name])
    return found


def main(arguments: Sequence[str]) -> int:
    """Compare with PyTorch; return 1 if a target is missed, 2 if a server cannot be compared."""
    flags, console = _parser().parse_args(arguments), Console(width=180)
    chosen = flags.only or [*WORKLOADS, ATTRIBUTIONS]
    asked = [one for one in TARGETS if one.workload in chosen]
    rows = []
    try:
        python = flags.python or str(python_of("captum"))
        if asked:
            with compared_servers(python) as servers:
                found = compare(asked, servers, flags.rounds, console)
            rows += [row for one in found for row in one.rows()]
            # Printed before Captum is run, which may fail.
            console.print(_table("CPU time a request", HEAD, rows))
            console.print(_table("Bounds", BOUND_HEAD, [one.bound_row() for one in found]))
        if ATTRIBUTIONS in chosen:
            measured = attributions(python, flags.rounds)
            speeds = [speed_row(name, ratios) for name, ratios in measured.items()]
            console.print(_table("Speed of attributions", SPEED_HEAD, speeds))
            rows += speeds
    except (NotInstalledError, NotStartedError, RuntimeError, WrongAnswerError, OSError) as error:
        print(f"scripts.bench.pytorch: {error}", file=sys.stderr)
        return 2
    return int(any(row[-1] == MISSED for row in rows))


def _parser() -> argparse.ArgumentParser:
    parser = script_parser("python -m scripts.bench.pytorch", __doc__)
    parser.add_argument(
        "--only", nargs="+", choices=[*WORKLOADS, ATTRIBUTIONS], help="what to compare"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="interleaved rounds (7)")
    parser.add_argument(
        "--python", type=_interpreter, help="interpreter with the packages of servers/captum.txt"
    )
    return parser


def _interpreter(text: str) -> str:
    # Servers start in another folder; a link to an interpreter must not be resolved.
    return str(Path(text).absolute())


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=title)
    for name in head:
        is_text = name in {head[0], "beside", ""}
        table.add_column(name, justify="left" if is_text else "right")
    for row in rows:
        table.add_row(*row)
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
