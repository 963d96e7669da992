"""What no server of this kind can go below, measured in the same run, and the bound that follows.

The bound of a work is 1 / (echo + decode + program + encode): the time of a bare server that moves
as many bytes, and of each stage alone, one after the other. Stages that overlap can go beyond it.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.bench.contestants import Contestant
from scripts.bench.processes import ROOT
from scripts.bench.works import Arrays, Work, post


@dataclass(frozen=True)
class Floor:
    """The least time of each stage of one request, in seconds.

    Attributes:
        bucket: How many rows the program takes at once, the best for this concurrency.
        program_s: For one of them.
    """

    work: str
    concurrency: int
    echo_s: float
    decode_s: float
    bucket: int
    program_s: float
    encode_s: float

    @property
    def bound(self) -> float:
        """Requests per second at most, one stage after the other."""
        return 1 / (self.echo_s + self.decode_s + self.program_s + self.encode_s)


def echo(size: int) -> Contestant:
    """Make the bare server that answers so many ready-made bytes."""

    def ask(work: Work, body: bytes) -> bytes:
        if work.is_image:
            return post("/", "image/png", body)
        return post("/", "application/json", b'{"sequence":"%s"}' % body)

    def read(_: bytes) -> Arrays:
        return {}

    return Contestant(
        name="echo",
        title="floor: bare uvicorn, ready-made bytes",
        command=lambda python, port: [
            *(python, "-m", "scripts.bench.servers.echo", str(port), str(size))
        ],
        ask=ask,
        read=read,
        python=lambda: sys.executable,
        settings="uvloop, httptools, no framework",
    )


def measured_apart(module: str, *flags: str) -> dict[str, Any]:
    """Run a module that prints JSON, in a process of its own: this one stays without JAX.

    Raises:
        RuntimeError: It ended with an error; the message is the end of what it said.
    """
    command = [sys.executable, "-m", f"scripts.bench.{module}", *flags]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip()[-2000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def floors(
    stages: Mapping[str, Mapping[str, Any]], echoes: Mapping[tuple[str, int], float]
) -> list[Floor]:
    """Put the stages of every work and concurrency together.

    Args:
        stages: By work, as `scripts.bench.stages` prints them.
        echoes: Requests per second of the bare server, by work and concurrency.
    """
    return [
        _floor(work, concurrency, stages[work], per_second)
        for (work, concurrency), per_second in echoes.items()
        if work in stages and per_second
    ]


def _floor(work: str, concurrency: int, stage: Mapping[str, Any], per_second: float) -> Floor:
    per_row = {int(rows): spent / int(rows) for rows, spent in stage["program_s"].items()}
    usable: Sequence[int] = [rows for rows in per_row if rows <= concurrency]
    bucket = min(usable, key=lambda rows: per_row[rows])
    return Floor(
        work=work,
        concurrency=concurrency,
        echo_s=1 / per_second,
        decode_s=stage["decode_s"],
        bucket=bucket,
        program_s=per_row[bucket],
        encode_s=stage["encode_s"],
    )
