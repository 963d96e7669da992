"""Memory growth of a server over many requests of mixed kinds."""

import random
from typing import NamedTuple

from scripts.bench.load import OK, Load
from scripts.bench.processes import Server
from scripts.bench.systems import System
from scripts.bench.workloads import SEED, workloads

CONCURRENCY = 32
FIRST = 1_000
SHARES = {
    "predict": 62,
    "channel": 10,
    "gates-20": 15,
    "gates-100": 8,
    "gates-mixed": 3,
    "activations-safetensors": 1,
    "activations-json": 1,
}
"""Percentage of each workload in the memory growth test: all kinds, but mostly fast ones."""


class Growth(NamedTuple):
    """Memory growth: bytes resident after the first thousand requests and after all."""

    first: int
    last: int
    requests: int
    errors: int


def growth(server: Server, system: System, count: int) -> Growth:
    """Measure the memory growth of a server over a number of mixed requests."""
    requests = mixture(system)
    with Load(server.port, requests, CONCURRENCY) as load:
        begun = load.closed(0, FIRST, 60)
        server.settle()
        first = server.memory_bytes()
        ended = load.closed(0, count - FIRST, 600)
        load.drain(10)
    server.settle()
    answers = [*begun.answers, *ended.answers]
    errors = sum(one.status != OK for one in answers)
    return Growth(first, server.memory_bytes(), len(answers), errors)


def mixture(system: System) -> list[bytes]:
    """Return the memory growth test's hundred shuffled requests in the shares of `SHARES`."""
    known = workloads()
    requests = []
    for name, share in SHARES.items():
        sent = system.requests(known[name])
        requests += [sent[index % len(sent)] for index in range(share)]
    random.Random(SEED).shuffle(requests)  # noqa: S311 - the same order in every run
    return requests
