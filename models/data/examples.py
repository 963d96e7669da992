"""Labelled examples to train a declared network: pictures, arrays, a TFDS data set, sequences."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Int32, Shaped

from models.architecture import MAX_STEPS, Architecture
from models.data.array_files import read_arrays
from models.data.arrays import sequence_inputs
from models.data.datasets import DatasetError, read_pictures, reading
from models.data.text_lines import read_lines
from models.data.tfds_images import read_tfds_images
from models.declaration.declaration import ImageSpec, SequenceSpec
from models.printable import printable

MAX_LISTED = 8

Values = np.ndarray | Array
"""Arrays of examples, on the host or on the device."""


class Examples(NamedTuple):
    """Examples of one network: inputs with their labels.

    Attributes:
        inputs: Images or sequences, as the programs read them; shorter sequences are padded.
        labels: Label of each example, an index into the classes.
        lengths: Steps of each sequence; 1 for images.
    """

    inputs: Shaped[Values, "examples *shape"]
    labels: Int32[Values, " examples"]
    lengths: Int32[Values, " examples"]

    def take(self, chosen: Any) -> "Examples":
        """Return some of the examples, by their indices or a slice."""
        return Examples(self.inputs[chosen], self.labels[chosen], self.lengths[chosen])


def read_examples(source: str, architecture: Architecture) -> Examples:
    """Read the examples that train a declared network.

    Args:
        source: A folder with a sub-folder of pictures for each class; an `.npz` with `inputs` and
            `labels`; a text file with a sequence and its class in each line; else the name of a
            TensorFlow data set, of which the split `train` is read.

    Raises:
        DatasetError: They cannot be read, or do not fit the network.
    """
    with reading(source):
        return _read(source, architecture)


def _read(source: str, architecture: Architecture) -> Examples:
    """Read examples by the kind of their source."""
    path = Path(source)
    if path.is_dir():
        return _from_folder(path, architecture)
    if path.suffix == ".npz":
        return _from_archive(path, architecture)
    if path.suffix in {".txt", ".tsv"}:
        return _from_text(path, architecture)
    if path.exists() or "/" in source:
        msg = f"{path.name} is not a folder of pictures, an .npz, a .txt or a .tsv"
        raise DatasetError(msg)
    return _from_tfds(source, architecture)


def _image(architecture: Architecture, kind: str) -> ImageSpec:
    if architecture.family != "image":
        msg = f"{kind} holds images, and the network reads sequences"
        raise DatasetError(msg)
    return architecture.image


def _from_folder(folder: Path, architecture: Architecture) -> Examples:
    """Read examples from a folder with a sub-folder of pictures for each class."""
    image = _image(architecture, folder.name)
    if image.prepare == "mnist":
        msg = (
            "pictures of a network with input.prepare mnist must be prepared as MNIST was: give an "
            ".npz of 28 x 28 integers, or the data set mnist"
        )
        raise DatasetError(msg)
    pixels, labels = [], []
    for label, name in enumerate(architecture.classes):
        if not (folder / name).is_dir():
            names = sorted(one.name for one in folder.iterdir() if not one.name.startswith("."))
            listed = ", ".join(map(printable, names[:MAX_LISTED])) or "none"
            msg = f"{folder.name} has no sub-folder '{name}' for that class; it has {listed}"
            raise DatasetError(msg)
        found = read_pictures(folder / name, image)
        pixels += found
        labels += [label] * len(found)
    return _of_pixels(np.stack(pixels) if pixels else np.zeros((0,)), labels, architecture)


def _of_pixels(
    pixels: np.ndarray, labels: Sequence[int] | np.ndarray, architecture: Architecture
) -> Examples:
    """Make examples of images with integers from 0 to 255."""
    image = architecture.image
    if image.channels == 1 and pixels.ndim == 3:  # noqa: PLR2004 - examples, rows, columns
        pixels = pixels[..., None]
    if pixels.shape[1:] != (image.height, image.width, image.channels):
        wanted = f"{image.height} x {image.width} x {image.channels}"
        msg = f"the images are {' x '.join(map(str, pixels.shape[1:]))}; the network reads {wanted}"
        raise DatasetError(msg)
    if image.prepare == "mnist":
        return _checked(pixels[..., 0], labels, architecture)
    return _checked(image.normalised(pixels), labels, architecture)


def _checked(
    inputs: np.ndarray,
    labels: Sequence[int] | np.ndarray,
    architecture: Architecture,
    lengths: Sequence[int] | np.ndarray | None = None,
) -> Examples:
    """Check the labels of examples, and that there are some."""
    found = np.asarray(labels)
    if found.ndim != 1 or found.shape[:1] != inputs.shape[:1] or found.dtype.kind not in "iu":
        msg = f"labels must be a vector of {len(inputs)} whole numbers, one for each example"
        raise DatasetError(msg)
    if not len(found):
        msg = "there are no examples"
        raise DatasetError(msg)
    if found.min() < 0 or found.max() >= len(architecture.classes):
        msg = f"labels must be from 0 to {len(architecture.classes) - 1}, one for each class"
        raise DatasetError(msg)
    steps = np.ones(len(found)) if lengths is None else np.asarray(lengths)
    return Examples(inputs, found.astype(np.int32), steps.astype(np.int32))


def _from_archive(path: Path, architecture: Architecture) -> Examples:
    """Read examples from an `.npz` with `inputs` and `labels`, of sequences perhaps `lengths`."""
    held = read_arrays(path)
    missing = {"inputs", "labels"} - held.keys()
    if missing:
        listed = ", ".join(map(printable, list(held)[:MAX_LISTED]))
        msg = f"{path.name} has no {' and no '.join(sorted(missing))}; it has {listed or 'none'}"
        raise DatasetError(msg)
    inputs, labels = held["inputs"], held["labels"]
    if architecture.family == "sequence":
        return _of_sequences(inputs, labels, held.get("lengths"), architecture)
    if inputs.dtype == np.uint8:
        return _of_pixels(inputs, labels, architecture)
    image = architecture.image
    shape = (image.height, image.width, image.channels)
    if inputs.shape[1:] != shape or inputs.dtype.kind not in "biuf" or image.prepare == "mnist":
        msg = f"inputs must be integers from 0 to 255 of type uint8, or floats of shape {shape}"
        raise DatasetError(msg)
    return _checked(inputs.astype(np.float32), labels, architecture)


def _of_sequences(
    inputs: np.ndarray, labels: np.ndarray, lengths: np.ndarray | None, architecture: Architecture
) -> Examples:
    """Make examples of sequences: indices of symbols, or rows of numbers."""
    sequences, steps = sequence_inputs(inputs, lengths, architecture.sequence)
    return _checked(sequences, labels, architecture, steps)


def _from_text(path: Path, architecture: Architecture) -> Examples:
    """Read examples from a text file: in each line symbols, a tab or a space, and the class."""
    if architecture.family != "sequence" or not architecture.sequence.alphabet:
        msg = f"{path.name} holds sequences of symbols, which the network does not read"
        raise DatasetError(msg)
    lines = read_lines(path)
    pairs = list(_pairs(lines, architecture.sequence, architecture.classes))
    if not pairs:
        msg = f"{path.name} has no examples"
        raise DatasetError(msg)
    lengths = [len(symbols) for symbols, _ in pairs]
    inputs = np.zeros((len(pairs), max(lengths)), np.uint8)
    for row, (symbols, _) in zip(inputs, pairs, strict=True):
        row[: len(symbols)] = symbols
    return _checked(inputs, [label for _, label in pairs], architecture, lengths)


def _pairs(
    lines: Sequence[str], given: SequenceSpec, classes: Sequence[str]
) -> Iterator[tuple[list[int], int]]:
    """Yield the symbols and the label of each line; lines that are empty or begin with #, none."""
    places = {symbol: index for index, symbol in enumerate(given.alphabet)}
    is_text = all(len(symbol) == 1 for symbol in given.alphabet)
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        # A class may have spaces, so that the last tab separates it where there is one.
        sequence, _, name = line.rpartition("\t" if "\t" in line else " ")
        symbols = list(sequence) if is_text else sequence.split()
        if name not in classes:
            msg = f"line {number}: the class after the sequence must be one of {', '.join(classes)}"
            raise DatasetError(msg)
        if not 1 <= len(symbols) <= MAX_STEPS or not places.keys() >= set(symbols):
            listed = ", ".join(given.alphabet[:MAX_LISTED])
            msg = f"line {number}: the sequence must be 1 to {MAX_STEPS} symbols of {listed}"
            raise DatasetError(msg)
        yield [places[symbol] for symbol in symbols], classes.index(name)


def _from_tfds(name: str, architecture: Architecture) -> Examples:
    """Read the training split of a TensorFlow data set of labelled images."""
    _image(architecture, name)
    images, labels = read_tfds_images(name, "train")
    return _of_pixels(images, labels, architecture)
