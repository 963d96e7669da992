"""Statistics of models for clients of the Open Inference Protocol, as Triton's are in JSON."""

from typing import Any

from api.inference.served_model import ServedModel
from api.open_inference.answer import VERSION


def model_statistics(served: ServedModel) -> dict[str, Any]:
    """Return the statistics of one model since the start, over its programs and all routes.

    Counts are of rows: an analysis has many, and a request of the protocol as many as its batch.
    """
    counts = [queue.counts for queue in served.queues.values()]
    spent = [served.model.programs[name].totals for name in served.queues]
    rows, batches = sum(one.rows for one in spent), sum(one.calls for one in spent)
    completed = sum(one.completed for one in counts)
    failed = sum(one.refused + one.expired + one.cancelled + one.failed for one in counts)
    return {
        "name": served.name,
        "version": VERSION,
        "inference_count": rows,
        "execution_count": batches,
        "inference_stats": {
            "success": _duration(completed, sum(one.queued_s + one.ran_s for one in counts)),
            "fail": _duration(failed, 0.0),
            "queue": _duration(completed, sum(one.queued_s for one in counts)),
            "compute_input": _duration(batches, sum(one.input_s for one in spent)),
            "compute_infer": _duration(batches, sum(one.infer_s for one in spent)),
            "compute_output": _duration(batches, sum(one.output_s for one in spent)),
            "cache_hit": _duration(0, 0.0),
            "cache_miss": _duration(0, 0.0),
        },
        "batch_stats": [],
        "memory_usage": [],
    }


def _duration(count: int, seconds: float) -> dict[str, int]:
    """Return a duration of Triton's statistics: a count, and the nanoseconds of all together."""
    return {"count": count, "ns": round(1e9 * seconds)}
