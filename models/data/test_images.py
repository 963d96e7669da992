"""Images of the MNIST test set inside a record: only those that it speaks of, packed."""

import lzma
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Int, Integer, UInt8

from models.architecture import HEIGHT, WIDTH
from models.runtime.checkpoints import Tensors

_FILTERS = ({"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME},)
"""Of what was tried (zlib, bzip2, pixel by pixel, differences), this packs them smallest."""


NAMES = ("images", "images.label", "images.index")
"""The tensors of a record that hold its images."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """Some test images.

    Attributes:
        images: 0 is ground, 255 is full ink.
        labels: The digit that each shows.
        indices: The place of each in the test set, ascending.
    """

    images: UInt8[np.ndarray, "images 28 28"]
    labels: Int[np.ndarray, " images"]
    indices: Int[np.ndarray, " images"]

    def places(self, indices: Int[np.ndarray, " some"]) -> Int[np.ndarray, " some"]:
        """Return where these test images stand among those that are held."""
        return np.asarray(np.searchsorted(self.indices, indices))


def packed(
    images: UInt8[np.ndarray, "all 28 28"],
    labels: UInt8[np.ndarray, " all"],
    indices: Integer[np.ndarray, " some"],
) -> Tensors:
    """Choose test images, pack them without loss, and name the tensors that hold them."""
    chosen = np.unique(indices)
    content = lzma.compress(images[chosen].tobytes(), lzma.FORMAT_XZ, filters=_FILTERS)
    return {
        "images": np.frombuffer(content, np.uint8),
        "images.label": labels[chosen],
        "images.index": chosen.astype(np.uint16),
    }


def unpacked(tensors: Mapping[str, np.ndarray]) -> Pictures:
    """Read the images of a record; unpacking is done once."""
    return _unpacked(*(tensors[name].tobytes() for name in NAMES))


@lru_cache(maxsize=4)
def _unpacked(images: bytes, labels: bytes, indices: bytes) -> Pictures:
    pixels = np.frombuffer(lzma.decompress(images), np.uint8)
    return Pictures(
        pixels.reshape(-1, HEIGHT, WIDTH),
        np.frombuffer(labels, np.uint8).astype(np.int32),
        np.frombuffer(indices, np.uint16).astype(np.int32),
    )
