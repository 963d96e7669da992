"""Limits of imported files, which bound the memory and time that a hostile file takes."""

from math import prod
from pathlib import Path

from models.derivation import MAX_VALUES
from models.importers.errors import ConversionError, printable
from models.whole_files import WholeFileError, read_whole

MAX_FILE = 256 * 2**20
"""Bytes of an imported file, and of all its unpacked entries."""

MAX_ENTRIES = 4096
"""Tensors, nodes and entries of an imported file."""

MAX_ELEMENTS = 20_000_000
"""Values of one tensor of an imported file."""


def read_bytes(path: Path, limit: int = MAX_FILE) -> bytes:
    """Read an imported file whole.

    Raises:
        ConversionError: It is missing, unreadable or larger than the limit.
    """
    try:
        return read_whole(path, limit)
    except WholeFileError as error:
        raise ConversionError(str(error)) from error


def check_count(count: int, what: str) -> None:
    """Check the number of an imported file's parts against the limit."""
    if count > MAX_ENTRIES:
        msg = f"the file has {count} {what}; at most {MAX_ENTRIES} are allowed"
        raise ConversionError(msg)


def check_elements(name: str, count: int) -> None:
    """Check the number of a tensor's values against the limit of an imported file."""
    if count > MAX_ELEMENTS:
        msg = f"tensor {printable(name)} has {count:,} values; at most {MAX_ELEMENTS:,} are allowed"
        raise ConversionError(msg)


def check_bytes(count: int) -> None:
    """Check the bytes of all tensors of an imported file together against the limit."""
    if count > MAX_FILE:
        msg = f"tensors of the file have more than {MAX_FILE >> 20} MiB, the limit"
        raise ConversionError(msg)


def bounded(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape of an imported network: a layer has at most as many values as one of ours."""
    if prod(shape) > MAX_VALUES:
        msg = f"a layer has {prod(shape):,} values; at most {MAX_VALUES:,} are allowed"
        raise ConversionError(msg)
    return shape
