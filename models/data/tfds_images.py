"""Labelled images of a data set of TensorFlow Datasets (TFDS)."""

from typing import Any

import numpy as np

from models.data.datasets import DatasetError
from models.printable import printable, printable_reason


def read_tfds_images(name: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Read a split of a TensorFlow data set: images of one size, stacked, and their labels.

    Raises:
        DatasetError: It cannot be read, is empty, has no images with whole numbers as labels, or
            images of several sizes.
    """
    import tensorflow_datasets as tfds  # noqa: PLC0415 - a second or more, and optional

    title = f"the TensorFlow data set '{printable(name)}'"
    try:
        found = [
            (one.get("image"), one.get("label")) for one in tfds.data_source(name, split=split)
        ]
    # TFDS raises errors of many kinds where a data set is unknown, not prepared or not reachable.
    except Exception as error:
        msg = f"{title} cannot be read: {printable_reason(error)}"
        raise DatasetError(msg) from error
    if not found:
        msg = f"the split {split} of {title} is empty"
        raise DatasetError(msg)
    images, labels = zip(*found, strict=True)
    if not all(map(_is_image, images)) or not all(map(_is_label, labels)):
        msg = f"{title} has no images with one whole number each as their label"
        raise DatasetError(msg)
    if other := [one for one in images if one.shape != images[0].shape]:
        first, second = (" x ".join(map(str, one.shape)) for one in (images[0], other[0]))
        msg = f"{title} has images of several sizes, such as {first} and {second}: scale them first"
        raise DatasetError(msg)
    return np.stack(images), np.array(labels)


def _is_image(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim > 1


def _is_label(value: Any) -> bool:
    return not np.ndim(value) and np.asarray(value).dtype.kind in "iu"
