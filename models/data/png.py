"""PNG encoder of the server by zlib and NumPy: unfiltered rows, no metadata."""

import struct
import zlib

import numpy as np
from jaxtyping import UInt8

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY_8_BIT = (8, 0, 0, 0, 0)  # depth, colour type, compression, filter method, interlacing
_RGB_8_BIT = (8, 2, 0, 0, 0)


def encode(
    image: UInt8[np.ndarray, "height width"] | UInt8[np.ndarray, "height width 3"], level: int = 9
) -> bytes:
    """Encode one grey or RGB image as PNG on the server, with filter 0 in every row.

    Figures have large areas of one colour, which PNG's other filters do not make smaller.

    Args:
        image: Intensities from 0 to 255.
        level: Compression level of zlib, from 1 (fast) to 9 (small).

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
            _chunk(b"IDAT", zlib.compress(rows.data, level)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of the server's PNG encoder: length, type, content and checksum."""
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
