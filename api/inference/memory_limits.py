"""Memory limits of the machine and the container, and the server's default budget within them."""

import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

MOST_BY_DEFAULT = 2 * 2**30
"""Largest default memory budget of one process without a container's limit, in bytes."""

UNKNOWN_MEMORY = 2 * MOST_BY_DEFAULT
"""Memory of a machine that does not say it: that of the largest default budget, in bytes."""

CONTAINER_SHARE = 0.85
"""Share of a container's memory limit that is the default budget.

The kernel counts its own buffers of the container's sockets and files towards the limit.
"""

_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 2**10, "mi": 2**20, "gi": 2**30}

_UNLIMITED = 2**62
"""Memory limits from here on mean no limit: version 1 of cgroups has no other way to write it."""


def parse_bytes(text: str) -> int:
    """Parse a number of bytes: `1073741824`, `1GiB`, `512 MiB`, `1.5GB`; upper or lower case.

    Raises:
        ValueError: The text is not a number with one of the units.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]i?)?b?", text.strip().lower())
    if found is None:
        msg = "is no number of bytes: write 1073741824, 1GiB or 512MiB"
        raise ValueError(msg)
    return int(float(found[1]) * _UNITS[found[2] or ""])


def machine_memory() -> int:
    """Return the physical memory of the machine in bytes; `UNKNOWN_MEMORY` on Windows."""
    if sys.platform == "win32":
        return UNKNOWN_MEMORY
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def container_memory(root: Path = Path("/")) -> int | None:
    """Return the memory limit of the container or control group in bytes; None without a limit.

    Args:
        root: Root of the file system, with `proc` and `sys`.

    References:
        Linux kernel documentation: Control Group v2, memory.max; cgroup v1, memory.limit_in_bytes.
    """
    folder = root / "sys/fs/cgroup"
    limits = [
        limit
        for path, file in _groups(root)
        for one in (path, *path.parents)
        if (limit := _limit(folder / one / file)) is not None
    ]
    return min(limits, default=None)


def _groups(root: Path) -> list[tuple[Path, str]]:
    """Return the control groups of this process with memory limits, and the file of the limit."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        inner = Path(path.lstrip("/"))
        if not controllers:
            found.append((inner, "memory.max"))
        elif "memory" in controllers.split(","):
            found.append(("memory" / inner, "memory.limit_in_bytes"))
    return found


def _limit(file: Path) -> int | None:
    """Read one memory limit of a control group; None where the file has none."""
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() and int(text) < _UNLIMITED else None


def default_budget(root: Path = Path("/"), processes: int = 1) -> int:
    """Return the default memory budget of a server in bytes.

    It is the smaller of 2 GiB a process and half of the machine's memory; in a container with a
    limit, that limit less 15 %.

    Args:
        root: Root of the file system, with `proc` and `sys`.
        processes: Processes of the server.
    """
    limit = container_memory(root) if sys.platform == "linux" else None
    machine = machine_memory()
    # A limit above the machine's memory is no limit.
    if limit is not None and limit < machine:
        return int(limit * CONTAINER_SHARE)
    return min(processes * MOST_BY_DEFAULT, machine // 2)


class Caps(NamedTuple):
    """Limits of requests that follow from the memory budget where the settings leave them out.

    Attributes:
        queue_rows: Rows in the queue of each program.
        queue_bytes: Bytes of these rows and their outputs.
        max_requests: Requests in flight.
        analysis_rows: Rows of analyses in flight.
        body_bytes: Bytes of bodies with images.
    """

    queue_rows: int
    queue_bytes: int
    max_requests: int
    analysis_rows: int
    body_bytes: int


FULL_FROM = 512 * 2**20
"""Memory budget from which on the limits have their full numbers of rows and requests, in bytes."""


def derived_caps(budget: int) -> Caps:
    """Derive limits of requests from a memory budget in bytes."""
    share = min(budget / FULL_FROM, 1.0)
    nbytes = max(2**20, min(256 * 2**20, budget // 4))
    return Caps(int(1024 * share), nbytes, int(1024 * share), int(131_072 * share), nbytes)
