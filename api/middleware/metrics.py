"""Prometheus metrics of one application: requests, stages, queues and programs.

Each application has its own registry, so that two in one process do not mix. Counters of models
have the names of Triton Inference Server, so that its dashboards work here; metrics that it does
not have begin with `lightwell_`.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.inference.batching import Batch
from api.inference.engine import Engine
from api.inference.resident_memory import resident_bytes
from api.inference.served_model import ServedModel
from models.runtime.programs import Call, Outputs

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# A client may send any method, and each value of a label makes a time series that stays.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
OUTCOMES = ("completed", "refused", "expired", "cancelled", "failed")
SECONDS = (
    0.0001,
    0.0002,
    0.0005,
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
)
LAG_SECONDS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)
STAGES = ("queue", "program", "encode")

TRITON: Mapping[str, tuple[str, str]] = {
    "nv_inference_request_success": ("counter", "Rows answered."),
    "nv_inference_request_failure": ("counter", "Rows not answered, by reason."),
    "nv_inference_count": ("counter", "Rows run, without those of padding."),
    "nv_inference_exec_count": ("counter", "Batches run."),
    "nv_inference_pending_request_count": ("gauge", "Rows that wait."),
    "nv_inference_request_duration_us": ("counter", "Time of rows from queue to result."),
    "nv_inference_queue_duration_us": ("counter", "Time that rows have waited."),
    "nv_inference_compute_input_duration_us": ("counter", "Time that batches took to stack."),
    "nv_inference_compute_infer_duration_us": ("counter", "Time that batches took on the device."),
    "nv_inference_compute_output_duration_us": ("counter", "Time that batches took to fetch."),
}
"""Name of a Triton metric → its type and meaning. Times are in microseconds."""


class _Queues(Collector):
    """Prometheus collector that reads the engine's queues and programs at each scrape."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        """Prometheus metrics of each program: rows by outcome, batches, padding, waiting rows."""
        rows = CounterMetricFamily(
            "lightwell_rows", "Rows by outcome.", labels=["program", "outcome"]
        )
        batches = CounterMetricFamily("lightwell_batches", "Batches run.", labels=["program"])
        padding = CounterMetricFamily(
            "lightwell_padding_rows", "Rows of padding run.", labels=["program"]
        )
        waiting = GaugeMetricFamily("lightwell_rows_waiting", "Rows that wait.", labels=["program"])
        programs = self._engine.programs
        for name, queue in self._engine.queues.items():
            for outcome in OUTCOMES:
                rows.add_metric([name, outcome], getattr(queue.counts, outcome))
            batches.add_metric([name], queue.counts.batches)
            padding.add_metric([name], programs[name].totals.padding_rows)
            waiting.add_metric([name], queue.waiting)
        ready = GaugeMetricFamily(
            "lightwell_ready", "1 when requests are answered.", value=float(self._engine.ready)
        )
        yield from (rows, batches, padding, waiting, ready)
        yield from self._memory()

    def _memory(self) -> Iterator[Metric]:
        """Prometheus metrics of the memory budget: size, resident and held bytes."""
        budget = self._engine.admission.memory
        for name, text, value in (
            ("budget", "Bytes of resident memory that the server may have.", budget.total),
            ("resident", "Bytes of resident memory of the process tree.", resident_bytes()),
            ("capacity", "Bytes that requests may hold at their worst.", budget.capacity),
            ("held", "Bytes that requests in flight hold at their worst.", budget.held),
            ("unsent", "Bytes of answers that clients have not yet taken.", budget.unsent()),
        ):
            yield GaugeMetricFamily(f"lightwell_memory_{name}_bytes", text, value=value)


class _DroppedLines(Collector):
    """Prometheus collector of the lines of the log that its reader did not take."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count

    def collect(self) -> Iterator[Metric]:
        """Prometheus metric of dropped lines of the log."""
        text = "Lines of the log dropped, because its reader did not take them."
        yield CounterMetricFamily("lightwell_log_lines_dropped", text, value=self._count())


class Metrics:
    """Prometheus metrics of requests, by route template. They live as long as their app."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._registry = CollectorRegistry()
        self._registry.register(_Queues(engine))
        requests = Counter(
            "lightwell_requests",
            "Requests by route, method and status.",
            ["route", "method", "status"],
            registry=self._registry,
        )
        seconds = Histogram(
            "lightwell_request_seconds",
            "Seconds from the request's first byte to the answer's last.",
            ["route"],
            buckets=SECONDS,
            registry=self._registry,
        )
        stages = Histogram(
            "lightwell_stage_seconds",
            "Seconds that a row waited, a batch ran, an answer was written.",
            ["stage"],
            buckets=SECONDS,
            registry=self._registry,
        )
        batch_rows = Histogram(
            "lightwell_batch_rows",
            "Rows of a batch, without those of padding.",
            ["program"],
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=self._registry,
        )
        self._lag = Histogram(
            "lightwell_event_loop_lag_seconds",
            "Seconds by which timers of the event loop were late.",
            buckets=LAG_SECONDS,
            registry=self._registry,
        )
        # The lookup of a child by its labels costs more than its update.
        self._request = cache(requests.labels)
        self._route = cache(seconds.labels)
        self._batch_rows = cache(batch_rows.labels)
        self._queue, self._program, self._encode = map(stages.labels, STAGES)
        engine.observers.append(self._observe_batch)

    def add_dropped(self, dropped: Callable[[], int]) -> None:
        """Add a function to the metrics that returns the number of dropped lines of the log."""
        self._registry.register(_DroppedLines(dropped))

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count and time a request in the metrics; unknown methods share one label, as paths do."""
        method = method if method in METHODS else "other"
        self._request(route, method, status).inc()
        self._route(route).observe(seconds)

    def observe_lag(self, seconds: float) -> None:
        """Add the lag of one timer of the event loop to the Prometheus metrics."""
        self._lag.observe(seconds)

    def observe_encoding(self, seconds: float) -> None:
        """Add the time that encoding a response took to the Prometheus metrics of the stages."""
        self._encode.observe(seconds)

    def _observe_batch(self, program: str, batch: Batch[Call, Outputs]) -> None:
        """Add the rows, run time and queue times of one batch to the Prometheus metrics."""
        self._batch_rows(program).observe(len(batch.live))
        self._program.observe(batch.ended - batch.began)
        for waiting in batch.live:
            self._queue.observe(batch.began - waiting.since)

    def exposition(self) -> bytes:
        """All metrics of the registry in Prometheus' text format."""
        return generate_latest(self._registry) + "".join(self._triton()).encode()

    def _triton(self) -> Iterator[str]:
        """Prometheus metrics with Triton's names, to which the client would append `_total`."""
        values = {served: self._of_model(served) for served in self._engine.served.values()}
        for name, (kind, meaning) in TRITON.items():
            yield f"# HELP {name} {meaning}\n# TYPE {name} {kind}\n"
            for served, metrics in values.items():
                # Triton labels metrics with a version of the model; here it is that of the weights.
                version = served.model.checkpoint.digest[:12]
                for labels, value in metrics[name].items():
                    yield f'{name}{{model="{served.name}",{labels}version="{version}"}} {value}\n'

    def _of_model(self, served: ServedModel) -> dict[str, dict[str, int]]:
        """Prometheus metrics of one model by Triton's names: totals over its programs, in µs."""
        queues = served.queues.values()
        counts = [queue.counts for queue in queues]
        spent = [served.model.programs[name].totals for name in served.queues]

        def total(seconds: Iterator[float]) -> dict[str, int]:
            return {"": round(1e6 * sum(seconds))}

        return {
            "nv_inference_request_success": {"": sum(one.completed for one in counts)},
            "nv_inference_request_failure": {
                # Reasons of Triton, whose dashboards expect each; none here is `OTHER`.
                'reason="REJECTED",': sum(one.refused + one.expired for one in counts),
                'reason="CANCELED",': sum(one.cancelled for one in counts),
                'reason="BACKEND",': sum(one.failed for one in counts),
                'reason="OTHER",': 0,
            },
            "nv_inference_count": {"": sum(one.rows for one in spent)},
            "nv_inference_exec_count": {"": sum(one.calls for one in spent)},
            "nv_inference_pending_request_count": {"": sum(queue.waiting for queue in queues)},
            "nv_inference_request_duration_us": total(one.queued_s + one.ran_s for one in counts),
            "nv_inference_queue_duration_us": total(one.queued_s for one in counts),
            "nv_inference_compute_input_duration_us": total(one.input_s for one in spent),
            "nv_inference_compute_infer_duration_us": total(one.infer_s for one in spent),
            "nv_inference_compute_output_duration_us": total(one.output_s for one in spent),
        }
