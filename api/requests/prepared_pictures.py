"""Prepared pictures: small image files that were sent lately, as networks read them.

A page sends one drawing to many routes, each of which would decode and prepare it anew.
"""

import threading
from collections import OrderedDict
from hashlib import blake2b
from typing import Final, NamedTuple

import numpy as np

from api.requests.picture_preparation import NetworkImage
from models.declaration.declaration import ImageSpec

LEAST_FILE_BYTES: Final = 1024
"""Least bytes of a kept picture's file: a smaller one is decoded in less time than it is found."""

MOST_FILE_BYTES: Final = 65_536
"""Most bytes of a kept picture's file, of which a digest takes 0.1 ms: drawings, not photos."""

MAX_KEPT_BYTES: Final = 2 * 2**20
"""Most bytes of all kept pictures, as networks read them: some 500 drawings for the CNN."""

RECORD_BYTES: Final = 2048
"""Bytes of a kept picture besides its pixels and its row: the record of its preparation."""


class PictureKey(NamedTuple):
    """Key of a prepared picture: the digest of its file, and everything that its row depends on."""

    digest: bytes
    spec: ImageSpec
    preprocess: str


def key_of(content: bytes, spec: ImageSpec, preprocess: str) -> PictureKey | None:
    """Return the key of a picture; None for a file that is not kept."""
    if not LEAST_FILE_BYTES <= len(content) <= MOST_FILE_BYTES:
        return None
    return PictureKey(blake2b(content, digest_size=16).digest(), spec, preprocess)


class PreparedPictures:
    """Prepared pictures of the last requests; the one unused for longest is evicted first.

    Any thread may use it.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[PictureKey, NetworkImage] = OrderedDict()
        self._nbytes = 0
        self._lock = threading.Lock()

    def get(self, key: PictureKey) -> NetworkImage | None:
        """Return a prepared picture; None where it is not kept."""
        with self._lock:
            if (found := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
            return found

    def add(self, key: PictureKey, image: NetworkImage) -> None:
        """Keep a prepared picture, whose arrays cannot be changed from now on."""
        for array in _arrays(image):
            array.flags.writeable = False
        with self._lock:
            if key in self._kept:
                return
            self._kept[key] = image
            self._nbytes += _nbytes(image)
            while self._nbytes > MAX_KEPT_BYTES:
                _, oldest = self._kept.popitem(last=False)
                self._nbytes -= _nbytes(oldest)


def _arrays(image: NetworkImage) -> tuple[np.ndarray, np.ndarray]:
    return image.row, image.echo["pixels"]


def _nbytes(image: NetworkImage) -> int:
    return RECORD_BYTES + sum(array.nbytes for array in _arrays(image))


PREPARED: Final = PreparedPictures()
"""Prepared pictures of this process: they depend on nothing but their keys."""
