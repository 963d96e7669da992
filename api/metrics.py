"""What is counted and timed: each app has its own, so that two apps in one process do not mix."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.engine import Engine

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
OUTCOMES = ("completed", "refused", "expired", "cancelled", "failed")


class _Queues(Collector):
    """Reads the queues of the engine when it is asked."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        """Report what became of every program's rows, and how many wait."""
        rows = CounterMetricFamily(
            "lightwell_rows", "Rows by outcome.", labels=["program", "outcome"]
        )
        batches = CounterMetricFamily("lightwell_batches", "Batches run.", labels=["program"])
        waiting = GaugeMetricFamily("lightwell_rows_waiting", "Rows that wait.", labels=["program"])
        for name, batcher in self._engine.batchers.items():
            for outcome in OUTCOMES:
                rows.add_metric([name, outcome], getattr(batcher.counts, outcome))
            batches.add_metric([name], batcher.counts.batches)
            waiting.add_metric([name], batcher.waiting)
        ready = GaugeMetricFamily(
            "lightwell_ready", "1 when requests are answered.", value=float(self._engine.ready)
        )
        yield from (rows, batches, waiting, ready)


class Metrics:
    """Counts requests and times them, by route template. It lives as long as its app."""

    def __init__(self, engine: Engine) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Queues(engine))
        self._requests = Counter(
            "lightwell_requests",
            "Requests by route, method and status.",
            ["route", "method", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "lightwell_request_seconds",
            "Seconds from the request's first byte to the answer's last.",
            ["route"],
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
            registry=self._registry,
        )

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request. Unknown methods share one label, as unknown paths do."""
        method = method if method in METHODS else "other"
        self._requests.labels(route, method, status).inc()
        self._seconds.labels(route).observe(seconds)

    def exposition(self) -> bytes:
        """Write everything down in Prometheus' text format."""
        return generate_latest(self._registry)
