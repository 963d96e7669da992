"""Durable files: atomic writes and appends that reach the disk before they return.

The order of operations is that of "All File Systems Are Not Created Equal" (Pillai et al., OSDI
2014): the data of a file is synchronised before its name is, and a name before anything that relies
on it.
"""

import contextlib
import errno
import os
import sys
import tempfile
from pathlib import Path

PARTIAL = ".partial"
"""Suffix of the temporary file of an atomic write."""

_MODE = 0o644
"""Permissions of a durable file: a server may run as another user than the one that wrote it."""

# Windows would write the ends of lines as two bytes.
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)

_NOT_SUPPORTED = (errno.EINVAL, errno.ENOTSUP)
"""Errors of a file system that cannot synchronise a folder."""


Content = bytes | bytearray | memoryview
"""Content of a durable file, or a piece of it."""


def write_atomically(path: Path, *content: Content) -> None:
    """Write a durable file: after a crash at any moment it has its old content or the new one.

    A crash is a killed process as well as a loss of power. Temporary files that killed writers of
    this path left are removed.

    Args:
        content: Content in one piece or several, which are written one after another.

    Raises:
        OSError: The file system is full, read-only or faulty. The old file is unchanged unless the
            synchronisation of its folder failed, and the temporary file is removed.
    """
    create_folder(path.parent)
    remove_partial_files(path.parent, path.name)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PARTIAL, dir=path.parent)
    partial = Path(name)
    try:
        _fill(descriptor, *content)
        partial.replace(path)
    except BaseException:
        # The error that ended the write is the one to report.
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
    synchronise_folder(path.parent)


def append(path: Path, content: bytes) -> None:
    """Append to a durable file; after a crash it ends with any part of the content.

    Raises:
        OSError: The file system is full, read-only or faulty.
    """
    descriptor = os.open(path, _APPEND, _MODE)
    try:
        _write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def create_folder(folder: Path) -> None:
    """Create a folder for durable files, with missing parents, and synchronise their names.

    Raises:
        OSError: It cannot be created.
    """
    if folder.exists():
        return
    create_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    synchronise_folder(folder.parent)


def remove_partial_files(folder: Path, name: str | None = None) -> None:
    """Remove temporary files that killed writers of durable files left in a folder.

    Args:
        folder: Folder that need not exist.
        name: Name of the file that they wrote; None for temporary files of all names.
    """
    for found in list(folder.glob(f".*{PARTIAL}")):
        if name is None or found.name.startswith(f".{name}."):
            found.unlink(missing_ok=True)


def synchronise_folder(folder: Path) -> None:
    """Bring the names of a folder's durable files to the disk, where the file system can.

    Raises:
        OSError: The device is faulty.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # a folder may be writable and unreadable
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise
    finally:
        os.close(descriptor)


def _fill(descriptor: int, *content: Content) -> None:
    """Write, synchronise and close a new durable file."""
    try:
        if sys.platform != "win32":  # which has no such modes
            os.fchmod(descriptor, _MODE)  # mkstemp makes files that only their owner reads
        for piece in content:
            _write(descriptor, piece)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(descriptor: int, content: Content) -> None:
    """Write all of a durable file's content; one call of the system may write a part of it."""
    rest = memoryview(content).cast("B")
    while rest:
        rest = rest[os.write(descriptor, rest) :]
