"""Startup time of the server, from process start to ready: `python -m scripts.bench.startup`.

A cold start has an empty compilation cache, a warm start has that of the cold one. A bare start
only imports the libraries: a lower bound. The three alternate, so that other activity on the
machine affects all of them.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from unittest.mock import patch

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
BARE = "import jax, numpy, fastapi, uvicorn, pydantic, orjson, PIL.Image; print(flush=True)"
READY = r"Ready after .* executables {}"
START_TIMEOUT_S = 120
COLD_LIMIT_S = 5.0
WARM_LIMIT_S = 0.7
"""Startup time limits in seconds: of a cold start, of a warm one beyond the bare imports."""


class Start(NamedTuple):
    """Startup of one process: seconds to the first output and to ready, and CPU seconds."""

    alive_s: float
    ready_s: float
    cpu_s: float


def measure(runs: int = 5) -> dict[str, Any]:
    """Measure the server's startup time several times cold and warm.

    Returns:
        All starts under `bare`, `cold` and `warm`; `stages`, seconds by stage of one cold and one
        warm start; and the number of `executables`.
    """
    made: dict[str, Any] = {"bare": [], "cold": [], "warm": []}
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            server = ("-m", "api", "--port", "0", "--cache", folder)
            made["bare"].append(_start("", "-c", BARE))
            made["cold"].append(_start(READY.format("compiled"), *server))
            made["warm"].append(_start(READY.format("from the cache"), *server))
    with tempfile.TemporaryDirectory() as folder:
        stages = {"cold": _stages_of(folder), "warm": _stages_of(folder)}
    executables = [stage.pop("executables") for stage in stages.values()]
    return {**made, "stages": stages, "executables": executables[0]}


def _start(ready: str, *arguments: str) -> Start:
    """Measure one startup: run Python, wait for a line that matches a pattern, terminate it.

    Raises:
        RuntimeError: It ended without such a line.
    """
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)  # noqa: S603
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    laps, found = [], False
    for line in iter(process.stdout.readline, ""):
        laps.append(time.perf_counter() - began)
        found = re.match(ready, line) is not None
        # Ready in another way, such as compiled where a cache was expected, is an error below.
        if found or line.startswith("Ready"):
            break
    process.terminate()
    process.communicate(timeout=START_TIMEOUT_S)
    if not found:
        msg = f"no line of {' '.join(arguments[:2])} matched {ready!r}"
        raise RuntimeError(msg)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Start(laps[0], laps[-1], spent)


def _stages_of(folder: str) -> dict[str, float]:
    """Measure the startup stages in a subprocess."""
    command = [sys.executable, "-m", "scripts.bench.startup", "--stages", folder]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603
    stages: dict[str, float] = json.loads(done.stdout)
    return stages


def stages(folder: Path) -> dict[str, float]:
    """Start the application in this process and measure each startup stage in seconds.

    Returns:
        `import`; `load`, reading weights and declaring routes; `compile`, or reading executables;
        `warm-up`, running each once and measuring the LSTM's units; and how many `executables`.
    """
    laps = [time.perf_counter()]
    from api.app import create_app  # noqa: PLC0415 - imports are what is measured
    from api.settings import Settings  # noqa: PLC0415
    from models.runtime.executable_cache import ExecutableCache  # noqa: PLC0415
    from probes.model_context import model_context  # noqa: PLC0415

    laps.append(time.perf_counter())
    resident = create_app(Settings()).state.engine.models.values()
    laps.append(time.perf_counter())
    with _timed_warm_up() as warm_ups:
        for model in resident:
            model.cache = ExecutableCache(folder)
            model.compile()
    laps.append(time.perf_counter())
    for model in resident:
        model_context(model)
    laps.append(time.perf_counter())
    imported, loaded, compiled, measured = (end - begin for begin, end in pairwise(laps))
    return {
        "import": imported,
        "load": loaded,
        "compile": compiled - sum(warm_ups),
        "warm-up": measured + sum(warm_ups),
        "executables": sum(
            one.executables for model in resident for one in model.programs.values()
        ),
    }


@contextmanager
def _timed_warm_up() -> Iterator[list[float]]:
    """Collect the startup seconds of every program's warm-up while inside the context."""
    from models.runtime.resident import ResidentProgram  # noqa: PLC0415 - imports are measured

    warm_up, seconds = ResidentProgram.warm_up, list[float]()

    def timed(program: ResidentProgram) -> None:
        began = time.perf_counter()
        warm_up(program)
        seconds.append(time.perf_counter() - began)

    with patch.object(ResidentProgram, "warm_up", timed):
        yield seconds


def show(made: dict[str, Any]) -> None:
    """Print the tables of startup times and stages."""
    ways = ("bare", "cold", "warm")
    table = Table("start", "median s", "fastest s", "slowest s", "CPU s", title="Until ready")
    for way in ways:
        seconds = [start.ready_s for start in made[way]]
        spent = median(start.cpu_s for start in made[way])
        table.add_row(way, *(f"{of(seconds):.2f}" for of in (median, min, max)), f"{spent:.2f}")
    split = Table("stage, s", *made["stages"], title=f"{made['executables']} executables")
    for stage in made["stages"]["warm"]:
        split.add_row(stage, *(f"{made['stages'][way][stage]:.2f}" for way in made["stages"]))
    console = Console()
    console.print(table, split)
    bare, cold, warm = (median(start.ready_s for start in made[way]) for way in ways)
    console.print(f"cold {cold:.2f} s, limit {COLD_LIMIT_S}")
    console.print(f"warm {warm - bare:.2f} s more than the bare imports, limit {WARM_LIMIT_S}")


def main() -> None:
    """Parse the flags of `scripts.bench.startup`, then measure startup times."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.startup", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="number of starts of each kind")
    parser.add_argument("--stages", type=Path, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.stages:
        print(json.dumps(stages(flags.stages)))
    else:
        show(measure(flags.runs))


if __name__ == "__main__":
    main()
