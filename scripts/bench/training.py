"""How fast the CNN learns, beside a plain PyTorch script: `python -m scripts.bench.training`.

Each runs in a process of its own, one after the other, on the same images and with the same batch.

- `lightwell`: the images as they are. Beside the script's work it keeps a moving average of the
  parameters and smooths the targets; its learning rate rises for one epoch and falls to nothing at
  the last, where the script's stays the same.
- `lightwell-recipe`: our whole recipe, which also varies every image anew each time. Its accuracy
  is that of the averaged parameters, which are those that it keeps.
- `pytorch`: what a user writes. `pytorch-channels-last`: with the memory layout that is faster.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PRNGKeyArray
from rich.console import Console
from rich.table import Table

from models.cnn.augmentation import Images
from models.cnn.training import CNNTrainConfig, CNNTrainer, classify
from models.data import samples
from models.data.datasets import Digits, mnist
from scripts.bench.environments import python_of
from scripts.bench.processes import ROOT

NAMES = ("lightwell", "pytorch", "pytorch-channels-last", "lightwell-recipe")
EPOCHS = 3
GOAL = 0.99
"""The test accuracy to which the time is taken."""


class Training(NamedTuple):
    """One run: how long each epoch took, and the test accuracy after it, in [0, 1].

    The first epoch includes compilation; measuring the accuracy is not included.
    """

    seconds: list[float]
    accuracies: list[float]

    @property
    def first_s(self) -> float:
        """Of the first epoch."""
        return self.seconds[0]

    @property
    def epoch_s(self) -> float:
        """Of an epoch after the first, the fastest: what else the machine does only adds."""
        return min(self.seconds[1:], default=self.seconds[0])

    @property
    def goal_s(self) -> float | None:
        """Until the end of the first epoch with the accuracy to be reached, or None."""
        ends = accumulate(self.seconds)
        reached = (end for end, right in zip(ends, self.accuracies, strict=True) if right >= GOAL)
        return next(reached, None)


SPEED_IMAGES = 10_240
SPEED_NAMES = ("lightwell", "pytorch", "pytorch-channels-last")


class PlainCourse(CNNTrainer):
    """Our training without variations of the images."""

    def vary(self, _key: PRNGKeyArray, images: Images) -> Images:
        """Return the images as they are."""
        return images


def measure(
    epochs: int = EPOCHS, images: int | None = None, only: Sequence[str] = NAMES
) -> dict[str, Any]:
    """Train in every way, one after the other.

    Args:
        epochs: Of each, at least 2 to know an epoch without compilation.
        images: Use only the first so many.
        only: Who trains.

    Returns:
        By who trained: `seconds` and `accuracies` of each epoch, `first_s`, `epoch_s`,
        `images_per_s` and `goal_s`, the seconds until the test accuracy was 99 % or None.
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


def speed(turns: int = 2, epochs: int = 2) -> dict[str, float]:
    """Measure an epoch of 10,240 images in every way, by turns; nothing but the time is asked for.

    The images are the shipped samples over and over, so that no data set is needed.

    Returns:
        By who trained, the fastest epoch in seconds.
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
        for _ in range(turns):
            for name, taken in seconds.items():
                command, flags = _commands()[name]
                taken.append(_run([*command, str(data), str(epochs), *flags]).epoch_s)
    return {name: min(taken) for name, taken in seconds.items()}


def _saved(folder: Path, train: Digits, test: Digits) -> Path:
    """Write images down where every process finds them."""
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
    """Return how each is started, and with which flags behind the images and epochs."""
    ours = [sys.executable, "-m", "scripts.bench.training", "--on"]
    theirs = [str(python_of("careful")), "-m", "scripts.bench.torch_training"]
    return {
        "lightwell": (ours, []),
        "pytorch": (theirs, []),
        "pytorch-channels-last": (theirs, ["--channels-last"]),
        "lightwell-recipe": (ours, ["--recipe"]),
    }


def _run(command: list[str]) -> Training:
    """Train in a process of its own, which prints what it found as its last line."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip()[-2000:])
    return Training(**json.loads(done.stdout.splitlines()[-1]))


def _found(training: Training, images: int) -> dict[str, Any]:
    """Put down what one run came to."""
    return {
        **training._asdict(),
        "first_s": training.first_s,
        "epoch_s": training.epoch_s,
        "images_per_s": images / training.epoch_s,
        "goal_s": training.goal_s,
    }


def train_ours(path: Path, epochs: int, *, whole_recipe: bool) -> Training:
    """Train in this process.

    Args:
        path: The images, as `measure` saves them.
        epochs: How often each image is seen.
        whole_recipe: Vary the images, and judge the averaged parameters.
    """
    data = np.load(path)
    train, test = (Digits(data[f"{of}images"], data[f"{of}labels"]) for of in ("", "test_"))
    made = CNNTrainer if whole_recipe else PlainCourse
    course = made(CNNTrainConfig(epochs=epochs, validation=0), train, test)
    state = course.start()
    training = Training([], [])
    for number in range(epochs):
        began = time.perf_counter()
        state, _ = course.run(state, number)
        jax.block_until_ready(state)
        training.seconds.append(time.perf_counter() - began)
        guesses = classify(state.average if whole_recipe else state.parameters, test.images)
        training.accuracies.append(float(np.mean(guesses == test.labels)))
    return training


def table(found: dict[str, Any]) -> Table:
    """Show who needed how long."""
    columns = ("first epoch s", "epoch s", "images/s", "99 % after s", "test accuracy")
    shown = Table("", *columns)
    for name, run in found.items():
        goal = "not reached" if run["goal_s"] is None else f"{run['goal_s']:.1f}"
        accuracies = " ".join(f"{right:.2%}" for right in run["accuracies"])
        numbers = (f"{run['first_s']:.1f}", f"{run['epoch_s']:.1f}", f"{run['images_per_s']:,.0f}")
        shown.add_row(name, *numbers, goal, accuracies)
    return shown


def main(arguments: Sequence[str]) -> int:
    """Train and show the table; with `--on`, train once in this process and print JSON."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.training", description=__doc__)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--images", type=int, help="use only the first so many")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, help="who trains")
    parser.add_argument("--on", nargs=2, metavar=("NPZ", "EPOCHS"), help=argparse.SUPPRESS)
    parser.add_argument("--recipe", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--speed", type=int, metavar="TURNS", help="an epoch of each, as JSON")
    flags = parser.parse_args(arguments)
    if flags.on:
        path, epochs = flags.on
        training = train_ours(Path(path), int(epochs), whole_recipe=flags.recipe)
        print(json.dumps(training._asdict()))
    elif flags.speed:
        print(json.dumps(speed(flags.speed)))
    else:
        Console(width=120).print(table(measure(flags.epochs, flags.images, flags.only)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
