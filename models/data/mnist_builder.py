"""The `mnist` builder of TensorFlow Datasets without TensorFlow: same files, same checksums."""

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import UInt8
from tensorflow_datasets.core.download.checksums import load_url_infos
from tensorflow_datasets.core.utils.resource_utils import tfds_path
from tensorflow_datasets.image_classification.mnist import MNIST

from models.data import png

_LABELS_MAGIC, _IMAGES_MAGIC = 2049, 2051


class PlainMNIST(MNIST, skip_registration=True):  # type: ignore[misc, call-arg, unused-ignore]
    """Prepares what the builder that it extends prepares, byte order and features included.

    Only the two steps that use TensorFlow are replaced: unpacking the files, and writing PNG. What
    comes out is read by `tfds.data_source("mnist")` like any other copy.
    """

    name = "mnist"
    # The checksums of TFDS; its own way to them needs a package that it does not ask for.
    url_infos = load_url_infos(tfds_path("url_checksums/mnist.txt"))

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        """Fetch the four files; they stay packed, because TFDS unpacks by TensorFlow."""
        names = {"train": "train", "test": "t10k"}
        addresses = {
            split: {
                "images": f"{self.URL}{stem}-images-idx3-ubyte.gz",
                "labels": f"{self.URL}{stem}-labels-idx1-ubyte.gz",
            }
            for split, stem in names.items()
        }
        paths = dl_manager.download(addresses)
        return {split: self._generate_examples(**paths[split]) for split in names}

    def _generate_examples(
        self, images: Path, labels: Path
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the examples; TFDS orders them by a hash of their number."""
        pairs = zip(read_idx(images), read_idx(labels), strict=True)
        for index, (image, label) in enumerate(pairs):
            # The image feature stores what a file object holds as it is, and would encode an array
            # by TensorFlow.
            yield index, {"image": io.BytesIO(png.encode(image)), "label": int(label)}


def read_idx(path: Path) -> UInt8[np.ndarray, "batch *pixels"]:
    """Read a packed IDX file of images or labels.

    Raises:
        ValueError: The file is not one of these, or shorter or longer than it says.
    """
    content = gzip.decompress(Path(path).read_bytes())
    magic = int.from_bytes(content[:4])
    if magic not in (_LABELS_MAGIC, _IMAGES_MAGIC):
        msg = f"{Path(path).name} is not an IDX file of bytes"
        raise ValueError(msg)
    axes = magic % 256  # the last byte of the magic number counts the axes
    shape = np.frombuffer(content, ">u4", count=axes, offset=4)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * axes)
    if values.size != shape.prod():
        msg = f"{Path(path).name} has {values.size} values, its header says {shape.prod()}"
        raise ValueError(msg)
    return values.reshape(shape)
