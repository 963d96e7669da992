"""Time of attribution methods, compared with the forward pass and with Captum on PyTorch.

`python -m scripts.bench.attributions` prints a table. Both libraries attribute the same image with
the same weights, each in a subprocess; processes alternate in rounds, and the fastest round counts.
"""

import sys
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from scripts.bench.environments import python_of
from scripts.bench.processes import run_for_json

ROUNDS = 3


def measure(rounds: int = ROUNDS) -> dict[str, Any]:
    """Time attribution methods of Lightwell and Captum in interleaved rounds; keep the shortest."""
    found: dict[str, dict[str, float]] = {"lightwell": {}, "captum": {}}
    for _ in range(rounds):
        for name, measured in measured_once(str(python_of("captum"))).items():
            for method, seconds in measured.items():
                found[name][method] = min(seconds, found[name].get(method, np.inf))
    return found


def measured_once(python: str) -> dict[str, dict[str, float]]:
    """Time attribution methods of Lightwell, then of Captum by an interpreter, each in a process.

    Returns:
        Seconds by library, `lightwell` and `captum`, and by method.
    """
    commands = {
        "lightwell": [sys.executable, "-m", "scripts.bench.lightwell_attributions"],
        "captum": [python, "-m", "scripts.bench.captum_attributions"],
    }
    return {name: run_for_json(command) for name, command in commands.items()}


HEAD = ["attribution", "Lightwell ms", "Captum ms", "ratio"]


def rows(found: dict[str, Any]) -> list[list[str]]:
    """Format table rows: the time of each attribution method in Lightwell and in Captum."""
    if not found:
        return []
    lines = []
    for name, seconds in found["lightwell"].items():
        captum_s = found["captum"].get(name)
        lines.append(
            [
                name,
                f"{1000 * seconds:.2f}",
                "" if captum_s is None else f"{1000 * captum_s:.2f}",
                "" if captum_s is None else f"{captum_s / seconds:.2f}×",
            ]
        )
    extra = found["captum"].keys() - found["lightwell"].keys()
    return lines + [[name, "", f"{1000 * found['captum'][name]:.2f}", ""] for name in sorted(extra)]


def main() -> None:
    """Time attribution methods of Lightwell and Captum, and print the table of both."""
    found = measure()
    table = Table(*HEAD)
    for line in rows(found):
        table.add_row(*line)
    Console(width=100).print(table)
    ratio = found["lightwell"]["gradient"] / found["lightwell"]["forward"]
    print(f"A gradient costs {ratio:.2f} times the fastest forward pass of its batch.")


if __name__ == "__main__":
    main()
