"""Processors of the machine that this process may use."""

import os
import sys


def processors() -> int:
    """Return the number of processors that this process may use, at least 1."""
    # A container may be confined to fewer processors than the machine has.
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
