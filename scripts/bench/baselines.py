"""Baselines: the time of each stage of a request alone, and the bounds that follow.

The least time of a request is echo + decode + program + encode: that of a bare server that sends as
many bytes, and of each stage alone, in sequence. In CPU time it is a bound of what a request costs.
In wall time its inverse is a bound of the throughput, which overlapping stages can exceed.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.bench.processes import run_for_json
from scripts.bench.systems import System
from scripts.bench.workloads import Arrays, Workload, post


@dataclass(frozen=True)
class Baseline:
    """Baseline of one workload and concurrency: seconds of each stage of one request, alone.

    Seconds are wall time or CPU time.

    Attributes:
        bucket: How many rows the program takes at once, the best for this concurrency.
        program_s: For one of them.
    """

    workload: str
    concurrency: int
    echo_s: float
    decode_s: float
    bucket: int
    program_s: float
    encode_s: float

    @property
    def seconds(self) -> float:
        """Baseline's lower bound of seconds per request: the stages in sequence."""
        return self.echo_s + self.decode_s + self.program_s + self.encode_s

    @property
    def bound(self) -> float:
        """Baseline's upper bound of requests per second, with the stages in sequence."""
        return 1 / self.seconds


def echo(size: int) -> System:
    """Declare the baselines' echo server: bare uvicorn that answers a fixed number of bytes."""

    def request(workload: Workload, body: bytes) -> bytes:
        if workload.is_image:
            return post("/", "image/png", body)
        return post("/", "application/json", b'{"sequence":"%s"}' % body)

    def decode(_: bytes) -> Arrays:
        return {}

    return System(
        name="echo",
        title="baseline: bare uvicorn, fixed response",
        command=lambda python, port: [
            *(python, "-m", "scripts.bench.servers.echo", str(port), str(size))
        ],
        request=request,
        decode=decode,
        python=lambda: sys.executable,
        settings="uvloop, httptools, no framework",
    )


def measured_apart(module: str, *flags: str) -> dict[str, Any]:
    """Run a benchmark module, such as that of the baselines' stages, in a subprocess; parse JSON.

    Raises:
        RuntimeError: It ended with an error; the message is the end of its output.
    """
    return run_for_json([sys.executable, "-m", f"scripts.bench.{module}", *flags])


def baselines(
    stages: Mapping[str, Mapping[str, Any]], echoes: Mapping[tuple[str, int], float]
) -> list[Baseline]:
    """Combine times of stages and of echoes into the baseline of each workload and concurrency.

    Args:
        stages: By workload, as `scripts.bench.stages` prints them.
        echoes: Seconds per request of the bare server, by workload and concurrency.
    """
    return [
        _baseline(workload, concurrency, stages[workload], echo_s)
        for (workload, concurrency), echo_s in echoes.items()
        if workload in stages
    ]


def _baseline(workload: str, concurrency: int, stage: Mapping[str, Any], echo_s: float) -> Baseline:
    per_row = {int(rows): spent / int(rows) for rows, spent in stage["program_s"].items()}
    usable: Sequence[int] = [rows for rows in per_row if rows <= concurrency]
    bucket = min(usable, key=lambda rows: per_row[rows])
    return Baseline(
        workload=workload,
        concurrency=concurrency,
        echo_s=echo_s,
        decode_s=stage["decode_s"],
        bucket=bucket,
        program_s=per_row[bucket],
        encode_s=stage["encode_s"],
    )
