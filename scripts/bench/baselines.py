"""Baselines: the time of each stage of a request alone, and the throughput bound that follows.

The bound of a workload is 1 / (echo + decode + program + encode): the time of a bare server that
sends as many bytes, and of each stage alone, in sequence. Overlapping stages can exceed it.
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
    def bound(self) -> float:
        """Baseline's upper bound of requests per second, with the stages in sequence."""
        return 1 / (self.echo_s + self.decode_s + self.program_s + self.encode_s)


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
    """Combine stage times and echo throughputs into the baseline of each workload and concurrency.

    Args:
        stages: By workload, as `scripts.bench.stages` prints them.
        echoes: Requests per second of the bare server, by workload and concurrency.
    """
    return [
        _baseline(workload, concurrency, stages[workload], per_second)
        for (workload, concurrency), per_second in echoes.items()
        if workload in stages and per_second
    ]


def _baseline(
    workload: str, concurrency: int, stage: Mapping[str, Any], per_second: float
) -> Baseline:
    per_row = {int(rows): spent / int(rows) for rows, spent in stage["program_s"].items()}
    usable: Sequence[int] = [rows for rows in per_row if rows <= concurrency]
    bucket = min(usable, key=lambda rows: per_row[rows])
    return Baseline(
        workload=workload,
        concurrency=concurrency,
        echo_s=1 / per_second,
        decode_s=stage["decode_s"],
        bucket=bucket,
        program_s=per_row[bucket],
        encode_s=stage["encode_s"],
    )
