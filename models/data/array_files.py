"""Files of arrays of a data set: .npy, .npz and safetensors, read as data."""

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from models.data.datasets import DatasetError
from models.printable import printable, printable_reason

INPUTS = "inputs"
"""Name of the one array of an `.npy`."""

SUFFIXES = frozenset({".npy", ".npz", ".safetensors"})
"""Suffixes of files of arrays of a data set."""


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of a file of a data set by name; that of an `.npy` is mapped.

    Raises:
        DatasetError: It is missing or damaged, of another format than its suffix says, or holds
            objects of Python.
    """
    name = printable(path.name)
    try:
        found = _read(path)
    # Of a damaged file NumPy, zipfile, zlib and safetensors raise errors of many kinds.
    except Exception as error:
        msg = f"{name} cannot be read as arrays of numbers: {printable_reason(error)}"
        raise DatasetError(msg) from error
    # NumPy returns a file in an archive that is no array as bytes.
    if others := [key for key, value in found.items() if not isinstance(value, np.ndarray)]:
        msg = f"{name} cannot be read as arrays of numbers: '{printable(others[0])}' is no array"
        raise DatasetError(msg)
    return found


def _read(path: Path) -> dict[str, np.ndarray]:
    if path.suffix == ".npy":
        # Mapped, so that a file may be larger than the memory. Not by `np.load`, which would open
        # an archive of this suffix.
        return {INPUTS: np.lib.format.open_memmap(path, mode="r")}
    if path.suffix == ".npz":
        with path.open("rb") as file, np.lib.npyio.NpzFile(file) as archive:
            return {one: archive[one] for one in archive.files}
    return load_file(path)
