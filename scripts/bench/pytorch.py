"""CPU time a request beside careful PyTorch servers, and attributions beside Captum, with targets.

    python -m scripts.bench.pytorch
    python -m scripts.bench.pytorch --python ../torch/bin/python --only predict gates-100
    python -m scripts.bench.pytorch --rounds 2 --only attributions

All servers run at the same time, all but one stopped by SIGSTOP. A round measures each workload
once on every server, in slices that alternate; a ratio is the median of the rounds. Lightwell's
requests leave out of the answer what the PyTorch servers do not have. There are two of those: one
runs PyTorch as it is, the other frozen for inference and with batches, and a target holds where it
holds for both. The exit status is 1 if one is missed.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from scripts.bench.attributions import measured_once
from scripts.bench.checkouts import measure_slice
from scripts.bench.environments import BUILD, NotInstalledError, python_of
from scripts.bench.load import OK, Load
from scripts.bench.processes import NotStartedError, Server, answers, free_port
from scripts.bench.systems import SYSTEMS, System
from scripts.bench.workloads import Workload, WrongAnswerError, check, pictures, post, workloads
from scripts.command_line import script_parser

ROUNDS = 7
SLICES, SLICE_S = 4, 0.1
"""Slices of a server in one round beside PyTorch, and CPU seconds of one."""

TIMEOUT_S, SETTLE_S = 30.0, 90.0
ATTRIBUTIONS, HOLDS = "attributions", "holds"
NAMES = ("lightwell", "careful", "careful-batched")

LEAN: Mapping[str, str] = {
    "predict": "/cnn/predict?include=prediction",
    "activations-json": "/cnn/activations?layers=all&include=prediction,tensors",
    "activations-safetensors": "/cnn/activations?layers=all&format=safetensors&include=tensors",
    "gates-100": "/lstm/gates?include=prediction,tensors",
}
"""Workload → Lightwell's request for the content that the PyTorch servers send."""


@dataclass(frozen=True)
class Target:
    """Target of Lightwell's CPU time a request, as a ratio to that of PyTorch servers.

    Attributes:
        clients: Connections, each with one request in flight.
    """

    workload: str
    clients: int
    most: float


TARGETS = (
    Target("predict", 1, 1.0),
    Target("predict", 32, 0.5),
    Target("activations-json", 1, 1.05),
    Target("activations-json", 32, 1.0),
    Target("activations-safetensors", 1, 1.0),
    Target("activations-safetensors", 32, 0.5),
    Target("gates-100", 1, 1 / 3),
    Target("gates-100", 32, 1 / 3),
)

SPEEDS: Mapping[str, float] = {"integrated_gradients": 1.5, "occlusion": 4.5}
"""Attribution method → target of its speed, as a ratio to Captum's as documented."""


@dataclass
class Comparison:
    """Comparison of one target: CPU seconds a request of every server, one value a round."""

    target: Target
    costs: dict[str, list[float]] = field(default_factory=dict)

    @property
    def ratios(self) -> list[float]:
        """Medians over the rounds of Lightwell's CPU time by that of each PyTorch server."""
        own, *others = (self.costs[name] for name in NAMES)
        return [
            median(one / other for one, other in zip(own, costs, strict=True)) for costs in others
        ]

    def row(self) -> list[str]:
        """Return the table row of a comparison with PyTorch."""
        clients = "1 client" if self.target.clients == 1 else f"{self.target.clients} clients"
        costs = (f"{1e6 * median(self.costs[name]):,.0f}" for name in NAMES)
        first, batched = self.ratios
        holds = max(first, batched) <= self.target.most
        return [
            f"{self.target.workload}, {clients}",
            *costs,
            f"{first:.2f}",
            f"{batched:.2f}",
            f"≤ {self.target.most:.2f}",
            HOLDS if holds else "MISSED",
        ]


def speed_row(name: str, ratios: Sequence[float]) -> list[str]:
    """Return the table row of an attribution method's speed by that of Captum's."""
    found, least = median(ratios), SPEEDS[name]
    holds = HOLDS if found >= least else "MISSED"
    return [f"speed of {name}", "", "", "", f"{found:.2f}", "", f"≥ {least:.2f}", holds]


@dataclass(frozen=True)
class ComparedServer:
    """Compared server: suspended between measurements, and asked for like content.

    Attributes:
        is_lean: Whether it is Lightwell with the parameter `include`.
    """

    system: System
    server: Server
    is_lean: bool = False

    def requests(self, workload: Workload) -> list[bytes]:
        """Return a workload's requests; those of Lightwell ask for the PyTorch servers' content."""
        if not self.is_lean:
            return self.system.requests(workload)
        path = LEAN[workload.name]
        if workload.is_image:
            return [post(path, "image/png", one) for one in workload.inputs]
        bodies = (b'{"sequence":"%s"}' % one for one in workload.inputs)
        return [post(path, "application/json", body) for body in bodies]

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
        requests = self.requests(workload)
        with self.server.resumed(), Load(self.server.port, requests, 1, keep=True) as load:
            found = load.collect(len(requests), TIMEOUT_S)
        for status, body in found:
            if status != OK:
                msg = f"{self.system.name}, {workload.name}: status {status}: {body[:200]!r}"
                raise WrongAnswerError(msg)
        return [body for _, body in found]


@contextmanager
def compared_servers(python: str) -> Iterator[list[ComparedServer]]:
    """Start the servers of the comparison with PyTorch, each suspended when it is ready.

    Raises:
        NotStartedError: A server did not become ready.
    """
    known = {one.name: one for one in SYSTEMS}
    with ExitStack() as running:
        found = []
        for name in NAMES:
            system, port = known[name], free_port()
            interpreter = sys.executable if name == NAMES[0] else python
            server = Server(
                system.command(interpreter, port),
                port,
                system.requests(workloads()["predict"])[0],
                BUILD / "logs" / f"{name}.log",
                system.environment,
            )
            running.enter_context(server)
            server.settle(SETTLE_S)
            server.suspend()
            found.append(
                ComparedServer(system, server, is_lean=name == NAMES[0] and _is_lean(server))
            )
        yield found


def _is_lean(server: Server) -> bool:
    """Whether a suspended server of Lightwell, perhaps of an older checkout, knows `include`."""
    with server.resumed():
        return answers(server.port, post(LEAN["predict"], "image/png", pictures()[0]))


def compare(
    asked: Sequence[Target], servers: Sequence[ComparedServer], rounds: int, console: Console
) -> list[Comparison]:
    """Measure the CPU time of workloads on Lightwell and on PyTorch in interleaved rounds."""
    comparisons = [Comparison(one, {name: [] for name in NAMES}) for one in asked]
    counts = {one.target: _counts(one.target, servers) for one in comparisons}
    for number in range(rounds):
        for each in servers:
            # Programs that compile in the background must not count for the requests.
            with each.server.resumed():
                each.server.settle(SETTLE_S)
        for one in comparisons:
            for name, cost in _round(one.target, servers, counts[one.target], number).items():
                one.costs[name].append(cost)
        console.print(f"round {number + 1} of {rounds}", highlight=False)
    return comparisons


def _counts(target: Target, servers: Sequence[ComparedServer]) -> dict[str, int]:
    """Return the requests of a slice, of about 0.1 s of CPU time on each server."""
    found, workload = {}, workloads()[target.workload]
    servers[0].check(workload, servers[1:])
    for one in servers:
        requests = one.requests(workload)
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
    spent, answered = dict.fromkeys(NAMES, 0.0), dict.fromkeys(NAMES, 0)
    workload = workloads()[target.workload]
    for index in range(SLICES):
        first = (number + index) % len(servers)
        for one in [*servers[first:], *servers[:first]]:
            name = one.system.name
            seconds, count = measure_slice(
                one.server, one.requests(workload), counts[name], target.clients
            )
            spent[name] += seconds
            answered[name] += count
    return {name: spent[name] / answered[name] for name in NAMES}


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
    flags, console = _parser().parse_args(arguments), Console(width=140)
    chosen = flags.only or [*LEAN, ATTRIBUTIONS]
    asked = [one for one in TARGETS if one.workload in chosen]
    rows = []
    try:
        python = flags.python or str(python_of("captum"))
        if asked:
            with compared_servers(python) as servers:
                rows += [one.row() for one in compare(asked, servers, flags.rounds, console)]
            # Printed before Captum is run, which may fail.
            console.print(_table("CPU time a request", rows))
        if ATTRIBUTIONS in chosen:
            measured = attributions(python, flags.rounds)
            speeds = [speed_row(name, ratios) for name, ratios in measured.items()]
            console.print(_table("Speed of attributions", speeds))
            rows += speeds
    except (NotInstalledError, NotStartedError, RuntimeError, WrongAnswerError, OSError) as error:
        print(f"scripts.bench.pytorch: {error}", file=sys.stderr)
        return 2
    return int(any(row[-1] != HOLDS for row in rows))


def _parser() -> argparse.ArgumentParser:
    parser = script_parser("python -m scripts.bench.pytorch", __doc__)
    parser.add_argument("--only", nargs="+", choices=[*LEAN, ATTRIBUTIONS], help="what to compare")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="interleaved rounds (7)")
    parser.add_argument(
        "--python", type=_interpreter, help="interpreter with the packages of servers/captum.txt"
    )
    return parser


def _interpreter(text: str) -> str:
    # Servers start in another folder; a link to an interpreter must not be resolved.
    return str(Path(text).absolute())


def _table(title: str, rows: Sequence[Sequence[str]]) -> Table:
    systems = ("Lightwell µs", "PyTorch µs", "batched µs")
    heads = ("", *systems, "÷ PyTorch", "÷ batched", "target", "")
    table = Table(title=title)
    for at, head in enumerate(heads):
        table.add_column(head, justify="right" if 0 < at < len(heads) - 1 else "left")
    for row in rows:
        table.add_row(*row)
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
