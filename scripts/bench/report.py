"""Benchmark report: results of one run as terminal tables, Markdown and JSON."""

import json
import math
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from models.runtime.processors import processors
from scripts.bench.attributions import HEAD as ATTRIBUTION_HEAD
from scripts.bench.attributions import rows as attribution_rows
from scripts.bench.baselines import Baseline
from scripts.bench.measure import SPREAD_LIMIT, Cell
from scripts.bench.requirements import Verdict
from scripts.bench.systems import System

MIB = 2**20


@dataclass
class Results:
    """All results of one benchmark run, for its report.

    Attributes:
        missing: Reasons why systems were not measured, by system and workload.
        systems: Systems that were selected.
        baselines: Stage times that the throughput bounds are computed from.
        found: Results of the sections other than throughput.
    """

    machine: dict[str, Any]
    command: str
    systems: list[System] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    baselines: list[Baseline] = field(default_factory=list)
    stages: dict[str, Any] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def bounds(self) -> dict[tuple[str, int], float]:
        """Benchmark report's upper bounds of requests per second, by workload and concurrency."""
        return {
            (baseline.workload, baseline.concurrency): baseline.bound for baseline in self.baselines
        }

    def save(self, folder: Path) -> None:
        """Write the benchmark report: `results.json` and `results.md`."""
        folder.mkdir(parents=True, exist_ok=True)
        document = {
            "machine": self.machine,
            "command": self.command,
            "systems": {one.name: [one.title, one.settings] for one in self.systems},
            "cells": [cell.record() for cell in self.cells],
            "missing": self.missing,
            "baselines": [
                {**asdict(baseline), "bound": baseline.bound} for baseline in self.baselines
            ],
            "stages": self.stages,
            "found": self.found,
            "verdicts": [asdict(one) for one in self.verdicts],
        }
        (folder / "results.json").write_text(json.dumps(_finite(document), indent=1) + "\n")
        (folder / "results.md").write_text(self.markdown())

    def markdown(self) -> str:
        """Format every table of the benchmark report as Markdown."""
        machine = "\n".join(f"- {name}: {value}" for name, value in self.machine.items())
        systems = "\n".join(f"- {one.title}: {one.settings}" for one in self.systems)
        parts = [f"`{self.command}`\n\n{machine}\n\n{systems}"]
        parts += [_markdown(*part) for part in self.tables()]
        return "\n\n".join(parts) + "\n"

    def show(self, console: Console) -> None:
        """Print every table of the benchmark report on the terminal."""
        for title, head, rows in self.tables():
            table = Table(*head, title=title, title_justify="left")
            for row in rows:
                table.add_row(*row)
            console.print(table)

    def tables(self) -> list[tuple[str, list[str], list[list[str]]]]:
        """Return title, head and rows of each table of the benchmark report that has rows."""
        missing = [[name, reason] for name, reason in self.missing.items()]
        made = [
            ("Measured", HEAD, [cell_row(cell, self.bounds) for cell in self.cells]),
            (
                "Attributions",
                ATTRIBUTION_HEAD,
                attribution_rows(self.found.get("attributions", {})),
            ),
            (
                "Baselines in µs per request",
                BASELINE_HEAD,
                [_baseline_row(one) for one in self.baselines],
            ),
            ("Not measured", ["system or section", "reason"], missing),
            ("Requirements", VERDICT_HEAD, [_verdict_row(one) for one in self.verdicts]),
        ]
        return [part for part in made if part[2]]


HEAD = [
    *("workload", "load", "system", "req/s", "p50 ms", "p95 ms", "p99 ms", "errors"),
    *("bytes", "CPU ms", "MiB", "of bound", "±"),
]
BASELINE_HEAD = ["workload", "conc.", "echo", "decode", "program", "rows", "encode", "bound req/s"]
VERDICT_HEAD = ["measurement", "compared with", "minimum / maximum", "measured", ""]


def cell_row(cell: Cell, bounds: Mapping[tuple[str, int], float]) -> list[str]:
    """Format one cell as a benchmark report row; `±` if its windows differ by over a tenth."""
    window = cell.window
    load = f"{cell.rate:.0f}/s" if cell.concurrency is None else str(cell.concurrency)
    bound = bounds.get((cell.workload, cell.concurrency or 0)) if cell.system == "lightwell" else 0
    return [
        cell.workload,
        load,
        cell.system,
        f"{window.per_second:,.1f}",
        *(f"{1000 * value:,.2f}" for value in (window.p50_s, window.p95_s, window.p99_s)),
        " ".join(f"{count}×{status}" for status, count in window.errors.items()),
        f"{window.answer_bytes:,.0f}",
        f"{1000 * cell.cpu_s:.3f}",
        f"{cell.memory_bytes / MIB:.0f}",
        f"{window.per_second / bound:.2f}" if bound else "",
        "" if cell.spread <= SPREAD_LIMIT else f"{cell.spread:.0%}",
    ]


def _baseline_row(baseline: Baseline) -> list[str]:
    spent = (baseline.echo_s, baseline.decode_s, baseline.program_s)
    return [
        baseline.workload,
        str(baseline.concurrency),
        *(f"{1e6 * one:,.0f}" for one in spent),
        str(baseline.bucket),
        f"{1e6 * baseline.encode_s:,.0f}",
        f"{baseline.bound:,.0f}",
    ]


def _verdict_row(one: Verdict) -> list[str]:
    met = {None: "not measured", True: "met", False: "NOT MET"}[one.met]
    return [one.what, one.against, one.required, one.found or "", met]


def _markdown(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    drawn = "\n".join(
        f"| {' | '.join(' '.join(cell.split()) for cell in line)} |" for line in lines
    )
    return f"## {title}\n\n{drawn}"


def _finite(value: Any) -> Any:
    """Replace NaN and infinity in the benchmark report, which JSON does not have, by null."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def machine() -> dict[str, Any]:
    """Return processor, system, versions, commit and date of a benchmark run, for its report."""
    cpuinfo = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    models = [line.partition(": ")[2] for line in cpuinfo.splitlines() if "model name" in line]
    named = ("jax", "jaxlib", "flax", "numpy", "orjson", "uvicorn", "fastapi")
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "processor": models[0] if models else platform.processor(),
        "cores": processors(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": ", ".join(f"{name} {version(name)}" for name in named),
        "commit": _commit(),
    }


def _commit() -> str:
    """Return the commit that the benchmark report names, marked if files differ from it."""
    # `--exclude=*` leaves tags out: `--always` then prints the abbreviated hash.
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip() or "unknown"
