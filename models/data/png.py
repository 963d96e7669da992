"""PNG images with zlib and NumPy: written as they are, and grey ones read by the thousand."""

import struct
import zlib
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int16, UInt8

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY_8_BIT = (8, 0, 0, 0, 0)  # depth, colour type, compression, filter method, interlacing
_RGB_8_BIT = (8, 2, 0, 0, 0)


class PNGError(ValueError):
    """Bytes are not the kind of PNG that is read here."""


def encode(
    image: UInt8[np.ndarray, "height width"] | UInt8[np.ndarray, "height width 3"], level: int = 9
) -> bytes:
    """Write one grey or coloured image, unfiltered: drawn pictures gain nothing by filters.

    Args:
        image: 0 to 255.
        level: Of compression: 1 is fast, 9 small.
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


def decode(encoded: Sequence[bytes]) -> UInt8[np.ndarray, "batch height width"]:
    """Read grey images of 8 bits a pixel that all have the size of the first.

    Raises:
        PNGError: One is of another kind or size, or damaged.

    References:
        Portable Network Graphics (PNG) Specification (Second Edition), ISO/IEC 15948, section 9.
    """
    height, width = struct.unpack(">II", encoded[0][16:24])[::-1]
    filtered = b"".join(_filtered_rows(image, height, width) for image in encoded)
    rows = np.frombuffer(filtered, np.uint8).reshape(len(encoded), height, 1 + width)
    return _unfilter(rows)


def _chunk(kind: bytes, content: bytes) -> bytes:
    """Frame a chunk: its length, kind, content and checksum."""
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def _filtered_rows(encoded: bytes, height: int, width: int) -> bytes:
    """Return the rows of one image as they are stored: a filter number, then the pixels."""
    header = _SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, *_GREY_8_BIT))
    if not encoded.startswith(header):
        msg = f"not a grey {width}x{height} PNG of 8 bits without interlacing"
        raise PNGError(msg)
    packed, start = b"", len(header)
    try:
        while start < len(encoded):
            (length,) = struct.unpack_from(">I", encoded, start)
            if encoded[start + 4 : start + 8] == b"IDAT":
                packed += encoded[start + 8 : start + 8 + length]
            start += 12 + length
        rows = zlib.decompress(packed)
    except (struct.error, zlib.error) as error:
        msg = "a PNG is damaged"
        raise PNGError(msg) from error
    if len(rows) != height * (1 + width):
        msg = f"a PNG has {len(rows)} bytes of rows, not {height * (1 + width)}"
        raise PNGError(msg)
    return rows


def _unfilter(
    rows: UInt8[np.ndarray, "batch height stored"],
) -> UInt8[np.ndarray, "batch height width"]:
    """Undo the filters: each pixel was stored as its difference from what its neighbours foretell.

    A pixel needs those to its left and above, so the loops go over pixels and each step is done for
    all images at once.
    """
    if rows[:, :, 0].max() > 4:  # noqa: PLR2004 - the standard has five filters
        msg = "a PNG uses a filter that the standard does not have"
        raise PNGError(msg)
    batch, height, stored = rows.shape
    filters, pixels = rows[:, :, 0].T, np.ascontiguousarray(rows[:, :, 1:].transpose(1, 2, 0))
    field = np.zeros((height + 1, stored, batch), np.int16)  # one row and column of zeros around
    for y in range(height):
        for x in range(stored - 1):
            left, above, corner = field[y + 1, x], field[y, x + 1], field[y, x]
            guesses = (np.int16(0), left, above, (left + above) // 2, _paeth(left, above, corner))
            guess = np.choose(filters[y], guesses)
            field[y + 1, x + 1] = (pixels[y, x] + guess) & 0xFF
    return np.ascontiguousarray(field[1:, 1:].transpose(2, 0, 1).astype(np.uint8))


def _paeth(
    left: Int16[np.ndarray, " batch"],
    above: Int16[np.ndarray, " batch"],
    corner: Int16[np.ndarray, " batch"],
) -> Int16[np.ndarray, " batch"]:
    """Choose the neighbour nearest to left + above - corner; ties go left, then above."""
    to_left, to_above = np.abs(above - corner), np.abs(left - corner)
    to_corner = np.abs(left + above - 2 * corner)
    nearest_upper = np.where(to_above <= to_corner, above, corner)
    return np.where((to_left <= to_above) & (to_left <= to_corner), left, nearest_upper)
