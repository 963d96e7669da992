"""Start of a server with many networks of the user: CPU and memory until it is ready.

python -m scripts.bench.repository                 # thirty networks, cold and from the cache

Each network has random parameters, at most 500,000. The server runs with the two shipped networks,
too; the start without others is the baseline, measured in the same run.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from models.declaration.declaration import FILE, parse_declaration
from models.derivation import derive
from models.model_files import WEIGHTS
from models.runtime import checkpoints
from scripts.bench.processes import cpu_seconds, resident_bytes

ROOT = Path(__file__).parents[2]
READY = re.compile(r"Ready after")
TIMEOUT_S = 600

TEMPLATES = (
    (
        "image = [28, 28, 1]",
        [
            *("conv {n}", "relu", "pool", "conv {n}", "relu", "pool", "flatten"),
            *("dense 64", "relu", "dense 10"),
        ],
    ),
    (
        "image = [32, 32, 3]",
        [
            *("conv {n} nobias", "norm", "relu", "conv {n} stride 2 nobias", "norm", "relu"),
            *("conv {n} nobias", "norm", "add relu2", "relu", "globalpool", "dense 10"),
        ],
    ),
    (
        "image = [32, 32, 3]",
        [
            *("conv {n}", "relu", "conv {n} groups {n}", "conv 32 1x1", "relu", "pool"),
            *("globalpool", "dense 10"),
        ],
    ),
    ('alphabet = "abcde", encoding = "embed"', ["embed 8", "gru {n}", "gru {n}", "dense 10"]),
    ("features = 3", ["lstm {n}", "lstm {n}", "dense 10"]),
    (
        'alphabet = "abcdefgh", encoding = "one-hot"',
        ["rnn {n}", "dense 16", "relu", "dense 10"],
    ),
)
"""Inputs and layers of the measured networks; `n` is 22 or a multiple."""


class Start(NamedTuple):
    """Start of a server: CPU seconds and wall seconds until it was ready, resident bytes."""

    cpu_s: float
    wall_s: float
    nbytes: int


def write_networks(folder: Path, count: int) -> int:
    """Write folders of networks with random parameters; return the largest number of these."""
    draw, most = np.random.default_rng(0), 0
    for index in range(count):
        given, layers = TEMPLATES[index % len(TEMPLATES)]
        size = 22 * (1 + index // len(TEMPLATES))
        classes = ", ".join(f'"class {label}"' for label in range(10))
        text = f"format = 1\nclasses = [{classes}]\ninput = {{ {given} }}\n"
        lines = ", ".join(f'"{line.format(n=size)}"' for line in layers)
        text += f"layers = [{lines}]\n"
        shapes = derive(parse_declaration(text)).parameters
        tensors = {
            # Variances must be positive.
            name: np.abs(draw.normal(0.0, 0.1, shape)).astype(np.float32)
            for name, shape in shapes.items()
        }
        place = folder / f"network-{index}"
        place.mkdir()
        (place / FILE).write_text(text)
        checkpoints.save(place / WEIGHTS, tensors, {})
        most = max(most, sum(value.size for value in tensors.values()))
    return most


def start(*flags: str) -> Start:
    """Start a server, measure it when it is ready, and end it.

    Raises:
        RuntimeError: It ended before, or a network could not be loaded.
    """
    began = time.perf_counter()
    command = [sys.executable, "-m", "api", "--port", "0", "--strict", *flags]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)  # noqa: S603
    timer = threading.Timer(TIMEOUT_S, process.kill)
    timer.start()
    try:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        for line in iter(process.stdout.readline, ""):
            if READY.match(line):
                wall = time.perf_counter() - began
                return Start(cpu_seconds(process.pid), wall, resident_bytes(process.pid))
        msg = "the server ended before it was ready"
        raise RuntimeError(msg)
    finally:
        timer.cancel()
        process.terminate()
        process.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print CPU and memory of starts with and without the networks, cold and from the cache."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.repository", description=__doc__)
    parser.add_argument("--networks", type=int, default=30)
    count = parser.parse_args(arguments).networks
    table = Table("start", "CPU s", "wall s", "resident MB")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "networks")
        folder.mkdir()
        most = write_networks(folder, count)
        own = ("--models", str(folder))
        for title, flags in (("shipped alone", ()), (f"with {count} networks", own)):
            cache = ("--cache", str(Path(name, title)))
            for state in ("cold", "cached"):
                found = start(*flags, *cache)
                row = (f"{found.cpu_s:.1f}", f"{found.wall_s:.1f}", f"{found.nbytes / 1e6:.0f}")
                table.add_row(f"{title}, {state}", *row)
    Console().print(table)
    print(f"{count} networks of at most {most:,} parameters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
