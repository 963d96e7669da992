"""Loads that run in processes of their own, apart from the process that measures."""

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from scripts.bench.load import UNANSWERED, Load, RequestResult, Run, poisson

PROCESSES = 3
LOCAL = "127.0.0.1"
OTHER = "127.0.0.2"
"""Address of the client that shares the server with those of `LOCAL`."""

CROWD = tuple(f"127.0.0.{number}" for number in range(3, 11))
"""Addresses of an open loop's clients: the connections of one address are limited."""

DRAIN_S = 15.0
"""Seconds for which answers are awaited after a load: above the server's deadline."""


@dataclass(frozen=True)
class Closed:
    """Closed loop: each connection sends its next request when the last is answered.

    Attributes:
        drain: Whether outstanding answers are awaited at the end; otherwise the clients leave.
    """

    requests: Sequence[bytes]
    connections: int
    seconds: float
    sources: Sequence[str] = (LOCAL,)
    drain: bool = True

    def run(self, port: int) -> Run:
        """Run a closed loop."""
        with Load(port, self.requests, self.connections, sources=self.sources) as load:
            run = load.closed(self.seconds, 0, self.seconds)
            if self.drain:
                load.drain(DRAIN_S)
                now = time.perf_counter()
                run.answers.extend(
                    RequestResult(since, now - since, UNANSWERED, 0) for since in load.outstanding()
                )
            return run


@dataclass(frozen=True)
class Paced:
    """Open loop: requests at even intervals or, as those of many clients, at random times.

    Attributes:
        seed: Seed of random times; None is even intervals.
    """

    requests: Sequence[bytes]
    connections: int
    per_second: float
    seconds: float
    sources: Sequence[str] = (OTHER,)
    seed: int | None = None

    def run(self, port: int) -> Run:
        """Run an open loop."""
        with Load(port, self.requests, self.connections, sources=self.sources) as load:
            return load.open(self._moments(), self.seconds, DRAIN_S)

    def _moments(self) -> list[float]:
        if self.seed is not None:
            return poisson(self.per_second, self.seconds, self.seed)
        count = round(self.per_second * self.seconds)
        return [at / self.per_second for at in range(count)]


class Generators:
    """Processes that generate load, which import neither NumPy nor JAX."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(PROCESSES, mp_context=context)

    def __enter__(self) -> "Generators":
        # The import of a process takes its CPU time before a measurement.
        for waiting in [self._pool.submit(time.sleep, 0.2) for _ in range(PROCESSES)]:
            waiting.result()
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def start(self, function: Callable[..., Any], *arguments: object) -> "Future[Any]":
        """Start a load in one of the processes."""
        return self._pool.submit(function, *arguments)
