"""Benchmark of Lightwell against other servers (`make bench`), or against another checkout."""

import argparse
import pickle
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console

from scripts.bench import attributions, checkouts, startup
from scripts.bench.baselines import baselines, echo, measured_apart
from scripts.bench.environments import BUILD, NotInstalledError
from scripts.bench.measure import (
    ROUNDS,
    Cell,
    Measurement,
    cell_of,
    check_answers,
    closed_loop,
    open_loop,
)
from scripts.bench.memory import growth
from scripts.bench.mixed_load import prediction_p99
from scripts.bench.processes import ROOT, NotStartedError, Server, free_port
from scripts.bench.report import Results, cell_row, machine
from scripts.bench.requirements import throughputs, verdicts
from scripts.bench.systems import SYSTEMS, System
from scripts.bench.workloads import Arrays, Workload, WrongAnswerError, workloads

CONCURRENCIES = (1, 8, 32, 64)
RATE_SHARES = (0.25, 0.5, 0.75)
"""Benchmark's open-loop request rates, as shares of Lightwell's throughput at concurrency 32."""

OVERLOAD_LIMIT = 1.5
"""Benchmark's highest open-loop rate, as a multiple of a system's throughput: no queue may grow."""

SETTLING_S = 60.0

Servers = dict[System, Server]
"""Servers that the benchmark has started, by system."""

SECTIONS = ("baselines", "checks", "attributions", "startup", "mixed-load", "memory", "training")
QUICK_SYSTEMS = tuple(
    one.name for one in SYSTEMS if one.name not in {"naive-typed", "careful-batched"}
)
QUICK_WORKLOADS = ("predict", "activations-json", "activations-safetensors", "gates-100")


@dataclass(frozen=True)
class Plan:
    """Plan of one benchmark run: systems, sections, workloads, loads and durations."""

    systems: list[System]
    sections: list[str]
    workloads: list[Workload]
    concurrencies: Sequence[int]
    rate_shares: Sequence[float]
    window_s: float
    requests: int
    cases: int
    starts: int
    rounds: int


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.bench", description=__doc__)
    names = [one.name for one in SYSTEMS]
    parser.add_argument(
        "--quick", action="store_true", help="a few workloads, short windows, fewer repetitions"
    )
    parser.add_argument(
        "--only", nargs="+", choices=[*names, *SECTIONS], help="systems and sections to measure"
    )
    known = dict.fromkeys((*workloads(), *checkouts.workloads()))
    parser.add_argument(
        "--workload", "--work", nargs="+", choices=known, metavar="WORKLOAD", help=", ".join(known)
    )
    parser.add_argument("--concurrency", nargs="+", type=int)
    parser.add_argument(
        "--window", type=float, help="seconds of a window, of which each round has one"
    )
    parser.add_argument("--no-open", action="store_true", help="closed loops only")
    parser.add_argument(
        "--beside",
        type=Path,
        metavar="CHECKOUT",
        help="compare CPU time per request with another checkout, and nothing else",
    )
    parser.add_argument(
        "--rounds", type=int, default=checkouts.ROUNDS, help="interleaved rounds of --beside"
    )
    return parser


def plan_from(flags: argparse.Namespace) -> Plan:
    """Turn the parsed command line of `make bench` into the plan of a benchmark run."""
    names = [one.name for one in SYSTEMS]
    known = workloads()
    chosen = flags.only or [*(QUICK_SYSTEMS if flags.quick else names), *SECTIONS]
    selected = flags.workload or (QUICK_WORKLOADS if flags.quick else list(known))
    return Plan(
        systems=[one for one in SYSTEMS if one.name in chosen],
        sections=[name for name in SECTIONS if name in chosen],
        workloads=[known[name] for name in selected],
        concurrencies=flags.concurrency or ((1, 32) if flags.quick else CONCURRENCIES),
        rate_shares=() if flags.no_open else (0.5,) if flags.quick else RATE_SHARES,
        window_s=flags.window or (0.5 if flags.quick else 0.8),
        requests=10_000 if flags.quick else 100_000,
        cases=10_000 if flags.quick else 100_000,
        starts=1 if flags.quick else 3,
        rounds=1 if flags.quick else 2,
    )


class Benchmark:
    """Benchmark run of `scripts.bench`: starts the systems, measures them, collects results."""

    def __init__(self, plan: Plan, results: Results, console: Console) -> None:
        self._plan, self._results, self._console = plan, results, console
        self._expected: dict[str, list[Arrays]] = {}

    def run(self) -> None:
        """Run the benchmark: workloads, each on all systems close in time, and other sections."""
        if self._plan.systems:
            self._expected = expected_outputs()
        for workload in self._plan.workloads:
            self._measure(workload)
            if "baselines" in self._plan.sections:
                self._echo(workload)
        parts = {
            "baselines": self._baselines,
            "checks": self._checks,
            "attributions": self._attributions,
            "startup": self._startup,
            "mixed-load": self._mixed_load,
            "memory": self._memory,
            "training": self._training,
        }
        for name in self._plan.sections:
            try:
                parts[name]()
            except (RuntimeError, NotInstalledError, NotStartedError, OSError) as error:
                self._results.missing[name] = str(error)
        results = self._results
        results.verdicts = verdicts(results.cells, results.bounds, results.found)

    def _measure(self, workload: Workload) -> None:
        """Benchmark one workload on all systems in interleaved rounds, idle servers suspended."""
        with ExitStack() as running:
            servers: Servers = {}
            for system in self._plan.systems:
                if requests := system.requests(workload):
                    with self._excluding_failures(servers, system, workload):
                        server = running.enter_context(self._started(system, requests[0]))
                        # Takes no CPU time from a measured server, and needs no new start.
                        server.suspend()
                        servers[system] = server
            for concurrency in self._plan.concurrencies:
                # Under every load: only concurrent requests are batched, and mixed up if wrong.
                self._check(servers, workload, concurrency)
                self._measure_rounds(servers, workload, concurrency)
            for share in self._plan.rate_shares:
                self._check(servers, workload, 1)
                self._measure_rounds(servers, workload, share)

    @contextmanager
    def _excluding_failures(
        self, servers: Servers, system: System, workload: Workload
    ) -> Iterator[None]:
        """Exclude a failed system from the benchmark of a workload, and record why."""
        try:
            yield
        except (NotInstalledError, NotStartedError, WrongAnswerError, OSError) as error:
            servers.pop(system, None)
            self._results.missing[f"{system.name}, {workload.name}"] = str(error) or repr(error)
            self._console.print(f"[red]{system.name}, {workload.name}: {error}")

    def _check(self, servers: Servers, workload: Workload, concurrency: int) -> None:
        """Run the benchmark's check of all systems' responses before they are measured."""
        expected = self._expected[workload.name]
        for system, server in tuple(servers.items()):
            with self._excluding_failures(servers, system, workload), server.resumed():
                check_answers(server, system, workload, expected, concurrency)

    def _measure_rounds(self, servers: Servers, workload: Workload, load: int | float) -> None:
        """Benchmark all systems under one load, a concurrency or a throughput share, in rounds."""
        loads = {
            one: load if isinstance(load, int) else self._rate(one, workload, load)
            for one in servers
        }
        taken: dict[System, list[Measurement]] = {one: [] for one in servers if loads[one]}
        for round_number in range(ROUNDS):
            for one in [one for one in taken if one in servers]:
                with self._excluding_failures(servers, one, workload), servers[one].resumed():
                    taken[one].append(
                        self._measure_once(servers[one], one, workload, loads[one], round_number)
                    )
        for one, rounds in taken.items():
            if one in servers:
                self._record(cell_of(one.name, workload.name, loads[one], rounds))

    def _measure_once(
        self,
        server: Server,
        system: System,
        workload: Workload,
        load: int | float,
        round_number: int,
    ) -> Measurement:
        if isinstance(load, int):
            return closed_loop(server, system, workload, load, self._plan.window_s)
        # Seed 0 is that of the warm-up; each round has other arrivals, equal for all systems.
        return open_loop(server, system, workload, load, self._plan.window_s, seed=1 + round_number)

    def _rate(self, system: System, workload: Workload, share: float) -> float:
        """Return a system's request rate in the benchmark's open loop; 0 if it is too slow."""
        reached = throughputs(self._results.cells)
        rate = share * reached.get(("lightwell", workload.name, 32), 0.0)
        own = reached.get((system.name, workload.name, 32), 0.0)
        return rate if rate < OVERLOAD_LIMIT * own else 0.0

    def _echo(self, workload: Workload) -> None:
        """Benchmark the echo server with responses of the size of Lightwell's."""
        lightwell = [one for one in self._results.cells if one.system == "lightwell"]
        sizes = [one.window.answer_bytes for one in lightwell if one.workload == workload.name]
        if not sizes:
            return
        bare = echo(round(sizes[0]))
        with self._started(bare, bare.requests(workload)[0]) as server:
            for concurrency in self._plan.concurrencies:
                self._measure_rounds({bare: server}, workload, concurrency)

    def _baselines(self) -> None:
        measured = measured_apart("stages", *(workload.name for workload in self._plan.workloads))
        self._results.stages = measured["workloads"]
        self._results.machine["devices"] = ", ".join(measured["devices"])
        reached = throughputs(self._results.cells)
        echoes = {key[1:]: 1 / rate for key, rate in reached.items() if key[0] == "echo" and rate}
        self._results.baselines = baselines(measured["workloads"], echoes)

    def _checks(self) -> None:
        self._results.found |= measured_apart("checks", "--cases", str(self._plan.cases))

    def _attributions(self) -> None:
        self._results.found["attributions"] = attributions.measure()

    def _startup(self) -> None:
        measured = startup.measure(self._plan.starts)
        self._results.found |= {
            f"start_{way}_s": median(one.ready_s for one in measured[way])
            for way in ("bare", "cold", "warm")
        }
        self._results.found |= {
            "start_stages": measured["stages"],
            "executables": measured["executables"],
        }

    def _mixed_load(self) -> None:
        lightwell = SYSTEMS[0]
        with self._started(lightwell, lightwell.requests(workloads()["predict"])[0]) as server:
            self._results.found |= prediction_p99(server, lightwell)._asdict()

    def _memory(self) -> None:
        lightwell = SYSTEMS[0]
        with self._started(lightwell, lightwell.requests(workloads()["predict"])[0]) as server:
            grown = growth(server, lightwell, self._plan.requests)
        self._results.found |= {
            "memory_requests": grown.requests,
            "memory_errors": grown.errors,
            "memory_first_bytes": grown.first,
            "memory_grown_bytes": grown.last - grown.first,
        }

    def _training(self) -> None:
        measured = measured_apart("training", "--speed", str(self._plan.rounds))
        self._results.found["training"] = measured

    def _started(self, system: System, request: bytes) -> Server:
        port = free_port()
        server = Server(
            system.command(system.python(), port),
            port,
            request,
            BUILD / "logs" / f"{system.name}.log",
            system.environment,
        )
        # Some systems compile in the background once they are ready.
        server.settle(SETTLING_S)
        return server

    def _record(self, cell: Cell) -> None:
        self._results.cells.append(cell)
        # No bounds yet: they follow from baselines, which are measured after the workloads.
        self._console.print("  ".join(cell_row(cell, {})), highlight=False)


def expected_outputs() -> dict[str, list[Arrays]]:
    """Run `scripts.bench.expected_outputs` in a subprocess, as it imports JAX; load its pickle."""
    path = BUILD / "expected.pickle"
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "scripts.bench.expected_outputs", str(path)]
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 - our own module
    expected: dict[str, list[Arrays]] = pickle.loads(path.read_bytes())  # noqa: S301 - our own file
    return expected


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark, or compare CPU time of two checkouts (`--beside`); return the status."""
    parser, console = _parser(), Console(width=180)
    flags = parser.parse_args(arguments)
    if flags.beside:
        return _compare_checkouts(parser, flags, console)
    if unknown := set(flags.workload or ()) - workloads().keys():
        parser.error(f"--workload {min(unknown)} is measured only with --beside")
    plan = plan_from(flags)
    command = shlex.join(["python", "-m", "scripts.bench", *arguments])
    results = Results(machine(), command, plan.systems)
    for system in plan.systems:
        console.print(f"{system.title}: {system.settings}", highlight=False)
    try:
        Benchmark(plan, results, console).run()
    finally:
        # Also after an interruption, with all that is measured by then.
        results.save(BUILD)
    results.show(console)
    console.print(f"Saved as {(BUILD / 'results.md').relative_to(Path.cwd())} and results.json.")
    return 0


def _compare_checkouts(
    parser: argparse.ArgumentParser, flags: argparse.Namespace, console: Console
) -> int:
    """Run the benchmark's `--beside`: print CPU time ratios; return 1 if one is too high."""
    known = checkouts.workloads()
    if not (flags.beside / "api" / "__main__.py").is_file():
        parser.error(f"--beside {flags.beside}: not a checkout, it has no api/__main__.py")
    if unknown := set(flags.workload or ()) - known.keys():
        parser.error(f"--workload {min(unknown)} is not measured with --beside")
    if flags.rounds < checkouts.MIN_ROUNDS:
        parser.error(f"--rounds must be at least {checkouts.MIN_ROUNDS}, got {flags.rounds}")
    names = flags.workload or list(known)
    try:
        compared = checkouts.compare(flags.beside.resolve(), names, flags.rounds, console)
    except (NotStartedError, OSError) as error:
        print(f"scripts.bench: {error}", file=sys.stderr)
        return 1
    console.print(checkouts.table(compared))
    return int(len(compared) < len(names) or any(one.exceeds for one in compared))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
