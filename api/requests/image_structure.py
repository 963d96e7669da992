"""Structure of PNG and JPEG files: chunks and segments, checked before anything is decoded."""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from api.requests.image_limits import (
    MAX_CHUNKS,
    MAX_SCANS,
    MAX_SEGMENTS,
    PNG,
    UNDECODABLE,
    invalid,
)

CHECKSUM = struct.Struct(">I")  # of a PNG's chunk: CRC-32 of its kind and data
CHUNK_HEAD = 8  # bytes of a PNG's chunk before its data: length and kind

# A marker that opens a segment: not a stuffed zero, not a restart, not TEM or fill.
SEGMENT_MARKER = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])")
START_OF_SCAN, END_OF_IMAGE, SECOND_START = 0xDA, 0xD9, 0xD8
# Frames whose scans are decoded row by row: baseline, extended, and extended in arithmetic coding.
SEQUENTIAL = {0xC0, 0xC1, 0xC9}
FRAME = struct.Struct(">3xHHB")  # length and precision, then height, width and components
STARTS_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


def pixel_chunks(encoded: bytes) -> list[bytes]:
    """Return the chunks of an encoded PNG image that decoding its pixels needs.

    Text and profiles are dropped unread: compressed text is not inflated.

    Raises:
        Problem: The file is cut or animated, or a checksum is wrong.
    """
    kept, view = [], memoryview(encoded)
    for kind, start, end in _chunks(encoded):
        if kind == b"acTL" and encoded[start : start + 4] != b"\0\0\0\1":
            raise invalid("The PNG is animated; only images of one frame are read.")
        # An upper-case first letter marks a critical chunk, which no decoder may skip.
        if kind[:1].isupper() or kind in {b"tRNS", b"eXIf"}:
            # The decoder does not check that of the pixels.
            if zlib.crc32(view[start - 4 : end - 4]) != CHECKSUM.unpack_from(encoded, end - 4)[0]:
                raise invalid(UNDECODABLE)
            kept.append(encoded[start - CHUNK_HEAD : end])
    return kept


def _chunks(encoded: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start of data and end of checksum of each chunk of an encoded PNG image.

    Raises:
        Problem: The file ends before its last chunk, or has too many.
    """
    position = len(PNG)
    for _ in range(MAX_CHUNKS):
        if position + 12 > len(encoded):
            raise invalid(UNDECODABLE)
        size, kind = struct.unpack_from(">I4s", encoded, position)
        end = position + 12 + size
        if end > len(encoded):
            raise invalid(UNDECODABLE)
        yield kind, position + 8, end
        if kind == b"IEND":
            return
        position = end
    raise invalid(f"The PNG has more than {MAX_CHUNKS} chunks.")


class JpegFrame(NamedTuple):
    """Frame of a JPEG image: its size and its scans, each of which is a pass over all pixels.

    Attributes:
        size: Width and height.
        scans: Number of scans; 1 for most cameras.
        kept: Whether the decoder keeps all coefficients until the last scan: those of a progressive
            image, or of one with a scan for each colour.
    """

    size: tuple[int, int]
    scans: int
    kept: bool


def check_segments(encoded: bytes) -> JpegFrame:
    """Read the frame of a JPEG image, and count its scans and segments.

    Raises:
        Problem: It has no frame, or more scans or segments than are read.
    """
    frame, scans, kept = None, 0, False
    for count, (marker, start) in enumerate(_segments(encoded), 1):
        if count > MAX_SEGMENTS:
            raise invalid(f"The JPEG has more than {MAX_SEGMENTS} segments.")
        if marker in STARTS_OF_FRAME and frame is None and start + FRAME.size <= len(encoded):
            frame = FRAME.unpack_from(encoded, start)
            kept = marker not in SEQUENTIAL
        elif marker == START_OF_SCAN:
            scans += 1
            # A sequential scan of some components is kept for the scans of the others.
            kept |= frame is not None and encoded[start + 2 : start + 3] < bytes([frame[2]])
        if scans > MAX_SCANS:
            raise invalid(f"The JPEG has more than {MAX_SCANS} scans.")
    if frame is None:
        raise invalid(UNDECODABLE)
    height, width, _ = frame
    return JpegFrame((width, height), scans, kept or scans > 1)


def _segments(encoded: bytes) -> Iterator[tuple[int, int]]:
    """Yield marker and start of data of each segment of a JPEG image.

    Markers are followed as a decoder follows them, so that bytes in a thumbnail, a profile or
    behind the end of the image do not count.
    """
    position = 2
    while (found := SEGMENT_MARKER.search(encoded, position)) is not None:
        marker, start = found[1][0], found.end()
        if marker in {END_OF_IMAGE, SECOND_START}:
            return
        yield marker, start
        position = start + max(int.from_bytes(encoded[start : start + 2]), 2)
