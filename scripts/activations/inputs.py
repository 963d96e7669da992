"""Inputs of scripts.activations: rows of a data set as the programs of a network read them."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from api.errors.problem import Problem
from api.requests.model_input import Preprocess, encoded_image_input
from lightwell.extras import needing
from models.architecture import Architecture
from models.data.arrays import image_inputs, sequence_inputs
from models.data.datasets import DatasetError, mnist
from models.data.tfds_images import read_tfds_images
from models.printable import printable
from models.whole_files import WholeFileError, read_whole
from scripts.activations.archive import Archive, is_archive, read_archive
from scripts.activations.sequence_text import read_sequences
from scripts.activations.source import PICTURES, Source, parse_source
from scripts.activations.storage import EXTRA

MAX_PICTURE_BYTES = 64 * 2**20
"""Bytes of a picture that scripts.activations reads."""

BLOCK = 4096
"""Rows of an array that scripts.activations converts at a time to check them."""

SPLITS = ("train", "test")
TEXTS = frozenset({".txt", ".tsv"})


class InputOptions(NamedTuple):
    """Options of scripts.activations on which its inputs depend.

    Attributes:
        data: Source of the data set, as in `--data`.
        preprocess: Preparation of pictures; None for that of the network.
        key: Name of the inputs in an archive; None for `inputs`, or the only array.
    """

    data: str
    preprocess: str | None = None
    key: str | None = None


@dataclass(frozen=True, eq=False)
class Inputs:
    """Inputs of scripts.activations: the rows of a data set that are selected.

    Attributes:
        count: Number of rows.
        read: Returns rows from a first one to the one after the last, stacked, as the programs of
            the network read them.
        digest: SHA-256 of all rows; of pictures of their names, files and preparation.
        lengths: Steps of each sequence; None for images.
        labels: Label of each row; None where the data set has none.
        names: Name of each picture's file; empty for other data.
    """

    count: int
    read: Callable[[int, int], np.ndarray]
    digest: str
    lengths: np.ndarray | None = None
    labels: np.ndarray | None = None
    names: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


def read_inputs(options: InputOptions, architecture: Architecture) -> Inputs:
    """Read the inputs of scripts.activations, or open them where they are read in parts.

    Raises:
        DatasetError: They cannot be read, or do not fit the network.
        MissingExtraError: They need a package that is not installed.
    """
    source = parse_source(options.data)
    path = Path(source.place)
    if options.preprocess and not path.is_dir():
        msg = "--preprocess is for a folder of pictures; other data are read as they are"
        raise DatasetError(msg)
    if options.key and (path.is_dir() or not is_archive(path)):
        msg = "--key is for an .npz or a .safetensors of several arrays"
        raise DatasetError(msg)
    if path.is_dir():
        return _pictures(path, source, architecture, options.preprocess)
    if is_archive(path) or path.suffix in TEXTS:
        return _from_file(path, source, architecture, options.key)
    if path.exists():
        msg = (
            f"{printable(path.name)} is not a folder of pictures, an .npz, .npy or .safetensors "
            "of arrays, or a .txt or .tsv of sequences"
        )
        raise DatasetError(msg)
    return _of_arrays(_from_tfds(source.place), source, architecture)


def _from_file(path: Path, source: Source, architecture: Architecture, key: str | None) -> Inputs:
    """Read inputs of scripts.activations from a file of arrays or of sequences."""
    if not path.is_file():
        msg = f"there is no file {printable(path, None)}"
        raise DatasetError(msg)
    if path.suffix not in TEXTS:
        return _of_arrays(read_archive(path, key), source, architecture)
    if architecture.family != "sequence" or not architecture.sequence.alphabet:
        msg = f"{printable(path.name)} holds sequences of symbols, which the network does not read"
        raise DatasetError(msg)
    return _of_arrays(read_sequences(path, architecture), source, architecture)


def _from_tfds(place: str) -> Archive:
    """Read a split of MNIST, or of another data set of images of TensorFlow Datasets."""
    name, _, split = place.rpartition(":")
    if split not in SPLITS or "/" in name:
        msg = (
            f"'{printable(place)}' is neither a file or folder nor a split: train and test are "
            "those of MNIST, name:train those of another TensorFlow data set"
        )
        raise DatasetError(msg)
    with needing(EXTRA, f"the split {split}"):
        if name in {"", "mnist"}:
            images, labels = mnist(split)  # type: ignore[arg-type]
        else:
            images, labels = read_tfds_images(name, split)
    return Archive(images, labels=labels)


def _of_arrays(archive: Archive, source: Source, architecture: Architecture) -> Inputs:
    """Make inputs of scripts.activations of arrays, which are all checked once."""
    rows = source.rows(len(archive.inputs))
    chosen = slice(rows.start, rows.stop)
    given, lengths = archive.inputs[chosen], archive.lengths
    steps = None if lengths is None else lengths[chosen]

    def read(start: int, stop: int) -> np.ndarray:
        return _converted(given[start:stop], None, architecture)[0]

    sha = hashlib.sha256()
    checked = []
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        block = None if steps is None else steps[part]
        values, found = _converted(given[part], block, architecture)
        sha.update(f"{values.dtype.str} {values.shape}\n".encode())
        sha.update(np.ascontiguousarray(values).tobytes())
        checked.append(found)
    if architecture.family == "sequence":
        steps = np.concatenate(checked).astype(np.int32)
        sha.update(steps.tobytes())
    labels = None if archive.labels is None else archive.labels[chosen].astype(np.int64)
    if labels is not None:
        sha.update(labels.tobytes())
    return Inputs(len(rows), read, sha.hexdigest(), steps, labels)


def _converted(
    given: np.ndarray, lengths: np.ndarray | None, architecture: Architecture
) -> tuple[np.ndarray, np.ndarray]:
    """Convert rows of an array of scripts.activations; return them and the steps of each."""
    if architecture.family == "sequence":
        return sequence_inputs(given, lengths, architecture.sequence)
    return image_inputs(given, architecture.image), np.ones(len(given), np.int32)


def _pictures(
    folder: Path, source: Source, architecture: Architecture, preprocess: str | None
) -> Inputs:
    """Open the pictures in a folder and its sub-folders, prepared as the server prepares them."""
    if architecture.family != "image":
        msg = f"{printable(folder.name)} is a folder of pictures, and the network reads sequences"
        raise DatasetError(msg)
    spec = architecture.image
    chosen: Any = preprocess or spec.prepare
    if chosen not in {spec.prepare, "none"}:
        msg = f"--preprocess must be {spec.prepare} or none for this network, not {chosen}"
        raise DatasetError(msg)
    found = sorted(one for one in folder.rglob("*") if one.suffix.lower() in PICTURES)
    files = [one for one in found if not _is_hidden(one.relative_to(folder))]
    if not files:
        msg = f"{printable(folder.name)} has no PNG or JPEG pictures"
        raise DatasetError(msg)
    rows = source.rows(len(files))
    files = files[rows.start : rows.stop]
    names = tuple(one.relative_to(folder).as_posix() for one in files)
    sha = hashlib.sha256(f"{chosen}\n".encode())
    for name, file in zip(names, files, strict=True):
        content = _content(file, name)
        sha.update(f"{name} {len(content)}\n".encode())
        sha.update(content)

    def read(start: int, stop: int) -> np.ndarray:
        pairs = zip(files[start:stop], names[start:stop], strict=True)
        return np.stack([_prepared(file, name, architecture, chosen) for file, name in pairs])

    facts = {"preprocess": chosen}
    return Inputs(len(rows), read, sha.hexdigest(), names=names, facts=facts)


def _is_hidden(path: Path) -> bool:
    """Return whether a file is hidden, or in a hidden folder, such as `.ipynb_checkpoints`."""
    return any(part.startswith(".") for part in path.parts)


def _prepared(file: Path, name: str, architecture: Architecture, preprocess: Preprocess) -> Any:
    """Return a picture of scripts.activations as the row of a network's programs."""
    try:
        return encoded_image_input(_content(file, name), architecture.image, preprocess).row[
            "image"
        ]
    except Problem as problem:
        msg = f"{printable(name)}: {problem.detail}"
        raise DatasetError(msg) from problem


def _content(file: Path, name: str) -> bytes:
    try:
        return read_whole(file, MAX_PICTURE_BYTES)
    except WholeFileError as error:
        msg = f"{printable(name)} cannot be read: {error}"
        raise DatasetError(msg) from error
