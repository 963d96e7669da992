"""Peak of the resident memory of a server's processes, sampled and as the kernel counts it."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

SAMPLE_S = 0.02
TREE_EVERY = 50
"""Samples between two looks for new processes: the list of all processes takes a while."""

RESET_PEAK = "5"
"""Value that Linux takes in /proc/PID/clear_refs to reset VmHWM (proc_pid_clear_refs(5))."""


class Processes(Protocol):
    """Process tree whose resident memory has a peak."""

    def tree(self) -> list[int]:
        """Return the process IDs."""


class PeakMemory:
    """Peak of a server's resident memory within the context, summed over its process tree.

    It is the larger one of samples and the peak of each process (VmHWM), where that can be reset.

    Attributes:
        nbytes: Peak in bytes, up to now.
    """

    def __init__(self, server: Processes) -> None:
        self._server = server
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._is_reset = False
        self.nbytes = 0

    def __enter__(self) -> "PeakMemory":
        self._is_reset = _reset(self._server.tree())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._is_reset:
            self.nbytes = max(self.nbytes, peak_bytes(self._server.tree()))

    def _sample(self) -> None:
        """Sample the resident memory until the end of the context."""
        number = 0
        while not self._stop.wait(SAMPLE_S):
            if number % TREE_EVERY == 0:
                pids = self._server.tree()
            number += 1
            self.nbytes = max(self.nbytes, resident_bytes(pids))


def _reset(pids: Sequence[int]) -> bool:
    """Reset the peaks of processes; return whether the system lets this process do so."""
    try:
        for pid in pids:
            Path(f"/proc/{pid}/clear_refs").write_text(RESET_PEAK)
    except OSError:
        return False
    return True


def resident_bytes(pids: Sequence[int]) -> int:
    """Return the sum of the resident memory of processes; one that has ended has none."""
    found = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/statm").read_text()
        except OSError:
            continue
        found += PAGE_BYTES * int(text.split()[1])
    return found


def peak_bytes(pids: Sequence[int]) -> int:
    """Return the sum of the peaks of resident memory of processes, since their start or a reset."""
    found = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        except OSError:
            continue
        found += sum(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return found
