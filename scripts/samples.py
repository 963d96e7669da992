"""Select the sample images that the server offers: `python -m scripts.samples`."""

from pathlib import Path

import numpy as np

from models.data.datasets import Digits, mnist
from models.runtime import checkpoints
from models.runtime.checkpoints import Tensors

EACH = 20
TEST_COPY = Path("tests/tensorflow_datasets")
SAMPLES = Path("models/data/samples.safetensors")


def choose(digits: Digits, train: Digits) -> Tensors:
    """Select the sample images: the first 20 test images of each digit, in data set order.

    Returns:
        `images`, their `labels`, their `indices` in the data set, and `mean`, the mean of the
        training images.
    """
    firsts = [np.flatnonzero(digits.labels == label)[:EACH] for label in range(10)]
    indices = np.sort(np.concatenate(firsts))
    return {
        "images": digits.images[indices],
        "labels": digits.labels[indices].astype(np.int32),
        "indices": indices.astype(np.int32),
        "mean": (train.images.mean(axis=0) / 255.0).astype(np.float32),
    }


def main() -> None:
    """Write the sample images from the repository's copy of the MNIST test split."""
    data = "MNIST test split; Yann LeCun, Corinna Cortes, Christopher J.C. Burges; CC BY-SA 3.0"
    checkpoints.save(SAMPLES, choose(mnist("test", TEST_COPY), mnist("train")), {"data": data})


if __name__ == "__main__":
    main()
