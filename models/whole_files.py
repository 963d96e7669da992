"""Whole files: files of any origin, read at once within a limit of bytes."""

import os
import stat
from pathlib import Path

from models.printable import printable

# A FIFO must not make the open wait for a writer.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class WholeFileError(Exception):
    """A file cannot be read as a whole: a sentence with its name and the reason."""


def read_whole(path: Path, limit: int) -> bytes:
    """Read a whole file.

    It is opened once: where it is replaced by another one at the same time, either is read, and
    never a part of each.

    Args:
        limit: Most bytes of the file.

    Raises:
        WholeFileError: It is missing or unreadable, no file but a folder, a FIFO or a device, has
            more bytes, or was written while it was read.
    """
    name = printable(path.name)
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:
        msg = f"{name}: {getattr(error, 'strerror', None) or 'no name of a file'}"
        raise WholeFileError(msg) from error
    try:
        return _read(descriptor, name, limit)
    except OSError as error:
        msg = f"{name}: {error.strerror}"
        raise WholeFileError(msg) from error
    finally:
        os.close(descriptor)


def _read(descriptor: int, name: str, limit: int) -> bytes:
    """Read a whole file that is open."""
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        is_folder = stat.S_ISDIR(found.st_mode)
        msg = f"{name}: Is a directory" if is_folder else f"{name} is not a file"
        raise WholeFileError(msg)
    if found.st_size > limit:
        msg = f"{name} has {found.st_size:,} bytes; at most {limit:,} are read"
        raise WholeFileError(msg)
    with open(descriptor, "rb", closefd=False) as file:
        content = file.read(found.st_size)
    now = os.fstat(descriptor)
    if len(content) < found.st_size or _version(now) != _version(found):
        msg = f"{name} was written while it was read: try again"
        raise WholeFileError(msg)
    return content


def _version(found: os.stat_result) -> tuple[int, int]:
    return found.st_size, found.st_mtime_ns
