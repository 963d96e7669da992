"""Records: what training found out about weights and wrote beside them.

A record names the digest of the weights that it was made for, and is refused for others.
"""

from pathlib import Path

import numpy as np

from models.runtime import checkpoints
from models.runtime.checkpoints import Checkpoint, CheckpointError, Tensors

SEPARATOR = "/"
"""Stands between the name of a milestone and that of a parameter."""


def load(path: Path, weights: str) -> Checkpoint | None:
    """Read a record; None where there is none.

    Args:
        path: A safetensors file whose metadata names the weights.
        weights: The digest of the weights that are served.

    Raises:
        CheckpointError: The record is damaged, or was made for other weights.
    """
    if not path.exists():
        return None
    record = checkpoints.load(path)
    made_for = str(record.metadata.get("weights"))
    if made_for != weights:
        msg = f"{path.name} was made for other weights ({made_for[:12]})"
        raise CheckpointError(msg)
    return record


def save(path: Path, tensors: Tensors, weights: str, **described: object) -> None:
    """Write a record of these weights."""
    checkpoints.save(path, tensors, {**described, "weights": weights})


def milestones(record: Checkpoint | None) -> dict[str, Tensors]:
    """Take a record of milestones apart: the network as it was after some rounds of training.

    Returns:
        By name, such as `round-4`, in the order of training: parameters by module path, as float32.
    """
    found: dict[int, Tensors] = {}
    for name, values in (record.tensors if record else {}).items():
        rounds, _, parameter = name.partition(SEPARATOR)
        number = int(rounds.removeprefix("round-"))
        found.setdefault(number, {})[parameter] = values.astype(np.float32)
    return {f"round-{number}": found[number] for number in sorted(found)}


def joined(kept: dict[int, Tensors], dtype: str) -> Tensors:
    """Put milestones, by how many rounds of training they had, into the tensors of one record."""
    return {
        f"round-{rounds}{SEPARATOR}{name}": values.astype(dtype)
        for rounds, tensors in kept.items()
        for name, values in tensors.items()
    }
