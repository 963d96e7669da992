"""Lock of a folder, by which one process at a time writes to it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # not POSIX: two processes are then not kept apart
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"
"""Name of the file of a folder that is locked; it stays there."""


class FolderLockedError(Exception):
    """Another process holds the lock of the folder."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; the system releases it where the process is killed.

    Raises:
        FolderLockedError: Another process holds it.
        OSError: The folder cannot be written to.
    """
    with (folder / LOCK).open("w") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                msg = f"another process writes to {folder}"
                raise FolderLockedError(msg) from error
        yield
