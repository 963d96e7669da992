"""Limits of one server, divided among its processes."""

import pytest
from fastapi import FastAPI

from api.app import create_app
from api.server.connection_limits import ConnectionLimits
from api.settings import Settings
from api.workers.division import SUPERVISOR_BYTES, divided

GIB = 2**30
LIMITS = Settings(
    memory=2 * GIB,
    queue_rows=64,
    queue_bytes=64 * 2**20,
    max_requests=9,
    analysis_rows=1000,
    body_bytes=32 * 2**20,
    connections=100,
    connections_per_address=3,
    rate=50,
    burst=5,
)


def test_one_process_has_all() -> None:
    """Its settings are those of the server."""
    assert divided(LIMITS, 1) is LIMITS


def test_shares_add_up_to_no_more_than_the_limits() -> None:
    """Every limit is divided, memory less that of the supervisor."""
    share = divided(LIMITS, 4)

    assert share.memory == (2 * GIB - SUPERVISOR_BYTES) // 4
    assert (share.queue_rows, share.queue_bytes) == (16, 16 * 2**20)
    assert (share.max_requests, share.analysis_rows, share.body_bytes) == (2, 250, 8 * 2**20)
    assert (share.connections, share.rate, share.burst) == (25, 12.5, 1)


def test_each_process_has_at_least_one() -> None:
    """A limit below the number of processes is 1 in each."""
    assert divided(LIMITS, 64).connections_per_address == 1
    assert divided(LIMITS, 64).burst == 1


def test_limits_that_are_not_set_follow_from_the_share() -> None:
    """None stays none, and no rate stays none."""
    share = divided(Settings(memory=GIB, rate=0), 2)

    assert (share.queue_rows, share.body_bytes, share.rate) == (None, None, 0)


def test_loopback_addresses_share_their_connections() -> None:
    """Their limit without a setting is divided, too."""
    limits = ConnectionLimits.of(divided(Settings(), 2), 2)

    assert limits.connections == 512
    assert limits.of_address("127.0.0.1") == 64
    assert limits.of_address("192.0.2.1") == 128


@pytest.fixture(scope="module")
def second() -> FastAPI:
    """Application of one of two processes with the default settings of rates."""
    return create_app(Settings(memory=2 * GIB, token="a" * 32), processes=2)


def test_an_application_has_its_share(second: FastAPI) -> None:
    """Memory, requests and the default rate are half of a server's."""
    budget = second.state.engine.admission.memory
    rates = second.state.guard.rules.rates

    assert budget.total == (2 * GIB - SUPERVISOR_BYTES) // 2
    assert (rates._rate, rates._burst) == (25, 100)


def test_wrong_tokens_are_counted_by_all_together(second: FastAPI) -> None:
    """Two processes examine no more guesses than one: five at once each."""
    wrong = second.state.guard._guesses._wrong

    assert [wrong.wait("192.0.2.1") > 0 for _ in range(6)] == [False] * 5 + [True]
