"""Text files of sequences that scripts.activations reads: one in each line, perhaps a class."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from api.requests.json_object import FieldError
from api.requests.sequence_steps import is_binary, parse_queried_steps, parse_symbols
from models.architecture import MAX_STEPS, Architecture
from models.data.datasets import DatasetError
from models.data.text_lines import read_lines
from models.printable import printable
from scripts.activations.archive import Archive


def read_sequences(path: Path, architecture: Architecture) -> Archive:
    """Read a text file of sequences for scripts.activations.

    Each line is a sequence as `?sequence=` of the server takes it, words separated by spaces; after
    a tab its class may follow. Lines that are empty or begin with `#` are left out.

    Raises:
        DatasetError: It is not UTF-8, or has no sequence, another symbol or an unknown class.
    """
    name = printable(path.name)
    pairs = list(_pairs(read_lines(path), architecture))
    if not pairs:
        msg = f"{name} has no sequences"
        raise DatasetError(msg)
    lengths = np.array([len(steps) for steps, _ in pairs], np.int32)
    inputs = np.zeros((len(pairs), lengths.max()), np.uint8)
    for row, (steps, _) in zip(inputs, pairs, strict=True):
        row[: len(steps)] = steps
    labels = [label for _, label in pairs if label is not None]
    if labels and len(labels) < len(pairs):
        msg = f"{name}: {len(labels):,} of {len(pairs):,} sequences have a class; give one to each"
        raise DatasetError(msg)
    return Archive(inputs, lengths, np.array(labels) if labels else None)


def _pairs(lines: list[str], architecture: Architecture) -> Iterator[tuple[np.ndarray, int | None]]:
    """Yield the steps of each line of a text file of scripts.activations, and its label."""
    spec, classes = architecture.sequence, architecture.classes
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        text, tab, label = line.partition("\t")
        if tab and label not in classes:
            listed = ", ".join(map(printable, classes[:8]))
            msg = f"line {number}: the class after the tab must be one of {listed}"
            raise DatasetError(msg)
        try:
            if is_binary(spec) or spec.is_text:
                steps = parse_queried_steps(text, spec, MAX_STEPS)
            else:
                steps = parse_symbols(text.split(), spec, MAX_STEPS)
        except FieldError as error:
            msg = f"line {number}: {error.reason}"
            raise DatasetError(msg) from error
        yield steps, classes.index(label) if tab else None
