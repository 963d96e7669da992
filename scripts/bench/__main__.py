"""`make bench`: start every contestant, ask all of them the same, print and save one table."""

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

from scripts.bench import analyses, checkouts, start
from scripts.bench.contestants import CONTESTANTS, Contestant
from scripts.bench.environments import BUILD, NotInstalledError
from scripts.bench.floors import echo, floors, measured_apart
from scripts.bench.measure import (
    TURNS,
    Cell,
    Turn,
    cell_of,
    check_answers,
    closed_loop,
    open_loop,
)
from scripts.bench.memory import growth
from scripts.bench.mixed_load import prediction_p99
from scripts.bench.processes import ROOT, NotStartedError, Server, free_port
from scripts.bench.ratios import throughputs, verdicts
from scripts.bench.report import Results, cell_row, machine
from scripts.bench.works import Arrays, Work, WrongAnswerError, works

CONCURRENCIES = (1, 8, 32, 64)
RATE_SHARES = (0.25, 0.5, 0.75)
"""The rates of the open loops, as shares of what Lightwell reached at concurrency 32."""

REACHABLE = 1.5
"""Nobody is sent more than so many times what it reached: the queue would grow to the end."""

SETTLING_S = 60.0

Servers = dict[Contestant, Server]
"""Who takes part in a work, and its server."""

SECTIONS = ("floors", "checks", "analyses", "start", "mixed-load", "memory", "training")
QUICK_CONTESTANTS = tuple(one.name for one in CONTESTANTS if one.name != "naive-typed")
QUICK_WORKS = ("predict", "activations-json", "activations-safetensors", "gates-100")


@dataclass(frozen=True)
class Plan:
    """What is to be measured, and how long."""

    contestants: list[Contestant]
    sections: list[str]
    works: list[Work]
    concurrencies: Sequence[int]
    rate_shares: Sequence[float]
    window_s: float
    requests: int
    cases: int
    starts: int
    turns: int


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.bench", description=__doc__)
    names = [one.name for one in CONTESTANTS]
    parser.add_argument("--quick", action="store_true", help="a few works, short windows")
    parser.add_argument("--only", nargs="+", choices=[*names, *SECTIONS], help="who, or what else")
    known = dict.fromkeys((*works(), *checkouts.workloads()))
    parser.add_argument("--work", nargs="+", choices=known, metavar="WORK", help=", ".join(known))
    parser.add_argument("--concurrency", nargs="+", type=int)
    parser.add_argument("--window", type=float, help="seconds of a turn; each figure is of three")
    parser.add_argument("--no-open", action="store_true", help="closed loops only")
    parser.add_argument(
        "--beside",
        type=Path,
        metavar="CHECKOUT",
        help="compare CPU time per request with another checkout, instead of all else",
    )
    parser.add_argument(
        "--rounds", type=int, default=checkouts.ROUNDS, help="interleaved rounds of --beside"
    )
    return parser


def plan_from(flags: argparse.Namespace) -> Plan:
    """Turn the command line into a plan."""
    names = [one.name for one in CONTESTANTS]
    known = works()
    chosen = flags.only or [*(QUICK_CONTESTANTS if flags.quick else names), *SECTIONS]
    asked = flags.work or (QUICK_WORKS if flags.quick else list(known))
    return Plan(
        contestants=[one for one in CONTESTANTS if one.name in chosen],
        sections=[name for name in SECTIONS if name in chosen],
        works=[known[name] for name in asked],
        concurrencies=flags.concurrency or ((1, 32) if flags.quick else CONCURRENCIES),
        rate_shares=() if flags.no_open else (0.5,) if flags.quick else RATE_SHARES,
        window_s=flags.window or (0.5 if flags.quick else 0.8),
        requests=10_000 if flags.quick else 100_000,
        cases=10_000 if flags.quick else 100_000,
        starts=1 if flags.quick else 3,
        turns=1 if flags.quick else 2,
    )


class Benchmark:
    """One run."""

    def __init__(self, plan: Plan, results: Results, console: Console) -> None:
        self._plan, self._results, self._console = plan, results, console
        self._right: dict[str, list[Arrays]] = {}

    def run(self) -> None:
        """Measure everything, work by work, so that those who are compared are close in time."""
        if self._plan.contestants:
            self._right = right_answers()
        for work in self._plan.works:
            self._measure(work)
            if "floors" in self._plan.sections:
                self._echo(work)
        parts = {
            "floors": self._floors,
            "checks": self._checks,
            "analyses": self._analyses,
            "start": self._start,
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

    def _measure(self, work: Work) -> None:
        """Measure all contestants in one work, by turns; those whose turn it is not stand still."""
        with ExitStack() as running:
            servers: Servers = {}
            for contestant in self._plan.contestants:
                if requests := contestant.requests(work):
                    with self._excused(servers, contestant, work):
                        server = running.enter_context(self._started(contestant, requests[0]))
                        server.sleep()
                        servers[contestant] = server
            for concurrency in self._plan.concurrencies:
                self._check(servers, work, concurrency)
                self._take_turns(servers, work, concurrency)
            for share in self._plan.rate_shares:
                self._check(servers, work, 1)
                self._take_turns(servers, work, share)

    @contextmanager
    def _excused(self, servers: Servers, contestant: Contestant, work: Work) -> Iterator[None]:
        """Leave a contestant out of the rest of a work in which it fails, for a reason."""
        try:
            yield
        except (NotInstalledError, NotStartedError, WrongAnswerError, OSError) as error:
            servers.pop(contestant, None)
            self._results.missing[f"{contestant.name}, {work.name}"] = str(error) or repr(error)
            self._console.print(f"[red]{contestant.name}, {work.name}: {error}")

    def _check(self, servers: Servers, work: Work, concurrency: int) -> None:
        """Compare what everybody answers with what our own programs compute."""
        right = self._right[work.name]
        for contestant, server in tuple(servers.items()):
            with self._excused(servers, contestant, work), server.awake():
                check_answers(server, contestant, work, right, concurrency)

    def _take_turns(self, servers: Servers, work: Work, load: int | float) -> None:
        """Measure one load: a number of clients, or a share of what Lightwell answers at 32."""
        loads = {
            one: load if isinstance(load, int) else self._rate(one, work, load) for one in servers
        }
        taken: dict[Contestant, list[Turn]] = {one: [] for one in servers if loads[one]}
        for turn in range(TURNS):
            for one in [one for one in taken if one in servers]:
                with self._excused(servers, one, work), servers[one].awake():
                    taken[one].append(self._turn(servers[one], one, work, loads[one], turn))
        for one, turns in taken.items():
            if one in servers:
                self._note(cell_of(one.name, work.name, loads[one], turns))

    def _turn(
        self, server: Server, contestant: Contestant, work: Work, load: int | float, turn: int
    ) -> Turn:
        if isinstance(load, int):
            return closed_loop(server, contestant, work, load, self._plan.window_s)
        return open_loop(server, contestant, work, load, self._plan.window_s, seed=1 + turn)

    def _rate(self, contestant: Contestant, work: Work, share: float) -> float:
        """Return the rate of an open loop: the same for all; 0 for who could not follow."""
        reached = throughputs(self._results.cells)
        rate = share * reached.get(("lightwell", work.name, 32), 0.0)
        own = reached.get((contestant.name, work.name, 32), 0.0)
        return rate if rate < REACHABLE * own else 0.0

    def _echo(self, work: Work) -> None:
        """Measure the bare server at the size of our answer."""
        ours = [one for one in self._results.cells if one.contestant == "lightwell"]
        sizes = [one.window.answer_bytes for one in ours if one.work == work.name]
        if not sizes:
            return
        bare = echo(round(sizes[0]))
        with self._started(bare, bare.requests(work)[0]) as server:
            for concurrency in self._plan.concurrencies:
                self._take_turns({bare: server}, work, concurrency)

    def _floors(self) -> None:
        measured = measured_apart("stages", *(work.name for work in self._plan.works))
        self._results.stages = measured["works"]
        self._results.machine["devices"] = ", ".join(measured["devices"])
        reached = throughputs(self._results.cells)
        echoes = {key[1:]: rate for key, rate in reached.items() if key[0] == "echo"}
        self._results.floors = floors(measured["works"], echoes)

    def _checks(self) -> None:
        self._results.found |= measured_apart("checks", "--cases", str(self._plan.cases))

    def _analyses(self) -> None:
        self._results.found["analyses"] = analyses.measure()

    def _start(self) -> None:
        made = start.measure(self._plan.starts)
        self._results.found |= {
            f"start_{way}_s": median(one.ready_s for one in made[way])
            for way in ("bare", "cold", "warm")
        }
        self._results.found |= {"start_stages": made["stages"], "executables": made["executables"]}

    def _mixed_load(self) -> None:
        ours = CONTESTANTS[0]
        with self._started(ours, ours.requests(works()["predict"])[0]) as server:
            self._results.found |= prediction_p99(server, ours)._asdict()

    def _memory(self) -> None:
        ours = CONTESTANTS[0]
        with self._started(ours, ours.requests(works()["predict"])[0]) as server:
            grown = growth(server, ours, self._plan.requests)
        self._results.found |= {
            "memory_requests": grown.requests,
            "memory_errors": grown.errors,
            "memory_first_bytes": grown.first,
            "memory_grown_bytes": grown.last - grown.first,
        }

    def _training(self) -> None:
        measured = measured_apart("training", "--speed", str(self._plan.turns))
        self._results.found["training"] = measured

    def _started(self, contestant: Contestant, request: bytes) -> Server:
        port = free_port()
        server = Server(
            contestant.command(contestant.python(), port),
            port,
            request,
            BUILD / "logs" / f"{contestant.name}.log",
            contestant.environment,
        )
        server.settle(SETTLING_S)  # some compile more once they answer: that is not to be measured
        return server

    def _note(self, cell: Cell) -> None:
        self._results.cells.append(cell)
        self._console.print("  ".join(cell_row(cell, {})), highlight=False)


def right_answers() -> dict[str, list[Arrays]]:
    """Have our own programs compute every answer, in a process of their own."""
    path = BUILD / "right.pickle"
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "scripts.bench.reference", str(path)]
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 - our own module
    right: dict[str, list[Arrays]] = pickle.loads(path.read_bytes())  # noqa: S301 - our own file
    return right


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark, or compare two checkouts; return the exit status."""
    parser, console = _parser(), Console(width=180)
    flags = parser.parse_args(arguments)
    if flags.beside:
        return _compare_checkouts(parser, flags, console)
    if unknown := set(flags.work or ()) - works().keys():
        parser.error(f"--work {min(unknown)} is measured only with --beside")
    plan = plan_from(flags)
    command = shlex.join(["python", "-m", "scripts.bench", *arguments])
    results = Results(machine(), command, plan.contestants)
    for contestant in plan.contestants:
        console.print(f"{contestant.title}: {contestant.settings}", highlight=False)
    try:
        Benchmark(plan, results, console).run()
    finally:
        results.save(BUILD)
    results.show(console)
    console.print(f"Saved as {(BUILD / 'results.md').relative_to(Path.cwd())} and results.json.")
    return 0


def _compare_checkouts(
    parser: argparse.ArgumentParser, flags: argparse.Namespace, console: Console
) -> int:
    """Print the ratios of CPU time; return 1 if one is above the limit."""
    known = checkouts.workloads()
    if not (flags.beside / "api" / "__main__.py").is_file():
        parser.error(f"--beside {flags.beside}: not a checkout, it has no api/__main__.py")
    if unknown := set(flags.work or ()) - known.keys():
        parser.error(f"--work {min(unknown)} is not measured with --beside")
    if flags.rounds < checkouts.LEAST_ROUNDS:
        parser.error(f"--rounds must be at least {checkouts.LEAST_ROUNDS}, got {flags.rounds}")
    names = flags.work or list(known)
    try:
        compared = checkouts.compare(flags.beside.resolve(), names, flags.rounds, console)
    except (NotStartedError, WrongAnswerError, OSError) as error:
        print(f"scripts.bench: {error}", file=sys.stderr)
        return 1
    console.print(checkouts.table(compared))
    return int(any(one.exceeds for one in compared))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
