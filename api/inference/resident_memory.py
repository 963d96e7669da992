"""Resident memory of the process tree, and the return of freed memory to the system."""

import ctypes
import os
import sys
import time
from functools import cache, lru_cache
from pathlib import Path

if sys.platform != "win32":
    import resource

_ARENA_MAX = -8
"""Number of glibc's `mallopt` parameter M_ARENA_MAX."""

ARENAS = 2
"""Most arenas of glibc's allocator in resident memory.

Each thread would have its own of up to 64 MiB, and keep what another one could use.
"""

CHILDREN_S = 1.0
"""Seconds for which the list of a process's children is used: there is a file for each thread."""


def resident_bytes() -> int:
    """Return the resident memory of this process and its children in bytes.

    Where the system does not say it, the largest resident memory of this process so far; 0 on
    Windows, where the standard library has no way to ask.
    """
    if sys.platform == "win32":
        return 0
    if sys.platform != "linux":
        # In bytes on macOS.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    now = int(time.monotonic() / CHILDREN_S)
    return sum(_resident(process) for process in (os.getpid(), *_recent_children(now)))


@lru_cache(maxsize=1)
def _recent_children(_moment: int) -> tuple[int, ...]:
    """Return the descendants of this process as they were at the first call of a moment."""
    return tuple(_children(os.getpid()))


def _children(process: int) -> list[int]:
    """Return the descendants of a process whose resident memory counts, too."""
    found: list[int] = []
    try:
        threads = list(Path(f"/proc/{process}/task").iterdir())
        texts = [(thread / "children").read_text() for thread in threads]
    except OSError:  # it has ended, or the kernel lists no children
        return found
    for child in " ".join(texts).split():
        found += [int(child), *_children(int(child))]
    return found


def _resident(process: int) -> int:
    """Return the resident memory of one process in bytes; 0 where it has ended."""
    try:
        text = Path(f"/proc/{process}/statm").read_text()
    except OSError:
        return 0
    return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE")


@cache
def _glibc() -> ctypes.CDLL | None:
    """Load the C library whose allocator keeps resident memory; None where it is not glibc."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") else None


def limit_arenas() -> None:
    """Limit the arenas of glibc's allocator, so that resident memory grows less with threads.

    Call it before threads are started. `MALLOC_ARENA_MAX` in the environment has precedence.
    """
    if "MALLOC_ARENA_MAX" not in os.environ and (library := _glibc()) is not None:
        library.mallopt(_ARENA_MAX, ARENAS)


def return_freed_memory() -> None:
    """Return freed memory of glibc's allocator to the system, which lowers resident memory.

    It takes some milliseconds, and other threads run meanwhile.
    """
    if (library := _glibc()) is not None:
        library.malloc_trim(0)
