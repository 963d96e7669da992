"""Files of a network, read and checked: weights, report of the training, artifacts."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from models.architecture import Architecture
from models.cnn.calibration import Calibration, calibration_of
from models.cnn.records import RECORDS, check_record
from models.declaration.declaration import Declaration
from models.declaration.operations import MAX_RECURRENT, Recurrent
from models.declaration.toml_file import DeclarationError
from models.derivation import derive
from models.model_files import ARTIFACT_KINDS, ModelFiles
from models.printable import printable
from models.rnn.lengths import LengthLimits, length_limits
from models.runtime import artifacts, checkpoints
from models.runtime.checkpoints import Checkpoint, CheckpointError, Tensors
from models.runtime.parameters import check
from models.whole_files import WholeFileError, read_whole

MAX_WEIGHTS = 64 * 2**20
"""Bytes of a file of weights: three times those of the largest network."""

MAX_REPORT = 4 * 2**20
"""Bytes of a report of a training run."""


@dataclass(frozen=True, eq=False)
class NetworkFiles:
    """Content of a network's files. The attributes are those of a `ResidentModel`."""

    architecture: Architecture
    checkpoint: Checkpoint
    report: Mapping[str, Any]
    calibration: Calibration | None
    training_checkpoints: Mapping[str, Tensors]
    length_limits: Mapping[str | None, LengthLimits]
    artifacts: Mapping[str, Checkpoint]


def read_network(
    declaration: Declaration, files: ModelFiles, *, is_resizable: bool = False
) -> NetworkFiles:
    """Read the files of a declared network.

    Args:
        declaration: Its declaration.
        files: Paths of its files; all but the weights may be missing.
        is_resizable: Whether the weights determine the number of recurrent units.

    Raises:
        CheckpointError: A file is damaged or too large, or does not fit the declaration or the
            weights.
    """
    checkpoint = checkpoints.load(files.weights, MAX_WEIGHTS)
    _check_facts(files.weights, checkpoint)
    if is_resizable:
        declaration = resized(declaration, checkpoint.tensors)
    try:
        architecture = derive(declaration)
    except DeclarationError as error:
        raise CheckpointError(str(error)) from error
    check(checkpoint.tensors, architecture.parameters)
    records = _records(files, checkpoint, architecture)
    trained = records.pop("milestones", None)
    kept = artifacts.training_checkpoints(trained)
    artifacts.check_shapes(files.artifact("milestones"), kept, checkpoint.tensors)
    return NetworkFiles(
        architecture,
        checkpoint,
        load_report(files.report, checkpoint.digest),
        _calibration(files.weights, checkpoint) if architecture.family == "image" else None,
        kept,
        _length_limits(architecture, checkpoint, kept, trained) if declaration.counts_bits else {},
        records,
    )


def _records(
    files: ModelFiles, checkpoint: Checkpoint, architecture: Architecture
) -> dict[str, Checkpoint]:
    """Read the artifacts of a network that it has, by kind."""
    found: dict[str, Checkpoint] = {}
    for kind in ARTIFACT_KINDS:
        artifact = artifacts.load(files.artifact(kind), checkpoint.digest)
        if artifact is None:
            continue
        found[kind] = artifact
        if architecture.family == "image" and kind in RECORDS:
            _check_record(files.artifact(kind), kind, artifact, architecture)
    return found


def _check_facts(path: Path, checkpoint: Checkpoint) -> None:
    """Check the metadata of a network's weights, of which responses have a part.

    Raises:
        CheckpointError: They cannot be in a response, or `metrics` has no numbers.
    """
    try:
        checkpoints.check_metadata(checkpoint.metadata)
    except CheckpointError as error:
        msg = f"{printable(path.name)}: {error}"
        raise CheckpointError(msg) from error
    metrics = checkpoint.metadata.get("metrics", {})
    accuracy: Any = metrics.get("test_accuracy") if isinstance(metrics, dict) else ""
    is_number = type(accuracy) is int or type(accuracy) is float
    if accuracy is not None and not (is_number and 0 <= accuracy <= 1):
        msg = (
            f"{printable(path.name)}: its metadata metrics must be an object, and test_accuracy in "
            "it a number from 0 to 1"
        )
        raise CheckpointError(msg)


def _check_record(path: Path, kind: str, record: Checkpoint, architecture: Architecture) -> None:
    """Check a record of a network of images."""
    try:
        check_record(kind, record, architecture)
    except CheckpointError as error:
        msg = f"{path.name}: {error}; python -m scripts.artifacts makes it again"
        raise CheckpointError(msg) from error


def resized(declaration: Declaration, tensors: Mapping[str, np.ndarray]) -> Declaration:
    """Return the declaration of a shipped network with the recurrent units of the weights.

    Trained weights of another number of units have always been served in their place.
    """
    lines = []
    for line in declaration.layers:
        kernel = tensors.get(f"{line.name}.dense_h.kernel")
        operation = line.operation
        # A file of another network may have a scalar of this name.
        if isinstance(operation, Recurrent) and kernel is not None and kernel.ndim > 0:
            units = min(max(kernel.shape[0], 1), MAX_RECURRENT)
            line = replace(line, operation=replace(operation, units=units))  # noqa: PLW2901
        lines.append(line)
    return replace(declaration, layers=tuple(lines))


def _calibration(path: Path, checkpoint: Checkpoint) -> Calibration | None:
    """Read the calibration of a network from the metadata of its weights."""
    try:
        return calibration_of(checkpoint.metadata)
    except CheckpointError as error:
        msg = f"{path.name}: {error}"
        raise CheckpointError(msg) from error


def _length_limits(
    architecture: Architecture,
    checkpoint: Checkpoint,
    kept: Mapping[str, Tensors],
    trained: Checkpoint | None,
) -> dict[str | None, LengthLimits]:
    """Return the tested and certified length of a counter and of its checkpoints."""
    facts = artifacts.checkpoint_facts(trained)
    found: dict[str | None, LengthLimits] = {}
    found[None] = length_limits(architecture, checkpoint.tensors, checkpoint.metadata)
    for name, tensors in kept.items():
        found[name] = length_limits(architecture, tensors, facts.get(name, {}))
    return found


def load_report(path: Path, weights: str) -> dict[str, Any]:
    """Read the training report of a network; empty if there is none.

    Args:
        path: JSON file that states the digest of the weights.
        weights: Digest of the weights that it must be about.

    Raises:
        CheckpointError: It is damaged, too large, or the report of other weights.
    """
    # A link that leads nowhere is no missing file.
    if not os.path.lexists(path):
        return {}
    try:
        report = json.loads(read_whole(path, MAX_REPORT))
    except WholeFileError as error:
        raise CheckpointError(str(error)) from error
    except (ValueError, RecursionError) as error:
        msg = f"{path.name} is not JSON"
        raise CheckpointError(msg) from error
    made_for = report.get("weights") if isinstance(report, dict) else None
    if made_for != weights:
        msg = f"{path.name} was made for other weights ({printable(made_for, 13)})"
        raise CheckpointError(msg)
    found: dict[str, Any] = report
    return found
