"""MNIST test images inside an artifact: the selected ones, compressed."""

import lzma
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Int, Integer, UInt8

from models.data.mnist import HEIGHT, WIDTH
from models.runtime.checkpoints import CheckpointError, Tensors

_FILTERS = ({"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME},)
"""LZMA filters for the test images of an artifact.

Their result is the smallest among zlib, bzip2, and LZMA with and without differences.
"""

_MOST_MEMORY = 2**27
"""Bytes that the decompression of an artifact's images may take: its preset's dictionary is 64 MiB.
"""

NAMES = ("images", "images.label", "images.index")
"""Names of the tensors of an artifact that hold its test images."""


@dataclass(frozen=True, eq=False)
class SelectedImages:
    """Selection of MNIST test images that an artifact holds.

    Attributes:
        images: Intensities from 0 (background) to 255 (full ink).
        labels: Digit of each image.
        indices: Index of each image in the test set, ascending.
    """

    images: UInt8[np.ndarray, "images 28 28"]
    labels: Int[np.ndarray, " images"]
    indices: Int[np.ndarray, " images"]

    def positions(self, indices: Int[np.ndarray, " some"]) -> Int[np.ndarray, " some"]:
        """Return the positions of test images, given by index, in an artifact's selection."""
        return np.asarray(np.searchsorted(self.indices, indices))


def pack(
    images: UInt8[np.ndarray, "all 28 28"],
    labels: UInt8[np.ndarray, " all"],
    indices: Integer[np.ndarray, " some"],
) -> Tensors:
    """Compress the selected MNIST test images of an artifact without loss into named tensors."""
    chosen = np.unique(indices)
    # All images in one stream: strokes repeat from image to image.
    content = lzma.compress(images[chosen].tobytes(), lzma.FORMAT_XZ, filters=_FILTERS)
    return {
        "images": np.frombuffer(content, np.uint8),
        "images.label": labels[chosen],
        "images.index": chosen.astype(np.uint16),
    }


def unpack(tensors: Mapping[str, np.ndarray]) -> SelectedImages:
    """Decompress the MNIST test images of an artifact; the result is cached.

    Raises:
        CheckpointError: The images are damaged, or others than the labels say.
    """
    return _unpack(*(tensors[name].tobytes() for name in NAMES))


# Keyed by content, so that artifacts with equal images share them.
@lru_cache(maxsize=4)
def _unpack(images: bytes, labels: bytes, indices: bytes) -> SelectedImages:
    pixels = np.frombuffer(_decompressed(images, len(labels) * HEIGHT * WIDTH), np.uint8)
    return SelectedImages(
        pixels.reshape(-1, HEIGHT, WIDTH),
        np.frombuffer(labels, np.uint8).astype(np.int32),
        np.frombuffer(indices, np.uint16).astype(np.int32),
    )


def _decompressed(content: bytes, size: int) -> bytes:
    """Decompress the images of an artifact: as many bytes as its labels say, and no more.

    Raises:
        CheckpointError: They are damaged, or are more or fewer bytes.
    """
    try:
        # A record of other origin may be small and decompress to any size.
        decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, _MOST_MEMORY)
        pixels = decompressor.decompress(content, size + 1)
    except (lzma.LZMAError, MemoryError, EOFError) as error:
        msg = "tensor images is not compressed by LZMA"
        raise CheckpointError(msg) from error
    if len(pixels) != size or not decompressor.eof or decompressor.unused_data:
        msg = f"tensor images must have {size:,} bytes of images, {HEIGHT * WIDTH} for each label"
        raise CheckpointError(msg)
    return pixels
