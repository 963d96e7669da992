"""How much a server grows while it answers many requests of every kind."""

import random
from typing import NamedTuple

from scripts.bench.contestants import Contestant
from scripts.bench.load import OK, Load
from scripts.bench.processes import Server
from scripts.bench.works import SEED, works

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
"""Of each hundred requests: every kind, but mostly those that are soon answered."""


class Growth(NamedTuple):
    """Resident memory, in bytes, after the first thousand requests and after all."""

    first: int
    last: int
    requests: int
    errors: int


def growth(server: Server, contestant: Contestant, count: int) -> Growth:
    """Send so many requests of every kind, and see what stays resident."""
    requests = mixture(contestant)
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


def mixture(contestant: Contestant) -> list[bytes]:
    """Shuffle requests of every kind, in their shares."""
    known = works()
    requests = []
    for name, share in SHARES.items():
        asked = contestant.requests(known[name])
        requests += [asked[index % len(asked)] for index in range(share)]
    random.Random(SEED).shuffle(requests)  # noqa: S311 - the same order in every run
    return requests
