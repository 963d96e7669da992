"""Access log: each finished request is counted, timed and logged once."""

import logging

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.inference.engine import Engine
from api.middleware.access_log import AccessLog, AccessRecord
from api.middleware.metrics import Metrics

ANSWERED = AccessRecord("/cnn/predict", "POST", 200, 0.0015, 0.0001, "its-name")


@pytest.fixture
def metrics() -> Metrics:
    """Metrics of an engine that has answered nothing."""
    return Metrics(Engine(None, 1, 1, 1, 1))


def total(metrics: Metrics, name: str) -> float:
    """Sum of one counter over its labels in the exposition."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    samples = [sample for family in families for sample in family.samples]
    return sum(sample.value for sample in samples if sample.name == name)


def test_a_request_is_one_line(metrics: Metrics, caplog: pytest.LogCaptureFixture) -> None:
    """Method, route, status, milliseconds and request ID; neither path nor query."""
    with caplog.at_level(logging.INFO, "lightwell.access"):
        AccessLog(metrics).record(ANSWERED)

    assert [record.getMessage() for record in caplog.records] == [
        "POST /cnn/predict 200 1.5 ms its-name"
    ]


def test_a_request_is_counted_and_timed_once(metrics: Metrics) -> None:
    """Encoding is timed only where something was encoded."""
    log = AccessLog(metrics)
    log.record(ANSWERED)
    log.record(ANSWERED._replace(encode_s=None))

    assert total(metrics, "lightwell_requests_total") == 2.0
    assert total(metrics, "lightwell_request_seconds_count") == 2.0
    assert total(metrics, "lightwell_stage_seconds_count") == 1.0


@pytest.mark.parametrize(("status", "lines"), [(200, 0), (404, 0), (500, 1)])
def test_a_polled_route_is_logged_only_where_it_fails(
    status: int, lines: int, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    """A monitor that asks every few seconds would bury every other line; it is counted."""
    with caplog.at_level(logging.INFO, "lightwell.access"):
        AccessLog(metrics).record(ANSWERED._replace(route="/readyz", status=status))

    assert len(caplog.records) == lines
    assert total(metrics, "lightwell_requests_total") == 1.0
