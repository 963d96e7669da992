"""Load a server with requests of all routes for half an hour, and compare its resources.

    python -m scripts.soak --minutes 30
    python -m scripts.soak --minutes 1 --url http://127.0.0.1:8000

Starts a server of its own on loopback, or takes the one of --url. Clients send valid requests to
every operation of its OpenAPI document, invalid ones, bytes that are not HTTP, and leave in the
middle. Ends with a table of requests, answers by status, lost requests, and resources and latencies
after the first sixth of the time and at the end; the exit status is 1 if a figure exceeds its
bound.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException

from rich.console import Console

from scripts.bench.load import CLOSED, Run
from scripts.bench.processes import NotStartedError
from scripts.bench.workloads import SEED
from scripts.command_line import script_parser
from scripts.compare import contract, malformed, plan
from scripts.compare.__main__ import material_of
from scripts.compare.bodies import Material
from scripts.compare.wire import Request, exchange
from scripts.overload.__main__ import add_server
from scripts.overload.checks import Check, Totals, latency
from scripts.overload.loads import LOCAL, OTHER, Closed, Generators, Paced
from scripts.overload.report import State, show
from scripts.overload.requests import predictions
from scripts.overload.returning import exchange as ask
from scripts.overload.target import Series, Target, measured

PARTS = 6
"""Parts of the time: the state after the first one is compared with that after the last."""

CLIENTS = 8
PREDICTIONS_PER_S = 20.0
STRANGE_PAUSE_S = 0.2
REFUSED_EACH = 2
ACCOUNTED_S = 5.0
REST_S = 15.0
"""Seconds without load before resources are read: the server returns freed memory meanwhile."""

GROWTH = 1.1
P99_GROWTH = 1.5
P99_ALLOWANCE_MS = 10.0
"""Milliseconds by which a p99 differs between two parts without any cause in the server."""


@dataclass(frozen=True)
class Strange:
    """Strange clients: bytes that are not HTTP, streams, requests that their clients leave.

    Attributes:
        requests: Requests that are sent whole; each must have one answer or one end.
        left: Requests whose client leaves before the answer.
    """

    requests: Sequence[bytes]
    left: Sequence[bytes]
    seconds: float

    def run(self, port: int) -> Counter[int]:
        """Run the strange clients; return the answers of requests that were sent whole."""
        return asyncio.run(self._run(port))

    async def _run(self, port: int) -> Counter[int]:
        statuses: Counter[int] = Counter()
        until, at = time.monotonic() + self.seconds, 0
        while time.monotonic() < until:
            head = await ask(port, self.requests[at % len(self.requests)], OTHER, 30)
            statuses[head.status] += 1
            await ask(port, self.left[at % len(self.left)], OTHER, 0.01)
            await asyncio.sleep(STRANGE_PAUSE_S)
            at += 1
        return statuses


@dataclass(frozen=True)
class Mixture:
    """Mixture of requests that a soak sends: of every operation, and strange ones."""

    mixed: Sequence[bytes]
    strange: Sequence[bytes]
    left: Sequence[bytes]


def mixture(target: Target) -> Mixture:
    """Build the mixture of a soak from the OpenAPI document of its server."""
    send = partial(exchange, target.port)
    document = json.loads(send(Request("openapi", "GET", "/openapi.json")).body)
    return mixture_of(contract.operations(document), material_of(send))


def mixture_of(operations: Sequence[contract.Operation], material: Material) -> Mixture:
    """Build the mixture of a soak from operations and bodies for them."""
    mixed, streams, left = [], [], []
    for one in operations:
        plain = plan.base(one, material).content
        if one.path.endswith(".jsonl"):
            streams.append(plain)
            continue
        mixed.append(plain)
        left.append(plain)
        refused = list(plan.refused_parameters(one, material))
        mixed += [request.content for request in refused[:REFUSED_EACH]]
    strange = [one.content for one in malformed.malformed(material) if not one.withheld]
    random.Random(SEED).shuffle(mixed)  # noqa: S311 - the same order in every run
    return Mixture(mixed, [*strange, *streams * 4], left)


@dataclass
class Soak:
    """Soak of one server: requests of the mixture in parts, and the server's state after each."""

    target: Target
    generators: Generators
    mixture: Mixture
    totals: Totals

    def part(self, seconds: float) -> State:
        """Send one part of the load of a soak; return the server's state after it."""
        port = self.target.port
        strange = Strange(self.mixture.strange, self.mixture.left, seconds)
        waiting = self.generators.start(strange.run, port)
        run = self._accounted(seconds)
        statuses: Counter[int] = waiting.result()
        # The end of a connection is an answer to bytes that are not HTTP.
        statuses.pop(CLOSED, None)
        self.totals.statuses.update(statuses)
        self.target.settle()
        time.sleep(REST_S)
        return State(self.target.resources(), latency(run.answers, 0.5), latency(run.answers, 0.99))

    def _accounted(self, seconds: float) -> Run:
        """Send requests whose answers are all counted; return those of the predictions."""
        port = self.target.port
        mixed = self.generators.start(
            Closed(self.mixture.mixed, CLIENTS, seconds, sources=(LOCAL,)).run, port
        )
        paced = Paced(predictions(), 16, PREDICTIONS_PER_S, seconds, sources=(OTHER,))
        run: Run = self.totals.add(self.generators.start(paced.run, port).result())
        self.totals.add(mixed.result())
        return run

    def accounts(self) -> list[Check]:
        """Compare the server's count of requests by outcome with the answers of the clients."""
        before, sent = self.target.metrics(), self.totals.requests
        self._accounted(ACCOUNTED_S)
        self.target.settle()
        answered = self.totals.requests - sent - self.totals.lost
        return account_checks(before, self.target.metrics(), answered)


def account_checks(before: Series, after: Series, answered: int) -> list[Check]:
    """Compare the server's counts of requests and rows with the answers of all clients.

    Args:
        answered: Requests between the two readings that were answered. The first reading is one
            more.
    """
    counted = _sum(after, "lightwell_requests_total") - _sum(before, "lightwell_requests_total")
    waiting = _sum(after, "lightwell_rows_waiting")
    return [
        Check("requests counted by the server less those answered", counted - answered - 1, 0),
        Check("requests answered less those counted by the server", answered + 1 - counted, 0),
        Check("rows that still wait", waiting, 0),
    ]


def _sum(series: Series, name: str) -> float:
    return sum(value for (one, _), value in series.items() if one == name)


def growth_checks(first: State, last: State) -> list[Check]:
    """Compare resources and latency at the end of a soak with those after its first part."""
    found = []
    if first.resources and last.resources:
        for name in ("rss_bytes", "descriptors", "threads"):
            old, new = (getattr(one.resources, name) for one in (first, last))
            found.append(Check(f"growth of {name.partition('_')[0]}", new / old, GROWTH))
    bound = max(P99_GROWTH * first.p99_ms, first.p99_ms + P99_ALLOWANCE_MS)
    return [*found, Check("predict p99 under load at the end", last.p99_ms, bound, "ms")]


def main(arguments: Sequence[str]) -> int:
    """Run a soak; return 1 if a figure exceeds its bound, 2 without a server."""
    parser = script_parser("python -m scripts.soak", __doc__)
    add_server(parser)
    parser.add_argument("--minutes", type=float, default=30.0, help="duration (30)")
    flags, console = parser.parse_args(arguments), Console(width=150)
    try:
        with (
            measured(flags.url, flags.checkout.resolve(), flags.flags.split()) as target,
            Generators() as generators,
        ):
            soak = Soak(target, generators, mixture(target), Totals())
            return _run(soak, 60 * flags.minutes, console)
    except (NotStartedError, HTTPException, OSError, ValueError) as error:
        print(f"scripts.soak: {error}", file=sys.stderr)
        return 2


def _run(soak: Soak, seconds: float, console: Console) -> int:
    """Run the parts of a soak; print its report, and return the exit status."""
    states = []
    for number in range(1, PARTS + 1):
        states.append(soak.part(seconds / PARTS))
        console.print(*states[-1].row(f"part {number} of {PARTS}"), highlight=False)
    checks = [*growth_checks(states[0], states[-1]), *soak.accounts()]
    times = {"after the first part": states[0], "at the end": states[-1]}
    return show(console, soak.totals, checks, times)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
