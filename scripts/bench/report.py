"""One run's results: as a table on the terminal, as Markdown, as JSON."""

import json
import math
import os
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

from scripts.bench.analyses import HEAD as ANALYSES_HEAD
from scripts.bench.analyses import rows as analyses_rows
from scripts.bench.contestants import Contestant
from scripts.bench.floors import Floor
from scripts.bench.measure import STEADY, Cell
from scripts.bench.ratios import Verdict

MIB = 2**20


@dataclass
class Results:
    """Everything that one run found.

    Attributes:
        missing: Why somebody was not measured, by contestant and work.
        contestants: Who was asked to take part.
        floors: What the bound is made of.
        found: By `checks` and the memory test.
    """

    machine: dict[str, Any]
    command: str
    contestants: list[Contestant] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    floors: list[Floor] = field(default_factory=list)
    stages: dict[str, Any] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def bounds(self) -> dict[tuple[str, int], float]:
        """Requests per second at most, by work and concurrency."""
        return {(floor.work, floor.concurrency): floor.bound for floor in self.floors}

    def save(self, folder: Path) -> None:
        """Write `results.json` and `results.md`."""
        folder.mkdir(parents=True, exist_ok=True)
        document = {
            "machine": self.machine,
            "command": self.command,
            "contestants": {one.name: [one.title, one.settings] for one in self.contestants},
            "cells": [cell.record() for cell in self.cells],
            "missing": self.missing,
            "floors": [{**asdict(floor), "bound": floor.bound} for floor in self.floors],
            "stages": self.stages,
            "found": self.found,
            "verdicts": [asdict(one) for one in self.verdicts],
        }
        (folder / "results.json").write_text(json.dumps(_finite(document), indent=1) + "\n")
        (folder / "results.md").write_text(self.markdown())

    def markdown(self) -> str:
        """Write every table as Markdown."""
        machine = "\n".join(f"- {name}: {value}" for name, value in self.machine.items())
        who = "\n".join(f"- {one.title}: {one.settings}" for one in self.contestants)
        parts = [f"`{self.command}`\n\n{machine}\n\n{who}"]
        parts += [_markdown(*part) for part in self.tables()]
        return "\n\n".join(parts) + "\n"

    def show(self, console: Console) -> None:
        """Print every table."""
        for title, head, rows in self.tables():
            table = Table(*head, title=title, title_justify="left")
            for row in rows:
                table.add_row(*row)
            console.print(table)

    def tables(self) -> list[tuple[str, list[str], list[list[str]]]]:
        """Return title, head and rows of each table that has rows."""
        missing = [[name, reason] for name, reason in self.missing.items()]
        made = [
            ("Measured", HEAD, [cell_row(cell, self.bounds) for cell in self.cells]),
            ("Attributions", ANALYSES_HEAD, analyses_rows(self.found.get("analyses", {}))),
            ("Floors, in µs a request", FLOOR_HEAD, [_floor_row(one) for one in self.floors]),
            ("Missing: not beaten", ["who", "why"], missing),
            ("What is to be reached", VERDICT_HEAD, [_verdict_row(one) for one in self.verdicts]),
        ]
        return [part for part in made if part[2]]


HEAD = [
    *("work", "load", "who", "req/s", "p50 ms", "p95 ms", "p99 ms", "errors"),
    *("bytes", "CPU ms", "MiB", "of bound", "±"),
]
FLOOR_HEAD = ["work", "conc.", "echo", "decode", "program", "rows", "encode", "bound req/s"]
VERDICT_HEAD = ["what", "against", "at least / at most", "found", ""]


def cell_row(cell: Cell, bounds: Mapping[tuple[str, int], float]) -> list[str]:
    """Write one figure; `±` where its windows lie further apart than a tenth."""
    window = cell.window
    load = f"{cell.rate:.0f}/s" if cell.concurrency is None else str(cell.concurrency)
    bound = bounds.get((cell.work, cell.concurrency or 0)) if cell.contestant == "lightwell" else 0
    return [
        cell.work,
        load,
        cell.contestant,
        f"{window.per_second:,.1f}",
        *(f"{1000 * value:,.2f}" for value in (window.p50_s, window.p95_s, window.p99_s)),
        " ".join(f"{count}×{status}" for status, count in window.errors.items()),
        f"{window.answer_bytes:,.0f}",
        f"{1000 * cell.cpu_s:.3f}",
        f"{cell.memory_bytes / MIB:.0f}",
        f"{window.per_second / bound:.2f}" if bound else "",
        "" if cell.spread <= STEADY else f"{cell.spread:.0%}",
    ]


def _floor_row(floor: Floor) -> list[str]:
    spent = (floor.echo_s, floor.decode_s, floor.program_s)
    return [
        floor.work,
        str(floor.concurrency),
        *(f"{1e6 * one:,.0f}" for one in spent),
        str(floor.bucket),
        f"{1e6 * floor.encode_s:,.0f}",
        f"{floor.bound:,.0f}",
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
    """Replace NaN, which JSON does not have, by null."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def machine() -> dict[str, Any]:
    """Say what the figures were taken on, and when."""
    cpuinfo = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    models = [line.partition(": ")[2] for line in cpuinfo.splitlines() if "model name" in line]
    named = ("jax", "jaxlib", "flax", "numpy", "orjson", "uvicorn", "fastapi")
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "processor": models[0] if models else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": ", ".join(f"{name} {version(name)}" for name in named),
        "commit": _commit(),
    }


def _commit() -> str:
    """Return the commit that is checked out, marked where files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip() or "unknown"
