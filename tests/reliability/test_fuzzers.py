"""Fuzzers, for a fixed number of seeded inputs: `python -m tests.fuzz` runs them for longer."""

from collections.abc import Iterator

import pytest

from tests.fuzz import declarations, heads, json_bodies, multipart, network_files, pictures, queries
from tests.fuzz.driver import Fuzzer, fuzz
from tests.servers import Server, started

MOST_GROWTH = 256 << 20
"""Bytes of resident memory by which a server may grow while its analyses still compile."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of its own, whose memory is measured."""
    with started(ready="Ready after") as server:
        yield server


@pytest.mark.parametrize(
    ("fuzzer", "count"),
    [(pictures, 200), (multipart, 200), (json_bodies, 150), (heads, 120), (queries, 100)],
    ids=["pictures", "multipart", "json", "heads", "queries"],
)
def test_hostile_requests_are_refused_with_problems(
    server: Server, fuzzer: Fuzzer, count: int
) -> None:
    """Each is answered with an allowed status and a short problem, and changes no other answer."""
    found = fuzz(fuzzer, server.url, server.process.pid, seed=18, count=count)
    assert found.failures == []
    assert found.statuses.total() == count
    assert sum(found.statuses[status] for status in range(400, 500)) > count / 4
    assert found.growth < MOST_GROWTH
    assert server.process.poll() is None


def test_hostile_declarations_are_refused_with_a_sentence() -> None:
    """Each is read, or refused with a sentence, in bounded time."""
    found = declarations.check(seed=18, count=800)
    assert found.total() == 800
    assert found["read"] > 20
    assert found["refused"] > 400


def test_hostile_files_of_a_network_are_refused_with_a_sentence() -> None:
    """Each is read, and can be described and drawn, or is refused with a sentence."""
    found = network_files.check(seed=18, count=400)
    assert found.total() == 400
    assert found["read"] > 10
    assert found["refused"] > 200
