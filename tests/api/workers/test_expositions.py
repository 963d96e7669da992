"""Metrics of several processes, joined into one exposition."""

from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from api.workers.expositions import ADDED_GAUGES, Exposition, joined

ONE = """\
# HELP requests_total Requests: all "of" them.
# TYPE requests_total counter
requests_total{route="/a b",status="200"} 2.0
# HELP requests_created Requests: all "of" them.
# TYPE requests_created gauge
requests_created{route="/a b",status="200"} 1.795960196e+09
# HELP ready 1 when ready.
# TYPE ready gauge
ready 1.0
level{side="x"} 4.0
# HELP lightwell_rows_waiting Rows that wait.
# TYPE lightwell_rows_waiting gauge
lightwell_rows_waiting{program="p"} 3.0
# HELP nv_count Rows.
# TYPE nv_count counter
nv_count{model="m"} 12345678
"""
OTHER = """\
# HELP requests_total Requests: all "of" them.
# TYPE requests_total counter
requests_total{route="/a b",status="200"} 5.5
requests_total{route="/b",status="404"} 1.0
# HELP requests_created Requests: all "of" them.
# TYPE requests_created gauge
requests_created{route="/a b",status="200"} 1.795960195e+09
# HELP ready 1 when ready.
# TYPE ready gauge
ready 0.0
# HELP lightwell_rows_waiting Rows that wait.
# TYPE lightwell_rows_waiting gauge
lightwell_rows_waiting{program="p"} 4.0
# HELP nv_count Rows.
# TYPE nv_count counter
nv_count{model="m"} 2
"""


def test_counters_are_added_and_gauges_labelled() -> None:
    """Families stay together, integers stay integers, and the first time of creation counts."""
    found = joined([Exposition(ONE, "0"), Exposition(OTHER, "1")])

    assert found == (
        '# HELP requests_total Requests: all "of" them.\n'
        "# TYPE requests_total counter\n"
        'requests_total{route="/a b",status="200"} 7.5\n'
        'requests_total{route="/b",status="404"} 1.0\n'
        '# HELP requests_created Requests: all "of" them.\n'
        "# TYPE requests_created gauge\n"
        'requests_created{route="/a b",status="200"} 1.795960195e+09\n'
        "# HELP ready 1 when ready.\n"
        "# TYPE ready gauge\n"
        'ready{worker="0"} 1.0\n'
        'level{side="x",worker="0"} 4.0\n'
        'ready{worker="1"} 0.0\n'
        "# HELP lightwell_rows_waiting Rows that wait.\n"
        "# TYPE lightwell_rows_waiting gauge\n"
        'lightwell_rows_waiting{program="p"} 7.0\n'
        "# HELP nv_count Rows.\n"
        "# TYPE nv_count counter\n"
        'nv_count{model="m"} 12345680\n'
    )


def test_an_ended_process_keeps_its_counters_alone() -> None:
    """Its gauges are gone with it, and a family without samples is not listed."""
    found = joined([Exposition(OTHER, None)])

    assert 'requests_total{route="/b",status="404"} 1.0\n' in found
    assert 'nv_count{model="m"} 2\n' in found
    assert "ready" not in found
    assert "waiting" not in found


def test_real_metrics_are_sums(client: TestClient, app: FastAPI) -> None:
    """Two processes with the same metrics have twice each value, and every sample once."""
    client.get("/lstm/gates?sequence=101")
    text = app.state.access_log.exposition().decode()

    once = values(text)
    twice = values(joined([Exposition(text, "0"), Exposition(text, "1")]))

    labelled = {key for key in once if key[0] == "lightwell_ready"}
    assert len(labelled) == 1
    for key in once.keys() - labelled:
        expected = once[key] if key[0].endswith("_created") else 2 * once[key]
        assert twice[key] == expected, key
    assert len(twice) == len(once) + 1


def test_every_gauge_that_is_added_exists(app: FastAPI) -> None:
    """The list of gauges that are added has no name that no metric has."""
    text = app.state.access_log.exposition().decode()

    assert [name for name in ADDED_GAUGES if f"# TYPE {name} gauge\n" not in text] == []


def values(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Parse the Prometheus text format: (name, labels) → value."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
