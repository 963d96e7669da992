"""Pictures made by hand, byte by byte where need be."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from api.errors.problem import Problem
from api.requests.image_decoding import decode
from api.requests.image_limits import PNG

SQUARE = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4


def chunk(kind: bytes, data: bytes) -> bytes:
    """Write one PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width: int, height: int, depth: int = 8, colour: int = 0) -> bytes:
    """Write a PNG's first chunk."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def png(grey: np.ndarray, *chunks: bytes) -> bytes:
    """Write a grey PNG, with more chunks before its pixels."""
    rows = b"".join(b"\0" + row.tobytes() for row in grey)
    head = PNG + header(grey.shape[1], grey.shape[0])
    return head + b"".join(chunks) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def blank(width: int, height: int) -> bytes:
    """Write a black 1-bit PNG: few bytes, any size."""
    rows = zlib.compress(bytes((width + 7) // 8 + 1) * height, 9)
    return PNG + header(width, height, 1) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def encoded(image: Image.Image, image_format: str = "PNG", **options: object) -> bytes:
    """Let Pillow write a picture."""
    buffer = BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def jpeg(**options: object) -> bytes:
    """Write a grey JPEG of 32x32 pixels."""
    return encoded(Image.fromarray(np.kron(SQUARE, np.ones((4, 4), np.uint8))), "JPEG", **options)


def problem_of(content: bytes) -> str:
    """Return the text with which an image is rejected as such."""
    with pytest.raises(Problem) as caught:
        decode(content)
    assert caught.value.kind == "invalid-image"
    assert caught.value.reasons[0].location == ("body",)
    assert caught.value.reasons[0].reason == caught.value.detail
    return caught.value.detail
