"""MNIST builder for TensorFlow Datasets that needs no TensorFlow."""

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
    """TFDS builder of MNIST with the two steps replaced that use TensorFlow.

    These are unpacking the files and encoding PNG. `tfds.data_source("mnist")` reads the result as
    any other copy; files, checksums and features are those of TFDS.
    """

    name = "mnist"
    # Checksums of TFDS, whose own loader needs a package that it does not depend on.
    url_infos = load_url_infos(tfds_path("url_checksums/mnist.txt"))

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        """MNIST builder: download the four files unextracted; TFDS extracts by TensorFlow."""
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
        """MNIST builder: yield images with labels; TFDS orders them by a hash of their number."""
        pairs = zip(read_idx(images), read_idx(labels), strict=True)
        for index, (image, label) in enumerate(pairs):
            # The image feature stores the bytes of a file object, but encodes arrays by TensorFlow.
            yield index, {"image": io.BytesIO(png.encode(image)), "label": int(label)}


def read_idx(path: Path) -> UInt8[np.ndarray, "batch *pixels"]:
    """Read a gzip-compressed IDX file of MNIST images or labels for the builder.

    Raises:
        ValueError: The file is no IDX file of bytes, or its length contradicts its header.
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
