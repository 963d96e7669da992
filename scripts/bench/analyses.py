"""What attributions cost: beside the forward pass, and beside Captum on PyTorch.

`python -m scripts.bench.analyses` prints a table. Both sides attribute the same picture with the
same weights; each measures itself in a process of its own, taking turns, and the best time counts.
"""

import json
import subprocess
import sys
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from scripts.bench.environments import python_of
from scripts.bench.processes import ROOT

TURNS = 3


def measure(turns: int = TURNS) -> dict[str, Any]:
    """Let both sides measure themselves in turns, and take the best of each."""
    commands = {
        "lightwell": [sys.executable, "-m", "scripts.bench.our_attributions"],
        "captum": [str(python_of("captum")), "-m", "scripts.bench.captum_attributions"],
    }
    found: dict[str, dict[str, float]] = {name: {} for name in commands}
    for _ in range(turns):
        for name, command in commands.items():
            for work, seconds in _said(command).items():
                found[name][work] = min(seconds, found[name].get(work, np.inf))
    return found


def _said(command: list[str]) -> dict[str, float]:
    """Run a measurement, which prints what it found as its last line."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip()[-2000:])
    said: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return said


HEAD = ["attribution", "Lightwell ms", "Captum ms", "ratio"]


def rows(found: dict[str, Any]) -> list[list[str]]:
    """Write down what each attribution took on both sides."""
    if not found:
        return []
    lines = []
    for name, seconds in found["lightwell"].items():
        theirs = found["captum"].get(name)
        lines.append(
            [
                name,
                f"{1000 * seconds:.2f}",
                "" if theirs is None else f"{1000 * theirs:.2f}",
                "" if theirs is None else f"{theirs / seconds:.2f}×",
            ]
        )
    extra = found["captum"].keys() - found["lightwell"].keys()
    return lines + [[name, "", f"{1000 * found['captum'][name]:.2f}", ""] for name in sorted(extra)]


def main() -> None:
    """Show the table."""
    found = measure()
    table = Table(*HEAD)
    for line in rows(found):
        table.add_row(*line)
    Console(width=100).print(table)
    ratio = found["lightwell"]["gradient"] / found["lightwell"]["forward"]
    print(f"A gradient costs {ratio:.2f} times the fastest forward pass of its batch.")


if __name__ == "__main__":
    main()
