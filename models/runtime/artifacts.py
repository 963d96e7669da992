"""Training artifacts: measurements and checkpoints in safetensors files next to the weights.

An artifact states the digest of the weights that it was made for, and is not loaded for others. The
names of its files and tensors (`milestones`, `round-4/conv1.kernel`) are a file format that folders
of users hold, and so they stay.
"""

from pathlib import Path

import numpy as np

from models.runtime import checkpoints
from models.runtime.checkpoints import Checkpoint, CheckpointError, Tensors

SEPARATOR = "/"
"""Separator in an artifact between the name of a training checkpoint and that of a parameter."""


def load(path: Path, weights: str) -> Checkpoint | None:
    """Read a training artifact; None if the file does not exist.

    Args:
        path: Safetensors file whose metadata states the digest of the weights.
        weights: Digest of the weights that are served.

    Raises:
        CheckpointError: The file is damaged, or was made for other weights.
    """
    if not path.exists():
        return None
    artifact = checkpoints.load(path)
    made_for = str(artifact.metadata.get("weights"))
    if made_for != weights:
        msg = f"{path.name} was made for other weights ({made_for[:12]})"
        raise CheckpointError(msg)
    return artifact


def save(path: Path, tensors: Tensors, weights: str, **described: object) -> None:
    """Write a training artifact of these weights, with more metadata."""
    checkpoints.save(path, tensors, {**described, "weights": weights})


def training_checkpoints(artifact: Checkpoint | None) -> dict[str, Tensors]:
    """Unpack an artifact of training checkpoints: the parameters after some rounds of training.

    Returns:
        By name, such as `round-4`, in the order of training: parameters by module path, as float32.
    """
    found: dict[int, Tensors] = {}
    for name, values in (artifact.tensors if artifact else {}).items():
        rounds, _, parameter = name.partition(SEPARATOR)
        # Sorted by number below: by name, `round-12` comes before `round-4`.
        number = int(rounds.removeprefix("round-"))
        found.setdefault(number, {})[parameter] = values.astype(np.float32)
    return {f"round-{number}": found[number] for number in sorted(found)}


def pack_training_checkpoints(kept: dict[int, Tensors], dtype: str) -> Tensors:
    """Pack training checkpoints into the tensors of one artifact.

    Args:
        kept: Parameters by the number of rounds before them.
        dtype: Type in which they are stored.
    """
    return {
        f"round-{rounds}{SEPARATOR}{name}": values.astype(dtype)
        for rounds, tensors in kept.items()
        for name, values in tensors.items()
    }
