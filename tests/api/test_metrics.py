"""Prometheus metrics and the Server-Timing header."""

from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from api.middleware.metrics import TRITON
from models.registry import ResidentModel
from models.rnn.layout import CHUNKS


def test_metrics_count_by_template_and_outcome(client: TestClient) -> None:
    """Labels hold route templates, never paths; each program counts its rows."""
    before = prometheus(client.get("/metrics").text)
    client.get("/lstm/gates?sequence=101")
    client.get("/no/such/path")

    text = client.get("/metrics").text
    after = prometheus(text)

    assert 'lightwell_requests_total{method="GET",route="/lstm/gates",status="200"}' in text
    assert 'route="unmatched"' in text
    assert "/no/such/path" not in text
    assert "lightwell_ready 1.0" in text

    def grew(name: str, **labels: str) -> float:
        key = (name, frozenset(labels.items()))
        return after[key] - before.get(key, 0)

    program = f"lstm.trace.{CHUNKS[0]}"
    assert grew("lightwell_rows_total", outcome="completed", program=program) == 1
    assert grew("lightwell_batch_rows_count", program=program) == 1
    assert grew("lightwell_batch_rows_sum", program=program) == 1
    for stage in ("queue", "program", "encode"):
        assert grew("lightwell_stage_seconds_count", stage=stage) == 1
        assert 0 < grew("lightwell_stage_seconds_sum", stage=stage) < 1


def test_metrics_have_tritons_names(client: TestClient, lstm: ResidentModel) -> None:
    """The counters of a model have the names, labels and microseconds of Triton's metrics."""
    before = prometheus(client.get("/metrics").text)
    client.get("/lstm/gates?sequence=1011")
    text = client.get("/metrics").text
    after = prometheus(text)
    labels = {"model": "lstm", "version": lstm.checkpoint.digest[:12]}

    for name, (kind, _) in TRITON.items():
        # The parser adds `_total` to counters, as the Prometheus client libraries do.
        key = (name + "_total" * (kind == "counter"), frozenset(labels.items()))
        assert f"# TYPE {name} {kind}\n{name}{{" in text
        if name.endswith("_us"):
            assert 0 < after[key] - before[key] < 1e6
        elif name != "nv_inference_request_failure":
            expected = 0 if "pending" in name else 1
            assert after[key] - before[key] == expected, name
    for reason in ("REJECTED", "CANCELED", "BACKEND", "OTHER"):
        key = (
            "nv_inference_request_failure_total",
            frozenset({**labels, "reason": reason}.items()),
        )
        assert key in after


def prometheus(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Parse the Prometheus text format: (name, labels) → value."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_answer_says_where_its_time_went(client: TestClient) -> None:
    """`Server-Timing` has the stages of a probe, and the total for every other path."""
    stages = client.get("/lstm/gates?sequence=1011").headers["server-timing"]
    assert [part.partition(";dur=")[0] for part in stages.split(", ")] == [
        *("prepare", "queue", "program", "encode", "total"),
    ]
    times = [float(part.partition(";dur=")[2]) for part in stages.split(", ")]
    assert sum(times[:-1]) <= times[-1] + 0.05
    for path in ("/livez", "/models", "/no/such/path", "/lstm/gates"):
        assert client.get(path).headers["server-timing"].startswith("total;dur=")
