"""CPU time per request of this checkout against another one: `--beside CHECKOUT`.

Both servers run at the same time, each as `python -m api` in its own folder; one is stopped by
SIGSTOP while the other is measured. A round measures every workload once on each server, with the
same requests, in slices of 0.1 s of CPU time between which the servers alternate: a slow phase of
the machine affects both. The result of a workload is the median of the rounds' ratios. Both servers
are restarted after every third round, as processes of the same code differ by a percent or two.
"""

import io
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles
from typing import TypeVar

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from scripts.bench import decoders
from scripts.bench.environments import BUILD
from scripts.bench.load import OK, Load
from scripts.bench.processes import ROOT, Server, free_port
from scripts.bench.systems import SYSTEMS, base64_text
from scripts.bench.workloads import WrongAnswerError, check, pictures, post
from scripts.bench.workloads import workloads as bench_workloads

T = TypeVar("T")

ROUNDS, MIN_ROUNDS = 9, 2
RESTARTS = 3
CONCURRENCY = 8
ROUND_S, SLICE_S = 0.8, 0.1
"""CPU time measured of each checkout's server in a round, and in one slice of it, in seconds."""

MAX_SLICES, MIN_SLICES = 8, 2
TIMEOUT_S = 30.0
START_SETTLE_S = 90.0
LIMIT = 1.05
"""Ratio of two checkouts' CPU times per request above which a workload is marked as slower."""

AS_BENCHMARKED = (
    *("activations-json", "activations-safetensors", "activations-png"),
    *("gates-20", "gates-100", "gates-1000"),
)


@dataclass(frozen=True)
class Comparison:
    """CPU time per request of one workload on both checkouts, in seconds, one pair per round."""

    workload: str
    this: Sequence[float]
    other: Sequence[float]

    @property
    def ratios(self) -> list[float]:
        """CPU time per request of this checkout divided by that of the other, by round."""
        return [a / b for a, b in zip(self.this, self.other, strict=True)]

    @property
    def ratio(self) -> float:
        """Ratio of two checkouts' CPU times per request: the median of the rounds."""
        return median(self.ratios)

    @property
    def exceeds(self) -> bool:
        """Whether this checkout's CPU time per request is over 1.05 times that of the other."""
        return self.ratio > LIMIT


@dataclass(frozen=True)
class Slices:
    """Number of slices in one CPU time measurement of a checkout, and of requests in each."""

    number: int
    requests: int

    @classmethod
    def of(cls, cpu_s: float, rotation: int) -> "Slices":
        """Choose slices for two checkouts by the CPU time of a request, not by its duration.

        Other processes change the duration, but hardly the CPU time.

        Args:
            cpu_s: CPU time per request, in seconds.
            rotation: How many different requests there are; a slice sends each equally often.
        """
        requests = rotation * max(1, round(SLICE_S / cpu_s / rotation))
        number = round(ROUND_S / cpu_s / requests)
        return cls(min(max(number, MIN_SLICES), MAX_SLICES), requests)


def workloads() -> dict[str, list[bytes]]:
    """Return the HTTP requests that `--beside` sends to both checkouts, by workload."""
    known, predict = bench_workloads(), "/cnn/predict"
    pngs = pictures()
    base64_bodies = [{"image": base64_text(png)} for png in pngs]
    pixel_bodies = [{"pixels": np.asarray(Image.open(io.BytesIO(png))).tolist()} for png in pngs]
    return {
        "predict": [post(predict, "image/png", png) for png in pngs],
        "predict-base64": [_json_post(predict, body) for body in base64_bodies],
        "predict-pixels": [_json_post(predict, body) for body in pixel_bodies],
        **{name: SYSTEMS[0].requests(known[name]) for name in AS_BENCHMARKED},
        "activations-npz": [
            post("/cnn/activations?layers=all&format=npz", "image/png", png) for png in pngs
        ],
    }


def _json_post(path: str, body: object) -> bytes:
    return post(path, "application/json", json.dumps(body).encode())


def compare(
    checkout: Path, names: Sequence[str], rounds: int, console: Console
) -> list[Comparison]:
    """Measure the CPU time of workloads on both checkouts in interleaved rounds.

    Args:
        checkout: Folder of the other checkout.
        names: Workloads to measure.
        rounds: How many pairs of measurements each workload gets.

    Returns:
        The workloads whose requests were all answered with 200, equally by both servers.

    Raises:
        NotStartedError: A server did not become ready.
    """
    requests = {name: workloads()[name] for name in names}
    costs: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    slices: dict[str, Slices] = {}
    for group in round_groups(rounds):
        with _both_servers(checkout, next(iter(requests.values()))[0]) as servers:
            for name, sent in tuple(requests.items()):
                with _excluding_failures(requests, name, console):
                    _check_equal(servers, sent)
                    # Kept after a restart, so that all rounds send equally many requests.
                    slices[name] = slices.get(name) or _slices(servers[0], sent)
            for number in group:
                for name, sent in tuple(requests.items()):
                    with _excluding_failures(requests, name, console):
                        costs[name].append(_measure_round(servers, sent, slices[name], number))
                console.print(f"round {number + 1} of {rounds}", highlight=False)
        if not requests:
            break
    return [Comparison(name, *zip(*costs[name], strict=True)) for name in requests]


@contextmanager
def _excluding_failures(
    requests: dict[str, list[bytes]], name: str, console: Console
) -> Iterator[None]:
    """Print why a workload failed on a checkout and leave it out of the other rounds."""
    try:
        yield
    except (WrongAnswerError, OSError) as error:
        del requests[name]
        console.print(f"{name} is not compared: {error}", highlight=False, style="red")


def round_groups(rounds: int, restarts: int = RESTARTS) -> list[range]:
    """Divide the rounds on two checkouts into nearly equal groups, each with new servers."""
    bounds = [round(rounds * group / restarts) for group in range(restarts + 1)]
    return [range(*pair) for pair in pairwise(bounds) if pair[0] < pair[1]]


def in_order(pair: Sequence[T], number: int) -> Sequence[T]:
    """Return the pair of checkouts' servers as it is in even rounds and reversed in odd ones."""
    return pair if number % 2 == 0 else pair[::-1]


@contextmanager
def _both_servers(checkout: Path, request: bytes) -> Iterator[tuple[Server, Server]]:
    """Start both checkouts' servers, wait for background compilation, stop both at the end."""
    with ExitStack() as running:
        servers = [
            running.enter_context(_started(folder, request, f"checkout-{name}"))
            for name, folder in (("this", ROOT), ("other", checkout))
        ]
        yield servers[0], servers[1]


def _started(folder: Path, request: bytes, log: str) -> Server:
    port = free_port()
    command = [sys.executable, "-m", "api", "--port", str(port)]
    server = Server(command, port, request, BUILD / "logs" / f"{log}.log", {}, folder)
    server.settle(START_SETTLE_S)
    server.suspend()
    return server


def _check_equal(servers: Sequence[Server], requests: Sequence[bytes]) -> None:
    """Check that the servers of both checkouts answer every request of a workload equally.

    Raises:
        WrongAnswerError: A status is not 200, or an array differs by more than rounding.
    """
    bodies = []
    for server in servers:
        with server.resumed(), Load(server.port, requests, CONCURRENCY, keep=True) as load:
            collected = load.collect(len(requests), TIMEOUT_S)
        if failed := [status for status, _ in collected if status != OK]:
            msg = f"status {failed[0]}"
            raise WrongAnswerError(msg)
        bodies.append([body for _, body in collected])
    for found, expected in zip(*bodies, strict=True):
        check(decoders.from_lightwell(found), decoders.from_lightwell(expected))


def _slices(server: Server, requests: Sequence[bytes]) -> Slices:
    """Measure the CPU time of a checkout's request, to choose the number of slices."""
    with server.resumed():
        # Not measured: the first requests fill caches.
        measure_slice(server, requests, len(requests))
        seconds, count = measure_slice(server, requests, 2 * len(requests))
    return Slices.of(seconds / count, len(requests))


def _measure_round(
    servers: Sequence[Server], requests: Sequence[bytes], slices: Slices, number: int
) -> tuple[float, float]:
    """Measure the CPU time of one workload once on each checkout, in alternating slices.

    Returns:
        CPU time per request of each server, in seconds.
    """
    for server in servers:
        with server.resumed():
            # Background work must not count for the requests of this round.
            server.settle()
    spent, answered = [0.0, 0.0], [0, 0]
    for index in range(slices.number):
        # Neither server is always first, so that a drift of the machine favours neither.
        for side in in_order((0, 1), number + index):
            seconds, count = measure_slice(servers[side], requests, slices.requests)
            spent[side] += seconds
            answered[side] += count
    return spent[0] / answered[0], spent[1] / answered[1]


def measure_slice(
    server: Server, requests: Sequence[bytes], count: int, clients: int = CONCURRENCY
) -> tuple[float, int]:
    """Return a suspended server's CPU time for one slice of requests, and how many it answered.

    Raises:
        WrongAnswerError: A request was not answered with 200.
    """
    with server.resumed(), Load(server.port, requests, clients) as load:
        # Accepting connections, and what is left of the slice before, are not measured.
        load.closed(0, clients, TIMEOUT_S)
        load.drain(TIMEOUT_S)
        before = server.cpu_s()
        run = load.closed(0, count, TIMEOUT_S)
        load.drain(TIMEOUT_S)
        spent = server.cpu_s() - before
    if failed := [one.status for one in run.answers if one.status != OK]:
        msg = f"a request under load had status {failed[0]}"
        raise WrongAnswerError(msg)
    return spent, len(run.answers)


def table(comparisons: Sequence[Comparison]) -> Table:
    """Lay out two checkouts' CPU time ratios with quartiles and range; mark those above 1.05."""
    head = ("workload", "CPU µs", "other's µs", "ratio", "quartiles", "range", f"> {LIMIT}")
    shown = Table(*head, title="CPU time per request, this checkout against the other")
    for one in comparisons:
        low, _, high = quantiles(one.ratios, method="inclusive")
        shown.add_row(
            one.workload,
            *(f"{1e6 * median(costs):,.0f}" for costs in (one.this, one.other)),
            f"{one.ratio:.3f}",
            f"{low:.3f} to {high:.3f}",
            f"{min(one.ratios):.3f} to {max(one.ratios):.3f}",
            "ABOVE" if one.exceeds else "",
        )
    return shown
