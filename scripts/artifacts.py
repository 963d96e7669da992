"""Measure trained weights and write artifacts: unit statistics, layer comparison, checkpoints.

python -m scripts.artifacts cnn                    # of the shipped weights
python -m scripts.artifacts cnn --run runs/cnn     # with the run's training checkpoints
python -m scripts.artifacts cnn --folder runs/cnn  # of other weights, into their folder
python -m scripts.artifacts lstm --add old=old.safetensors  # other weights as ?checkpoint=old
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.architecture import Architecture
from models.cnn.layer_comparison import compare_layers
from models.cnn.unit_statistics import measure_units
from models.data.datasets import DatasetError, Digits, mnist
from models.declaration.declaration import read_declaration
from models.derivation import derive, read_architecture
from models.model_files import SHIPPED, SUFFIX, ModelFiles, chosen_files
from models.network_files import resized
from models.runtime import artifacts, checkpoints
from models.runtime.checkpoints import Checkpoint, CheckpointError, Tensors
from models.runtime.parameters import check
from scripts.command_line import fail
from scripts.run_directory import RunDirectory

CHECKPOINT_DTYPES = {"cnn": "float16", "lstm": "float32"}
"""Data type of checkpoints in a written artifact; float16 changes no rendered figure of the CNN."""

FACTS = ("tested_length",)
"""Facts about weights that an artifact takes over from the metadata of an added file."""


@dataclass(frozen=True)
class Added:
    """Weights that an artifact of checkpoints gets under a name of its own.

    Attributes:
        facts: Facts about these weights; they are preferred to those of the file's metadata.
    """

    name: str
    path: Path
    facts: Mapping[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the artifacts that the command line selects; return the exit status."""
    options = parse(arguments)
    files = chosen_files(options.model, options.folder)
    facts = {} if options.tested_length is None else {"tested_length": options.tested_length}
    try:
        trained = checkpoints.load(files.weights)
        # Weights of the LSTM may have another number of units than those that ship.
        declared = resized(read_declaration(SHIPPED / options.model), trained.tensors)
        check(trained.tensors, derive(declared).parameters)
        run = _run(options.run) if options.run else None
        if options.add:
            if run:
                join_checkpoints(options.model, trained, run, files)
            added = [Added(name, path, facts) for name, path in options.add]
            add_checkpoints(trained, added, files)
        else:
            write_artifacts(options.model, trained, run, files)
    except OSError as error:
        return fail(
            "scripts.artifacts",
            f"cannot write to {files.weights.parent}: {error.strerror or error}",
        )
    except (CheckpointError, DatasetError) as error:
        return fail("scripts.artifacts", str(error))
    return 0


def _run(folder: Path) -> RunDirectory:
    """Return the directory of the training run whose checkpoints `scripts.artifacts` joins.

    Raises:
        CheckpointError: It has no permanent checkpoints.
    """
    run = RunDirectory(folder, {})
    if not run.has_training_checkpoints():
        msg = f"{folder} has no checkpoints of a training run (milestones/round-*{SUFFIX})"
        raise CheckpointError(msg)
    return run


def write_artifacts(
    model: str, trained: Checkpoint, run: RunDirectory | None, files: ModelFiles
) -> None:
    """Write every artifact of trained weights: checkpoints; unit statistics and layers of a CNN.

    Args:
        run: Directory of the run that trained them, if available.
        files: Files that the artifacts are written to.
    """
    if run:
        join_checkpoints(model, trained, run, files)
    if model == "cnn":
        measure_cnn(read_architecture(SHIPPED / model), trained, files)


def join_checkpoints(model: str, trained: Checkpoint, run: RunDirectory, files: ModelFiles) -> None:
    """Write a run directory's permanent checkpoints into one artifact; none if it saved none.

    Checkpoints of other names that the artifact has are kept, even where it was made for other
    weights: they are weights of their own.

    Args:
        trained: Weights at the end of the run.

    Raises:
        CheckpointError: A checkpoint does not fit these weights.
    """
    if not (kept := run.training_checkpoints()):
        return
    path = files.artifact("milestones")
    before = checkpoints.load(path) if path.exists() else None
    named = {
        name: tensors
        for name, tensors in artifacts.training_checkpoints(before).items()
        if not artifacts.is_round(name)
    }
    artifacts.check_shapes(run.path / "milestones", kept, trained.tensors)
    artifacts.check_shapes(path, named, trained.tensors)
    joined = artifacts.pack_training_checkpoints(kept, CHECKPOINT_DTYPES.get(model, "float32"))
    joined |= artifacts.pack_training_checkpoints(named, "float32")
    facts = {name: one for name, one in artifacts.checkpoint_facts(before).items() if name in named}
    _save_checkpoints(path, joined, trained, facts)


def add_checkpoints(trained: Checkpoint, added: Sequence[Added], files: ModelFiles) -> None:
    """Add weights under names of their own to the artifact of checkpoints of trained weights.

    Their values are stored unchanged, with `tested_length` of their metadata. Weights that the
    artifact has under such a name are replaced.

    Raises:
        CheckpointError: A name is not allowed, or that of a round; a file is no weights of the
            shapes of the trained ones; or the artifact was made for other weights.
    """
    path = files.artifact("milestones")
    before = artifacts.load(path, trained.digest)
    tensors, facts = dict(before.tensors) if before else {}, artifacts.checkpoint_facts(before)
    for one in added:
        _check_added(one.name)
        found = checkpoints.load(one.path)
        artifacts.check_shapes(one.path, {one.name: found.tensors}, trained.tensors)
        tensors |= artifacts.pack_training_checkpoints({one.name: found.tensors}, "float32")
        stated = {key: found.metadata[key] for key in FACTS if key in found.metadata}
        facts = {**facts, one.name: {**stated, **one.facts}}
    _save_checkpoints(path, tensors, trained, facts)


def _check_added(name: str) -> None:
    """Check the name of weights that are added to an artifact of checkpoints."""
    artifacts.check_name(name)
    if artifacts.is_round(name):
        msg = f"'{name}' is a round of the training run, which --run adds: choose another name"
        raise CheckpointError(msg)


def _save_checkpoints(
    path: Path, tensors: Tensors, trained: Checkpoint, facts: Mapping[str, Any]
) -> None:
    _save(path, tensors, trained, **({artifacts.FACTS: facts} if facts else {}))


def measure_cnn(architecture: Architecture, trained: Checkpoint, files: ModelFiles) -> None:
    """Write the artifacts of a CNN's unit statistics and layer similarity, measured over MNIST.

    Layers are compared with those of the rounds of training in the folder.

    Raises:
        CheckpointError: Those checkpoints were saved for other weights.
        DatasetError: MNIST is not available.
    """
    test, train = mnist("test"), mnist("train")
    before = artifacts.load(files.artifact("milestones"), trained.digest)
    units = measure_units(architecture, trained.tensors, test, train.images)
    _save(files.artifact("units"), units, trained, data=_data_set(test, train))
    # Weights of another name were not a point of this training.
    kept = {
        name: tensors
        for name, tensors in artifacts.training_checkpoints(before).items()
        if artifacts.is_round(name)
    }
    layers, described = compare_layers(architecture, trained.tensors, kept, test, train)
    _save(files.artifact("layers"), layers, trained, **described, data=_data_set(test, train))


def _data_set(test: Digits, train: Digits) -> str:
    return f"MNIST: {len(test.labels)} test and {len(train.labels)} training images"


def _save(path: Path, tensors: Tensors, trained: Checkpoint, **described: object) -> None:
    artifacts.save(path, tensors, trained.digest, **described)
    print(f"{path}: {len(tensors)} tensors, {path.stat().st_size:,} bytes", flush=True)


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
    parser.add_argument(
        "--add",
        type=_named_file,
        action="append",
        metavar="NAME=FILE",
        help="add the weights of FILE as ?checkpoint=NAME and measure nothing; may be repeated",
    )
    parser.add_argument(
        "--tested-length",
        type=_length,
        metavar="N",
        help="longest length at which the added weights were tested without an error; that of "
        "FILE's metadata where left out",
    )
    return parser


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line of `scripts.artifacts`; a wrong one ends the program."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.tested_length is not None and not options.add:
        parser.error("--tested-length is about the weights that --add names")
    if options.model != "cnn" and not (options.run or options.add):
        parser.error(f"of {options.model} there are checkpoints alone: give --run or --add")
    return options


def _named_file(text: str) -> tuple[str, Path]:
    """Parse the value of `--add` of `scripts.artifacts`."""
    name, separator, path = text.partition("=")
    if not (name and separator and path):
        msg = f"'{text}' is not of the form NAME=FILE"
        raise argparse.ArgumentTypeError(msg)
    return name, Path(path)


def _length(text: str) -> int:
    """Parse a length in steps of the command line of `scripts.artifacts`."""
    if not (text.isascii() and text.isdigit()):
        msg = f"'{text}' is not a number of steps from 0 on"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
