"""Measure trained weights and write what the server knows of them beside the weights.

python -m scripts.records cnn                    # of models/weights, into models/records
python -m scripts.records cnn --run runs/cnn     # with the milestones that the run has kept
python -m scripts.records cnn --folder runs/cnn  # of one's own weights, beside them
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from models.cnn.layer_comparison import layer_record
from models.cnn.unit_statistics import unit_record
from models.data.datasets import DatasetError, Digits, mnist
from models.registry import RECORDS, WEIGHTS
from models.runtime import artifacts, checkpoints
from models.runtime.checkpoints import Checkpoint, CheckpointError, Tensors
from scripts.run_directory import RunDirectory

MILESTONES = {"cnn": "float16", "lstm": "float32"}
"""How milestones are kept: those of the CNN are large, and half as many bits change no picture."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the records that the command line asks for; return the exit status."""
    options = _parser().parse_args(arguments)
    weights, beside = (options.folder, options.folder) if options.folder else (WEIGHTS, RECORDS)
    try:
        trained = checkpoints.load(weights / f"{options.model}.safetensors")
        run = RunDirectory(options.run, {}) if options.run else None
        record(options.model, trained, run, beside)
    except OSError as error:
        return _fail(f"cannot write to {beside}: {error.strerror or error}")
    except (CheckpointError, DatasetError) as error:
        return _fail(str(error))
    return 0


def record(model: str, trained: Checkpoint, run: RunDirectory | None, beside: Path) -> None:
    """Write every record of trained weights.

    Args:
        run: The run that they come from, if it is at hand.
        beside: Where to.
    """
    if run:
        join_milestones(model, trained, run, beside)
    if model == "cnn":
        write_records(trained, beside)


def join_milestones(model: str, trained: Checkpoint, run: RunDirectory, beside: Path) -> None:
    """Put the networks that a run kept from along the way into one record; none where it kept none.

    Args:
        trained: The weights that the run ended with.
    """
    if kept := run.milestones():
        joined = artifacts.joined(kept, MILESTONES[model])
        _save(beside / f"{model}.milestones.safetensors", joined, trained)


def write_records(trained: Checkpoint, beside: Path) -> None:
    """Measure the units and the layers of a CNN over MNIST, and write both records.

    The milestones that are compared are those in the record beside them.

    Raises:
        CheckpointError: That record was made for other weights.
        DatasetError: MNIST is not to be had.
    """
    test, train = mnist("test"), mnist("train")
    before = artifacts.load(beside / "cnn.milestones.safetensors", trained.digest)
    units = unit_record(trained.tensors, test, train.images)
    _save(beside / "cnn.units.safetensors", units, trained, data=_said(test, train))
    layers, described = layer_record(trained.tensors, artifacts.milestones(before), test, train)
    _save(beside / "cnn.layers.safetensors", layers, trained, **described, data=_said(test, train))


def _said(test: Digits, train: Digits) -> str:
    return f"MNIST: {len(test.labels)} test and {len(train.labels)} training images"


def _save(path: Path, tensors: Tensors, trained: Checkpoint, **described: object) -> None:
    artifacts.save(path, tensors, trained.digest, **described)
    print(f"{path}: {len(tensors)} tensors, {path.stat().st_size:,} bytes", flush=True)


def _fail(sentence: str) -> int:
    print(f"scripts.records: {sentence}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.records", description="Measure weights, and record it beside them."
    )
    parser.add_argument("model", choices=sorted(MILESTONES))
    parser.add_argument("--run", type=Path, metavar="DIR", help="a run that kept milestones")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="own weights, and their records")
    return parser


if __name__ == "__main__":
    sys.exit(main())
