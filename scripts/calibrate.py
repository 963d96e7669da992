"""Measure the calibration of trained weights of SimpleCNN and write it into their metadata.

python -m scripts.calibrate                         # of the shipped weights
python -m scripts.calibrate --folder my-weights     # of other weights
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx
from jaxtyping import Float

from models.cnn import calibration
from models.cnn.simple_cnn import simple_cnn
from models.cnn.training import CNNTrainConfig, evaluate
from models.data.datasets import DatasetError, Digits, mnist
from models.model_files import chosen_files
from models.network_files import load_report
from models.runtime import checkpoints
from models.runtime.checkpoints import Checkpoint, CheckpointError
from models.runtime.durable_files import write_atomically
from models.runtime.parameters import GraphDefinition
from models.training.recipe import shipped_recipe
from scripts.command_line import fail


def main(arguments: Sequence[str] | None = None) -> int:
    """Calibrate the weights that the command line selects; return the exit status."""
    options = _parser().parse_args(arguments)
    files = chosen_files("cnn", options.folder)
    try:
        trained = checkpoints.load(files.weights)
        report = load_report(files.report, trained.digest)
        measured = calibration.describe(measure(trained, options.validation))
        checkpoints.save(
            files.weights, trained.tensors, {**trained.metadata, "calibration": measured}
        )
        if report:
            _save_report(files.report, report, measured)
    except OSError as error:
        return fail(
            "scripts.calibrate",
            f"cannot write to {files.weights.parent}: {error.strerror or error}",
        )
    except (CheckpointError, DatasetError, ValueError) as error:
        return fail("scripts.calibrate", str(error))
    print(json.dumps({key: value for key, value in measured.items() if key != "reliability"}))
    return 0


def measure(trained: Checkpoint, validation: int) -> calibration.Calibration:
    """Measure the calibration of weights with the last training images of MNIST as validation.

    Args:
        validation: Number of training images that the weights were not trained on, the last ones;
            0 fits no temperature.

    Raises:
        CheckpointError: The weights are not those of a SimpleCNN.
        DatasetError: MNIST is not available.
        ValueError: There are fewer training images.
    """
    test = mnist("test")
    # The training images are read only where they are needed: users may have the test images alone.
    held_out = _last(mnist("train"), validation) if validation else _last(test, 0)
    return calibration.measure_calibration(_evaluated(trained, held_out), _evaluated(trained, test))


def _evaluated(trained: Checkpoint, digits: Digits) -> calibration.LabelledLogits:
    return calibration.LabelledLogits(logits_of(trained, digits), digits.labels)


def logits_of(trained: Checkpoint, digits: Digits) -> Float[np.ndarray, "images classes"]:
    """Return the logits of trained weights for images of MNIST, to calibrate them.

    Raises:
        CheckpointError: The weights are not those of a SimpleCNN.
    """
    graphdef = GraphDefinition(lambda: simple_cnn(nnx.Rngs(0)))
    graphdef.check(trained.tensors)
    _, parameters = nnx.split(graphdef.merge(jax.device_put(trained.tensors)))
    return evaluate(parameters, digits.images)


def _last(digits: Digits, count: int) -> Digits:
    """Return the last images of a data set, for the fit of the calibration."""
    if not 0 <= count <= len(digits.labels):
        msg = f"--validation must be between 0 and {len(digits.labels):,}, got {count:,}"
        raise ValueError(msg)
    start = len(digits.labels) - count
    return Digits(digits.images[start:], digits.labels[start:])


def _save_report(path: Path, report: dict[str, Any], measured: dict[str, Any]) -> None:
    """Write the calibration into a training report, after `metrics` as a training run does."""
    whole: dict[str, Any] = {}
    for key, value in report.items():
        whole[key] = value
        if key == "metrics":
            whole["calibration"] = measured
    whole["calibration"] = measured
    write_atomically(path, (json.dumps(whole, indent=1) + "\n").encode())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.calibrate",
        description="Measure the calibration of weights of SimpleCNN and write it into their "
        "metadata, and into their training report if there is one.",
    )
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="folder of other weights and their report"
    )
    parser.add_argument(
        "--validation",
        type=int,
        default=shipped_recipe("cnn", CNNTrainConfig).validation,
        metavar="N",
        help="number of training images, the last ones, that the weights were not trained on "
        "(default: %(default)s); 0 fits no temperature",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
