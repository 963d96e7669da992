"""Training speed of the CNN, compared with a PyTorch script: `python -m scripts.bench.training`.

Each variant runs in a subprocess of its own, on the same images and with the same batch size.

- `lightwell`: without augmentation. In addition to the script's work it averages the parameters and
  smooths the targets; its learning rate rises for one epoch and falls to zero at the last, the
  script's is constant.
- `lightwell-recipe`: the complete recipe, with augmentation. Its accuracy is that of the averaged
  parameters, which are the ones that it saves.
- `pytorch`: a plain script. `pytorch-channels-last`: with the memory layout that is faster.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, PRNGKeyArray, UInt8
from rich.console import Console
from rich.table import Table

from models.cnn.augmentation import Images
from models.cnn.training import CNNTrainConfig, CNNTrainer, classify
from models.data import samples
from models.data.datasets import Digits, mnist
from models.training.recipe import shipped_recipe
from scripts.bench.environments import python_of
from scripts.bench.processes import run_for_json

NAMES = ("lightwell", "pytorch", "pytorch-channels-last", "lightwell-recipe")
EPOCHS = 3
GOAL = 0.99
"""Test accuracy at which the training benchmark takes the time to accuracy."""


class Training(NamedTuple):
    """Training benchmark of one run: seconds of each epoch, and test accuracy after it in [0, 1].

    The first epoch includes compilation; measuring the accuracy is not included.
    """

    seconds: list[float]
    accuracies: list[float]

    @property
    def first_s(self) -> float:
        """Training benchmark: seconds of the first epoch, with compilation."""
        return self.seconds[0]

    @property
    def epoch_s(self) -> float:
        """Training benchmark: seconds of the fastest epoch after the first, the least disturbed."""
        return min(self.seconds[1:], default=self.seconds[0])

    @property
    def goal_s(self) -> float | None:
        """Training benchmark: seconds to the end of the first epoch at the goal, or None."""
        ends = accumulate(self.seconds)
        reached = (end for end, right in zip(ends, self.accuracies, strict=True) if right >= GOAL)
        return next(reached, None)


SPEED_IMAGES = 10_240
SPEED_NAMES = ("lightwell", "pytorch", "pytorch-channels-last")


class PlainTrainer(CNNTrainer):
    """CNN trainer of the training benchmark, without augmentation."""

    def augment(
        self, _key: PRNGKeyArray, images: Images, labels: UInt8[Array, " batch"]
    ) -> tuple[Images, UInt8[Array, " batch"]]:
        """Return the batch unchanged, so that the training benchmark does without augmentation."""
        return images, labels


def measure(
    epochs: int = EPOCHS, images: int | None = None, only: Sequence[str] = NAMES
) -> dict[str, Any]:
    """Benchmark the training of every variant, one after another.

    Args:
        epochs: Epochs of each variant, at least 2 to measure one without compilation.
        images: Use only the first images of the training set.
        only: Variants to train.

    Returns:
        By variant: `seconds` and `accuracies` of each epoch, `first_s`, `epoch_s`,
        `images_per_s` and `goal_s`, the seconds to 99 % test accuracy or None.
    """
    train, test = mnist("train"), mnist("test")
    train = Digits(train.images[:images], train.labels[:images])
    with tempfile.TemporaryDirectory() as folder:
        data = _saved(Path(folder), train, test)
        return {
            name: _found(_run([*command, str(data), str(epochs), *flags]), len(train.labels))
            for name, (command, flags) in _commands().items()
            if name in only
        }


def speed(rounds: int = 2, epochs: int = 2) -> dict[str, float]:
    """Benchmark training epochs of 10,240 images of every variant in rounds, without accuracy.

    The images are the shipped samples repeated, so that no data set is needed.

    Returns:
        The fastest epoch of each variant in seconds.
    """
    held = samples.load()
    train = Digits(
        np.resize(held.images, (SPEED_IMAGES, *held.images.shape[1:])),
        np.resize(held.labels, SPEED_IMAGES).astype(np.uint8),
    )
    test = Digits(train.images[:1_000], train.labels[:1_000])
    seconds: dict[str, list[float]] = {name: [] for name in SPEED_NAMES}
    with tempfile.TemporaryDirectory() as folder:
        data = _saved(Path(folder), train, test)
        for _ in range(rounds):
            for name, taken in seconds.items():
                command, flags = _commands()[name]
                taken.append(_run([*command, str(data), str(epochs), *flags]).epoch_s)
    return {name: min(taken) for name, taken in seconds.items()}


def _saved(folder: Path, train: Digits, test: Digits) -> Path:
    """Save the training benchmark's images to a file that every subprocess reads."""
    path = folder / "mnist.npz"
    np.savez(
        path,
        images=train.images,
        labels=train.labels,
        test_images=test.images,
        test_labels=test.labels,
    )
    return path


def _commands() -> dict[str, tuple[list[str], list[str]]]:
    """Return each training variant's command line, and the flags after images and epochs."""
    own = [sys.executable, "-m", "scripts.bench.training", "--on"]
    # The virtual environment of that server has PyTorch, in the version that is compared.
    script = [str(python_of("careful")), "-m", "scripts.bench.torch_training"]
    return {
        "lightwell": (own, []),
        "pytorch": (script, []),
        "pytorch-channels-last": (script, ["--channels-last"]),
        "lightwell-recipe": (own, ["--recipe"]),
    }


def _run(command: list[str]) -> Training:
    """Run one variant of the training benchmark in a subprocess."""
    return Training(**run_for_json(command))


def _found(training: Training, images: int) -> dict[str, Any]:
    """Summarise one run of the training benchmark as a dictionary."""
    return {
        **training._asdict(),
        "first_s": training.first_s,
        "epoch_s": training.epoch_s,
        "images_per_s": images / training.epoch_s,
        "goal_s": training.goal_s,
    }


def train_lightwell(path: Path, epochs: int, *, whole_recipe: bool) -> Training:
    """Train Lightwell's CNN in this process, for the training benchmark.

    Args:
        path: The images, as `measure` saves them.
        epochs: Number of epochs.
        whole_recipe: Augment the images, and evaluate the averaged parameters.
    """
    data = np.load(path)
    train, test = (Digits(data[f"{of}images"], data[f"{of}labels"]) for of in ("", "test_"))
    made = CNNTrainer if whole_recipe else PlainTrainer
    course = made(
        replace(shipped_recipe("cnn", CNNTrainConfig), epochs=epochs, validation=0), train, test
    )
    state = course.start()
    training = Training([], [])
    for number in range(epochs):
        began = time.perf_counter()
        state, _ = course.run(state, number)
        # JAX returns before the computation has ended.
        jax.block_until_ready(state)
        training.seconds.append(time.perf_counter() - began)
        guesses = classify(state.average if whole_recipe else state.parameters, test.images)
        training.accuracies.append(float(np.mean(guesses == test.labels)))
    return training


def table(found: dict[str, Any]) -> Table:
    """Lay out the training benchmark: epoch times and accuracies of every variant."""
    columns = ("first epoch s", "epoch s", "images/s", "99 % after s", "test accuracy")
    shown = Table("", *columns)
    for name, run in found.items():
        goal = "not reached" if run["goal_s"] is None else f"{run['goal_s']:.1f}"
        accuracies = " ".join(f"{right:.2%}" for right in run["accuracies"])
        numbers = (f"{run['first_s']:.1f}", f"{run['epoch_s']:.1f}", f"{run['images_per_s']:,.0f}")
        shown.add_row(name, *numbers, goal, accuracies)
    return shown


def main(arguments: Sequence[str]) -> int:
    """Print the training benchmark's table; with `--on`, train once here and print JSON."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.training", description=__doc__)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument(
        "--images", type=int, help="number of training images, the first of the data set"
    )
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, help="variants to train")
    parser.add_argument("--on", nargs=2, metavar=("NPZ", "EPOCHS"), help=argparse.SUPPRESS)
    parser.add_argument("--recipe", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(
        "--speed", type=int, metavar="ROUNDS", help="time one epoch of each variant; print JSON"
    )
    flags = parser.parse_args(arguments)
    if flags.on:
        path, epochs = flags.on
        training = train_lightwell(Path(path), int(epochs), whole_recipe=flags.recipe)
        print(json.dumps(training._asdict()))
    elif flags.speed:
        print(json.dumps(speed(flags.speed)))
    else:
        Console(width=120).print(table(measure(flags.epochs, flags.images, flags.only)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
