"""Answers of an imported network's original: inputs and outputs, as a reference has them."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from models.declaration.declaration import ImageSpec, without_reference
from models.importers.errors import ConversionError, printable
from models.importers.imported import Imported
from models.importers.tensor_files import read_tensors

REFERENCE = "reference.safetensors"
"""Name of the file with the original's answers in the folder of an imported network."""


def read_answers(path: Path, imported: Imported) -> dict[str, np.ndarray]:
    """Read inputs and answers of an imported network's original.

    Inputs are those that the original took. Where it scales them itself, which is the declaration's
    mean and std here, the result has the scaled values, as a reference has.

    Raises:
        ConversionError: The file cannot be read, or has no inputs.
    """
    tensors = read_tensors(path)
    if "inputs" not in tensors:
        msg = f"{printable(path.name)} has no tensor inputs, next to logits or probabilities"
        raise ConversionError(msg)
    given = imported.declaration.input
    inputs = tensors["inputs"]
    if isinstance(given, ImageSpec):
        inputs = inputs.astype(np.float32)
        if imported.scales_input:
            inputs = _scaled(inputs, given, imported.scale)
    return tensors | {"inputs": inputs}


def _scaled(inputs: np.ndarray, given: ImageSpec, scale: float) -> np.ndarray:
    """Return images of an imported network's original as its first layer reads them."""
    first = inputs.shape[1:] == (given.channels, given.height, given.width)
    shape = (given.channels, 1, 1) if first and inputs.shape[-1] != given.channels else (-1,)
    mean, std = (np.reshape(one, shape) for one in (given.mean, given.std))
    return np.asarray((inputs / scale - mean) / std, np.float32)


def with_reference(imported: Imported) -> Imported:
    """Return an imported network whose declaration names the file with the original's answers."""
    bare = without_reference(imported.text)
    # A key at the end of the text could belong to a table such as [input].
    line = f'\nreference = "{REFERENCE}"'
    text = re.sub(r"(?m)^format\s*=.*$", lambda found: found[0] + line, bare, count=1)
    return replace(imported, text=text)
