"""Archives of arrays that scripts.activations reads: .npy, .npz and safetensors."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.data.array_files import INPUTS, SUFFIXES, read_arrays
from models.data.datasets import DatasetError
from models.printable import printable

LABELS, LENGTHS = "labels", "lengths"


@dataclass(frozen=True, eq=False)
class Archive:
    """Arrays of a data set of scripts.activations.

    Attributes:
        inputs: Images, or sequences that are padded to one length; perhaps mapped from a file.
        lengths: Steps of each sequence; None where all have the length of the array.
        labels: Label of each row; None where the data set has none.
    """

    inputs: np.ndarray
    lengths: np.ndarray | None = None
    labels: np.ndarray | None = None


def is_archive(path: Path) -> bool:
    """Return whether scripts.activations reads a file as an archive of arrays, by its suffix."""
    return path.suffix in SUFFIXES


def read_archive(path: Path, key: str | None = None) -> Archive:
    """Read an archive of arrays for scripts.activations.

    Args:
        key: Name of the inputs; None for `inputs`, or the only array that is no label or length.

    Raises:
        DatasetError: It cannot be read, has no such array, or arrays of other lengths.
    """
    name = printable(path.name)
    arrays = read_arrays(path)
    chosen = _chosen(name, arrays, key)
    found = Archive(arrays[chosen], arrays.get(LENGTHS), arrays.get(LABELS))
    if not found.inputs.ndim:
        msg = f"'{printable(chosen)}' of {name} is a single number"
        raise DatasetError(msg)
    _check(name, found)
    return found


def _chosen(name: str, arrays: dict[str, np.ndarray], key: str | None) -> str:
    """Return the name of the inputs in an archive of scripts.activations."""
    candidates = [one for one in arrays if one not in {LABELS, LENGTHS}]
    chosen = key or (candidates[0] if len(candidates) == 1 else INPUTS)
    if chosen not in arrays:
        listed = ", ".join(printable(one) for one in list(arrays)[:8])
        msg = f"{name} has no array '{printable(chosen)}'; it has {listed}: name one with --key"
        raise DatasetError(msg)
    return chosen


def _check(name: str, archive: Archive) -> None:
    """Check that labels and lengths of an archive of scripts.activations are one for each row."""
    for kind, values in ((LENGTHS, archive.lengths), (LABELS, archive.labels)):
        if values is None:
            continue
        if values.shape != archive.inputs.shape[:1] or values.dtype.kind not in "iu":
            msg = (
                f"{kind} of {name} must be {len(archive.inputs):,} whole numbers, one for each row"
            )
            raise DatasetError(msg)
