"""Digits: MNIST images that pictures are drawn of, from the data set or from a small file."""

from pathlib import Path

import numpy as np

from models.data import datasets
from models.data.datasets import Digits
from tests.pictures.pen import is_whole

FIXTURE = Path(__file__).parents[1] / "data" / "held-out-digits.npz"
"""200 MNIST training images, 20 of each digit, from those held out of training the CNN."""

TEST_COPY = Path(__file__).parents[1] / "tensorflow_datasets"
HELD_OUT = 5_000  # last images of the training set, which the CNN was not trained on

UNREADABLE = (
    *(191, 1747, 1752, 1963, 2012, 2272, 2311, 2431, 2594, 2709, 2869),
    *(2891, 3038, 3093, 3322, 3517, 3867, 4552, 4647, 4722, 4845),
)
"""Held-out images whose thinned line a person reads as another digit, or as none."""


def load(source: str) -> Digits:
    """Read the digits that pictures are drawn of; only those whose line is whole.

    Args:
        source: "fixture", the small file; "train", the training images that are held out of
            training; or "test", all test images.
    """
    if source == "fixture":
        with np.load(FIXTURE) as kept:
            return Digits(kept["images"], kept["labels"])
    if source == "train":
        images, labels = (part[-HELD_OUT:] for part in datasets.mnist("train"))
        images, labels = np.delete(images, UNREADABLE, 0), np.delete(labels, UNREADABLE)
    else:
        images, labels = datasets.mnist("test", TEST_COPY)
    whole = [is_whole(image, int(label)) for image, label in zip(images, labels, strict=True)]
    return Digits(images[whole], labels[whole])


def one_of(digits: Digits, label: int, random: np.random.Generator) -> np.ndarray:
    """Return a random image of a digit."""
    return digits.images[random.choice(np.flatnonzero(digits.labels == label))]
