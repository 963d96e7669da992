"""PNG encoder of the server by ISA-L and NumPy: unfiltered rows, no metadata."""

import struct

import numpy as np
from isal import isal_zlib
from jaxtyping import UInt8

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY_8_BIT = (8, 0, 0, 0, 0)  # depth, colour type, compression, filter method, interlacing
_RGB_8_BIT = (8, 2, 0, 0, 0)


LEVEL = 1
"""Level of ISA-L: its pictures take a tenth of the time of level 3 of zlib, and 11 % more bytes."""


def encode(
    image: UInt8[np.ndarray, "height width"] | UInt8[np.ndarray, "height width 3"],
) -> bytes:
    """Encode one grey or RGB image as PNG on the server, with filter 0 in every row.

    Figures have large areas of one colour, which PNG's other filters do not make smaller.

    Args:
        image: Intensities from 0 to 255.

    References:
        Portable Network Graphics (PNG) Specification (Second Edition), ISO/IEC 15948.
    """
    height, width = image.shape[:2]
    rows = np.zeros((height, 1 + image[0].size), np.uint8)
    rows[:, 1:] = image.reshape(height, -1)
    kind = _GREY_8_BIT if image.ndim == 2 else _RGB_8_BIT  # noqa: PLR2004 - without colours
    return b"".join(
        [
            _SIGNATURE,
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, *kind)),
            _chunk(b"IDAT", isal_zlib.compress(rows.data, LEVEL)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of the server's PNG encoder: length, type, content and checksum."""
    check = isal_zlib.crc32(content, isal_zlib.crc32(kind))
    return b"".join([struct.pack(">I", len(content)), kind, content, struct.pack(">I", check)])
