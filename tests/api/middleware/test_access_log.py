"""What becomes of a request that has ended: counted, timed and logged, soon and once."""

import asyncio
import logging

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.inference.engine import Engine
from api.middleware.access_log import MOST, PAUSE_S, AccessLog, AccessRecord
from api.middleware.metrics import Metrics

ANSWERED = AccessRecord(1_700_000_000.25, "/cnn/predict", "POST", 200, 0.0015, 0.0001, "its-name")


@pytest.fixture
def ledger() -> AccessLog:
    """Return a ledger of an engine that has answered nothing."""
    return AccessLog(Metrics(Engine(None, 1, 1, 1, 1)))


def counted(ledger: AccessLog, name: str = "lightwell_requests_total") -> float:
    """Return what the exposition says of a counter in all."""
    families = text_string_to_metric_families(ledger.exposition().decode())
    samples = [sample for family in families for sample in family.samples]
    return sum(sample.value for sample in samples if sample.name == name)


def test_an_entry_is_logged_soon_at_its_own_time(
    ledger: AccessLog, caplog: pytest.LogCaptureFixture
) -> None:
    """Not while the request is answered; and with the moment at which it ended."""

    async def note() -> int:
        ledger.note(ANSWERED)
        before = len(caplog.records)
        await asyncio.sleep(2 * PAUSE_S)
        return before

    with caplog.at_level(logging.INFO, "lightwell.access"):
        assert asyncio.run(note()) == 0

    [record] = caplog.records
    assert record.getMessage() == "POST /cnn/predict 200 1.5 ms its-name"
    assert (record.created, record.msecs) == (ANSWERED.ended, 250)


def test_many_entries_wait_for_no_timer(
    ledger: AccessLog, caplog: pytest.LogCaptureFixture
) -> None:
    """So that a busy server never holds more than so many."""

    async def note() -> None:
        for _ in range(MOST):
            ledger.note(ANSWERED)

    with caplog.at_level(logging.INFO, "lightwell.access"):
        asyncio.run(note())

    assert len(caplog.records) == MOST


def test_the_exposition_counts_every_entry_once(ledger: AccessLog) -> None:
    """Also those that are not settled yet."""

    async def note() -> tuple[float, float]:
        ledger.note(ANSWERED)
        ledger.note(ANSWERED._replace(encode_s=None))
        return counted(ledger), counted(ledger)

    assert asyncio.run(note()) == (2.0, 2.0)
    assert counted(ledger, "lightwell_request_seconds_count") == 2.0
    assert counted(ledger, "lightwell_stage_seconds_count") == 1.0


@pytest.mark.parametrize(("status", "lines"), [(200, 0), (404, 0), (500, 1)])
def test_what_machines_ask_is_logged_where_it_fails(
    status: int, lines: int, ledger: AccessLog, caplog: pytest.LogCaptureFixture
) -> None:
    """A probe every few seconds would bury everything else; it is counted all the same."""

    async def note() -> None:
        ledger.note(ANSWERED._replace(route="/readyz", status=status))
        ledger.settle()

    with caplog.at_level(logging.INFO, "lightwell.access"):
        asyncio.run(note())

    assert len(caplog.records) == lines
    assert counted(ledger) == 1.0
