"""Access log: each finished request is counted, timed and logged, soon and once."""

import asyncio
import logging

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.inference.admission import Admission
from api.inference.engine import Engine
from api.inference.loading import LoadedModels
from api.inference.program_queues import QueueLimits
from api.middleware.access_log import FLUSH_S, MAX_BUFFERED, AccessLog, AccessRecord
from api.middleware.metrics import Metrics

ANSWERED = AccessRecord(1_700_000_000.25, "/cnn/predict", "POST", 200, 0.0015, 0.0001, "its-name")


@pytest.fixture
def log() -> AccessLog:
    """Access log of an engine that has answered nothing."""
    return AccessLog(Metrics(Engine(LoadedModels({}), QueueLimits(1, 1), Admission(1, 1))))


def total(log: AccessLog, name: str = "lightwell_requests_total") -> float:
    """Sum of one counter over its labels in the exposition."""
    families = text_string_to_metric_families(log.exposition().decode())
    samples = [sample for family in families for sample in family.samples]
    return sum(sample.value for sample in samples if sample.name == name)


def logged(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Log lines of `ANSWERED`: a server of other tests may log requests of its own meanwhile."""
    return [one for one in caplog.records if one.getMessage().endswith(ANSWERED.request_id)]


def test_a_request_is_logged_soon_at_its_own_time(
    log: AccessLog, caplog: pytest.LogCaptureFixture
) -> None:
    """Not while the request is answered; and with the moment at which it ended."""

    async def record() -> int:
        log.record(ANSWERED)
        before = len(logged(caplog))
        await asyncio.sleep(2 * FLUSH_S)
        return before

    with caplog.at_level(logging.INFO, "lightwell.access"):
        assert asyncio.run(record()) == 0

    [line] = logged(caplog)
    assert line.getMessage() == "POST /cnn/predict 200 1.5 ms its-name"
    assert (line.created, line.msecs) == (ANSWERED.ended, 250)


@pytest.mark.parametrize(("status", "lines"), [(200, 0), (404, 0), (503, 1)])
def test_an_incomplete_log_has_failed_requests_alone(
    status: int, lines: int, log: AccessLog, caplog: pytest.LogCaptureFixture
) -> None:
    """All of them are counted."""
    incomplete = AccessLog(log.metrics, is_complete=False)

    async def record() -> None:
        incomplete.record(ANSWERED._replace(status=status))
        incomplete.flush()

    with caplog.at_level(logging.INFO, "lightwell.access"):
        asyncio.run(record())

    assert len(logged(caplog)) == lines
    assert total(log) == 1.0


def test_many_requests_wait_for_no_timer(log: AccessLog, caplog: pytest.LogCaptureFixture) -> None:
    """The buffer of a busy server is bounded."""

    async def record() -> None:
        for _ in range(MAX_BUFFERED):
            log.record(ANSWERED)

    with caplog.at_level(logging.INFO, "lightwell.access"):
        asyncio.run(record())

    assert len(logged(caplog)) == MAX_BUFFERED


def test_a_timer_that_is_lost_with_its_loop_keeps_no_line_back(
    log: AccessLog, caplog: pytest.LogCaptureFixture
) -> None:
    """The next request of another event loop writes the line that waits."""

    async def record(ended: float) -> None:
        log.record(ANSWERED._replace(ended=ended))

    with caplog.at_level(logging.INFO, "lightwell.access"):
        asyncio.run(record(ANSWERED.ended))
        assert logged(caplog) == []
        asyncio.run(record(ANSWERED.ended + 1))

    assert len(logged(caplog)) == 2


def test_the_exposition_counts_every_request_once(log: AccessLog) -> None:
    """Also those that are not flushed yet; encoding is timed where something was encoded."""

    async def record() -> tuple[float, float]:
        log.record(ANSWERED)
        log.record(ANSWERED._replace(encode_s=None))
        return total(log), total(log)

    assert asyncio.run(record()) == (2.0, 2.0)
    assert total(log, "lightwell_request_seconds_count") == 2.0
    assert total(log, "lightwell_stage_seconds_count") == 1.0


@pytest.mark.parametrize(("status", "lines"), [(200, 0), (404, 0), (500, 1)])
def test_a_polled_route_is_logged_only_where_it_fails(
    status: int, lines: int, log: AccessLog, caplog: pytest.LogCaptureFixture
) -> None:
    """A monitor that asks every few seconds would bury every other line; it is counted."""

    async def record() -> None:
        log.record(ANSWERED._replace(route="/readyz", status=status))
        log.flush()

    with caplog.at_level(logging.INFO, "lightwell.access"):
        asyncio.run(record())

    assert len(logged(caplog)) == lines
    assert total(log) == 1.0
