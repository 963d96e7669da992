"""Connection counts: open connections of every worker, in memory that all of them share."""

import mmap
from pathlib import Path

FILE = "connections"

ABSENT = 2**32 - 1
"""Count of a worker that takes no connections: no other one waits for it."""


class ConnectionCounts:
    """Open connections of the workers of a server, by their slots.

    Args:
        folder: Private folder of the server.
    """

    def __init__(self, folder: Path) -> None:
        with (folder / FILE).open("r+b") as file:
            self._counts = memoryview(mmap.mmap(file.fileno(), 0)).cast("I")

    @classmethod
    def create(cls, folder: Path, workers: int) -> "ConnectionCounts":
        """Create the connection counts of a server, all of whose workers are absent."""
        (folder / FILE).write_bytes(b"\xff" * 4 * workers)
        return cls(folder)

    def set(self, slot: int, count: int) -> None:
        """Set the number of open connections of one worker."""
        self._counts[slot] = count

    def least(self) -> int:
        """Return the smallest number of open connections of a worker."""
        return min(self._counts)
