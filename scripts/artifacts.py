"""Measure trained weights and write artifacts: unit statistics, layer comparison, checkpoints.

python -m scripts.artifacts cnn                    # of models/weights, into models/artifacts
python -m scripts.artifacts cnn --run runs/cnn     # with the run's training checkpoints
python -m scripts.artifacts cnn --folder runs/cnn  # of other weights, into their folder
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from models.cnn.layer_comparison import compare_layers
from models.cnn.unit_statistics import measure_units
from models.data.datasets import DatasetError, Digits, mnist
from models.registry import ARTIFACTS, WEIGHTS
from models.runtime import artifacts, checkpoints
from models.runtime.checkpoints import Checkpoint, CheckpointError, Tensors
from scripts.run_directory import RunDirectory

CHECKPOINT_DTYPES = {"cnn": "float16", "lstm": "float32"}
"""Data type of checkpoints in a written artifact; float16 changes no rendered figure of the CNN."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the artifacts that the command line selects; return the exit status."""
    options = _parser().parse_args(arguments)
    weights, folder = (options.folder, options.folder) if options.folder else (WEIGHTS, ARTIFACTS)
    try:
        trained = checkpoints.load(weights / f"{options.model}.safetensors")
        run = RunDirectory(options.run, {}) if options.run else None
        write_artifacts(options.model, trained, run, folder)
    except OSError as error:
        return _fail(f"cannot write to {folder}: {error.strerror or error}")
    except (CheckpointError, DatasetError) as error:
        return _fail(str(error))
    return 0


def write_artifacts(
    model: str, trained: Checkpoint, run: RunDirectory | None, folder: Path
) -> None:
    """Write every artifact of trained weights: checkpoints; unit statistics and layers of a CNN.

    Args:
        run: Directory of the run that trained them, if available.
        folder: Folder that the artifacts are written to.
    """
    if run:
        join_checkpoints(model, trained, run, folder)
    if model == "cnn":
        measure_cnn(trained, folder)


def join_checkpoints(model: str, trained: Checkpoint, run: RunDirectory, folder: Path) -> None:
    """Write a run directory's permanent checkpoints into one artifact; none if it saved none.

    Args:
        trained: Weights at the end of the run.
    """
    if kept := run.training_checkpoints():
        joined = artifacts.pack_training_checkpoints(kept, CHECKPOINT_DTYPES[model])
        _save(folder / f"{model}.milestones.safetensors", joined, trained)


def measure_cnn(trained: Checkpoint, folder: Path) -> None:
    """Write the artifacts of a CNN's unit statistics and layer similarity, measured over MNIST.

    Layers are compared with those of the training checkpoints in the folder.

    Raises:
        CheckpointError: Those checkpoints were saved for other weights.
        DatasetError: MNIST is not available.
    """
    test, train = mnist("test"), mnist("train")
    before = artifacts.load(folder / "cnn.milestones.safetensors", trained.digest)
    units = measure_units(trained.tensors, test, train.images)
    _save(folder / "cnn.units.safetensors", units, trained, data=_data_set(test, train))
    kept = artifacts.training_checkpoints(before)
    layers, described = compare_layers(trained.tensors, kept, test, train)
    _save(
        folder / "cnn.layers.safetensors", layers, trained, **described, data=_data_set(test, train)
    )


def _data_set(test: Digits, train: Digits) -> str:
    return f"MNIST: {len(test.labels)} test and {len(train.labels)} training images"


def _save(path: Path, tensors: Tensors, trained: Checkpoint, **described: object) -> None:
    artifacts.save(path, tensors, trained.digest, **described)
    print(f"{path}: {len(tensors)} tensors, {path.stat().st_size:,} bytes", flush=True)


def _fail(sentence: str) -> int:
    print(f"scripts.artifacts: {sentence}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.artifacts",
        description="Measure trained weights and write artifacts.",
    )
    parser.add_argument("model", choices=sorted(CHECKPOINT_DTYPES))
    parser.add_argument("--run", type=Path, metavar="DIR", help="directory of the training run")
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="folder of other weights and their artifacts"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
