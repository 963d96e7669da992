"""Labelled images of TensorFlow Datasets: read, and a sentence for each data set that is not."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds

from models.data.datasets import DatasetError
from models.data.examples import read_examples
from models.data.tfds_images import read_tfds_images
from scripts.activations.inputs import InputOptions, read_inputs
from tests.networks import COLOURS

Holding = Callable[[Sequence[Any] | Exception], None]


def example(label: Any = 0, *size: int) -> dict[str, Any]:
    """An image of the network's size, or another one, with its label."""
    return {"image": np.zeros(size or (4, 6, 3), np.uint8), "label": label}


@pytest.fixture
def holding(monkeypatch: pytest.MonkeyPatch) -> Holding:
    """Function that puts examples in the place of every data set, or an exception."""

    def hold(content: Sequence[Any] | Exception) -> None:
        def source(_name: str, split: str) -> Sequence[Any]:
            assert split in {"train", "test"}
            if isinstance(content, Exception):
                raise content
            return content

        monkeypatch.setattr(tfds, "data_source", source)

    return hold


def test_images_and_labels_are_stacked(holding: Holding) -> None:
    """Both users of a split have its images and labels."""
    holding([example(2), example(np.int64(1))])

    images, labels = read_tfds_images("some", "train")

    assert (images.shape, labels.tolist()) == ((2, 4, 6, 3), [2, 1])
    assert read_examples("some", COLOURS).labels.tolist() == [2, 1]
    found = read_inputs(InputOptions("some:test"), COLOURS).labels
    assert found is not None
    assert found.tolist() == [2, 1]


FAULTS = {
    "sizes": (
        [example(0, 4, 6, 3), example(1, 4, 6, 3), example(1, 5, 7, 3)],
        "'some' has images of several sizes, such as 4 x 6 x 3 and 5 x 7 x 3",
    ),
    "empty": ([], "the split train of the TensorFlow data set 'some' is empty"),
    "no image": ([{"text": b"a", "label": 0}], "has no images with one whole number each"),
    "no label": ([{"image": example()["image"]}], "has no images with one whole number each"),
    "labels": ([example([0, 1]), example([1])], "has no images with one whole number each"),
    "text": ([example(b"cat")], "has no images with one whole number each"),
    "no message": (OSError(), "'some' cannot be read: OSError$"),
    "lines": (ValueError("\n first\nsecond"), "'some' cannot be read: first$"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_data_set_that_does_not_fit_is_named(fault: str, holding: Holding) -> None:
    """Training and scripts.activations have the sentence of the fault."""
    content, words = FAULTS[fault]
    holding(content)

    with pytest.raises(DatasetError, match=words):
        read_examples("some", COLOURS)
    with pytest.raises(DatasetError, match=words):
        read_inputs(InputOptions("some:train"), COLOURS)
