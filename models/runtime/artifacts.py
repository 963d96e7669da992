"""Training artifacts: measurements and checkpoints in safetensors files next to the weights.

An artifact states the digest of the weights that it was made for, and is not loaded for others. The
names of its files and tensors (`milestones`, `round-4/conv1.kernel`) are a file format that folders
of users hold, and so they stay.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from models.printable import printable
from models.runtime import checkpoints
from models.runtime.checkpoints import Checkpoint, CheckpointError, Tensors
from models.runtime.parameters import check

MAX_BYTES = 256 * 2**20
"""Bytes of an artifact's file."""

MAX_CHECKPOINTS = 1024
"""Training checkpoints of one artifact."""

SEPARATOR = "/"
"""Separator in an artifact between the name of a training checkpoint and that of a parameter."""

ROUND = re.compile(r"round-(?:0|[1-9][0-9]{0,8})")
"""Name in an artifact of the training checkpoint after a number of rounds."""

NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
"""Name in an artifact of any training checkpoint."""

RESERVED = "reset-"
"""Prefix of the names of randomised weights, which no checkpoint of an artifact may have."""

FACTS = "checkpoints"
"""Key of an artifact's metadata: facts of its training checkpoints, by their names."""


def load(path: Path, weights: str) -> Checkpoint | None:
    """Read a training artifact; None if the file does not exist.

    Args:
        path: Safetensors file whose metadata states the digest of the weights.
        weights: Digest of the weights that are served.

    Raises:
        CheckpointError: The file is damaged, or was made for other weights.
    """
    # A link that leads nowhere is no missing file.
    if not os.path.lexists(path):
        return None
    artifact = checkpoints.load(path, MAX_BYTES)
    made_for = artifact.metadata.get("weights")
    if made_for != weights:
        msg = f"{path.name} was made for other weights ({printable(made_for, 13)})"
        raise CheckpointError(msg)
    try:
        checkpoints.check_metadata(artifact.metadata)
    except CheckpointError as error:
        msg = f"{path.name}: {error}"
        raise CheckpointError(msg) from error
    return artifact


def save(path: Path, tensors: Tensors, weights: str, **described: object) -> None:
    """Write a training artifact of these weights, with more metadata."""
    checkpoints.save(path, tensors, {**described, "weights": weights})


def training_checkpoints(artifact: Checkpoint | None) -> dict[str, Tensors]:
    """Unpack an artifact of training checkpoints: the parameters after some rounds of training.

    Returns:
        By name, parameters by module path, as float32: first the rounds, such as `round-4`, in the
        order of training, then checkpoints of other names in alphabetical order.

    Raises:
        CheckpointError: A name is not allowed for a checkpoint, a tensor has another type than
            float16 or float32, or there are too many.
    """
    found: dict[str, Tensors] = {}
    for key, values in (artifact.tensors if artifact else {}).items():
        name, _, parameter = key.partition(SEPARATOR)
        if values.dtype not in (np.float16, np.float32):
            msg = f"tensor {printable(key)} must be float16 or float32, not {values.dtype}"
            raise CheckpointError(msg)
        found.setdefault(name, {})[parameter] = values.astype(np.float32)
    if len(found) > MAX_CHECKPOINTS:
        msg = f"an artifact has at most {MAX_CHECKPOINTS} checkpoints, not {len(found)}"
        raise CheckpointError(msg)
    for name in found:
        check_name(name)
    return {name: found[name] for name in sorted(found, key=_place)}


def is_round(name: str) -> bool:
    """Return whether an artifact's checkpoint is named by its round of training."""
    return ROUND.fullmatch(name) is not None


def check_name(name: str) -> None:
    """Check the name of a training checkpoint of an artifact.

    Raises:
        CheckpointError: The name has other characters, or is that of randomised weights.
    """
    if NAME.fullmatch(name) is None or name.startswith(RESERVED):
        msg = (
            f"'{printable(name)}' is not the name of a checkpoint: that is a lowercase letter and "
            f"up to 31 lowercase letters, digits and hyphens, and does not begin with '{RESERVED}'"
        )
        raise CheckpointError(msg)


def _place(name: str) -> tuple[bool, int, str]:
    """Sort key of an artifact's checkpoints: rounds by number, then other names."""
    # By name, `round-12` would come before `round-4`.
    number = int(name.removeprefix("round-")) if is_round(name) else 0
    return not is_round(name), number, name


def check_shapes(path: Path, found: Mapping[str, Tensors], weights: Tensors) -> None:
    """Check that training checkpoints of an artifact fit the programs of these weights.

    Raises:
        CheckpointError: A checkpoint has other tensors, or values that are not finite.
    """
    # Sorted, so that equal files have equal errors: tensors are read in no fixed order.
    shapes = {name: weights[name].shape for name in sorted(weights)}
    for name, tensors in found.items():
        try:
            check(tensors, shapes)
        except CheckpointError as error:
            msg = f"{path.name}: checkpoint '{name}' does not fit these weights: {error}"
            raise CheckpointError(msg) from error


def checkpoint_facts(artifact: Checkpoint | None) -> dict[str, dict[str, Any]]:
    """Return the facts that an artifact's metadata has of its training checkpoints, by name."""
    facts = artifact.metadata.get(FACTS) if artifact else None
    given = facts.items() if isinstance(facts, dict) else ()
    return {name: one for name, one in given if isinstance(one, dict)}


def pack_training_checkpoints(kept: Mapping[str, Tensors], dtype: str) -> Tensors:
    """Pack training checkpoints into the tensors of one artifact.

    Args:
        kept: Parameters by the name of the checkpoint.
        dtype: Type in which they are stored.
    """
    return {
        f"{checkpoint}{SEPARATOR}{name}": values.astype(dtype)
        for checkpoint, tensors in kept.items()
        for name, values in tensors.items()
    }
