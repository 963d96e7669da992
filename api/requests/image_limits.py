"""Limits of the images that are decoded: coded bytes, pixels, sides and parts of a file.

The comments have the peak of memory while the largest image is decoded, in addition to its coded
bytes; two are decoded at a time.
"""

import struct
from math import isqrt
from typing import NamedTuple

from api.errors.problem import Problem, body_problem

MAX_ENCODED_BYTES = 25_165_824  # 24 MiB; a photo of 48 megapixels has 5 to 20
MAX_PLANE_PIXELS = 1_500_000  # of decoded planes: a larger image is reduced to fit
MAX_JPEG_PIXELS = 65_000_000  # decoded row by row, at 1/8 of the size: 20 MiB, 0.1 s
MAX_SCANS_PIXELS = 25_000_000  # of a JPEG in several scans, kept until the last: 150 MiB
MAX_PNG_PIXELS = 20_000_000  # kept whole, with 4 bytes for colours: 100 MiB
MAX_SIDE = 20_000  # pixels; a phone's panorama has 16,000
MAX_ASPECT = 100  # longer side over shorter; beyond it a 20-pixel digit vanishes
MAX_SCANS = 64  # each scan of a JPEG costs a pass over all pixels; cameras write about 10
MAX_SCANNED_PIXELS = 270_000_000  # pixels times scans
MAX_SEGMENTS = 4096  # of a JPEG; 24 MiB in the usual 64 KiB pieces make 384
MAX_CHUNKS = 16_384  # of a PNG; 24 MiB in the usual 8 KiB pieces make 3,072

PNG = b"\x89PNG\r\n\x1a\n"
ONLY_READ = "only PNG and JPEG are read here"
CONVERT = (
    "convert it to one of them, as this server's page does with every picture that the browser "
    "shows"
)
UNDECODABLE = "The image cannot be decoded: it is cut short, corrupt or of an unknown kind."


def invalid(detail: str) -> Problem:
    """Return the problem of an image that is not decoded, to raise."""
    return body_problem("invalid-image", detail)


class Kind(NamedTuple):
    """Kind of image file, whose number of pixels has a limit of its own.

    Attributes:
        name: For a sentence, with its article.
        most: Pixels that it may have.
        way_out: What to do with a larger one, besides sending it smaller.
    """

    name: str
    most: int
    way_out: str = ""


PNG_FILE = Kind("a PNG", MAX_PNG_PIXELS, ", or as a JPEG")
JPEG_FILE = Kind("a JPEG", MAX_JPEG_PIXELS)
SCANS_FILE = Kind(
    "a JPEG in several scans", MAX_SCANS_PIXELS, ", or as a JPEG that is not progressive"
)


def png_size(encoded: bytes) -> tuple[int, int] | None:
    """Return width and height from the header of an encoded PNG image; None where it has none."""
    if not encoded.startswith(PNG) or encoded[12:16] != b"IHDR" or len(encoded) < 24:  # noqa: PLR2004
        return None
    return struct.unpack_from(">II", encoded, 16)


def size_fault(width: int, height: int, kind: Kind = PNG_FILE) -> str | None:
    """Return why an image of this size is not decoded, as a sentence; None within the limits."""
    size = f"The image is {width} x {height} pixels"
    if min(width, height) < 1:
        return "The image has no pixels: its width or height is 0."
    if max(width, height) > MAX_SIDE:
        return f"{size}; a side may have at most {MAX_SIDE}: send it smaller."
    if width * height > kind.most:
        return (
            f"{size}; {kind.name} may have at most {kind.most // 1_000_000} megapixels: "
            f"send it at most {_width_within(kind.most, width, height)} pixels wide{kind.way_out}."
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        most = f"the longer side may be at most {MAX_ASPECT} times the shorter"
        return f"{size}; {most}: crop it to the digit."
    return None


def _width_within(most: int, width: int, height: int) -> int:
    """Return the width, in full hundreds, at which an image has at most `most` pixels."""
    exact = isqrt(most * width // height)
    return exact - exact % 100


def check_size(width: int, height: int, kind: Kind) -> None:
    """Raise the problem of an image that is too large, too long or has no pixels."""
    if (fault := size_fault(width, height, kind)) is not None:
        raise invalid(fault)
