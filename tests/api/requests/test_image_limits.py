"""Bytes that are no picture, or too much of one: rejected before they cost anything."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from api.errors.problem import Problem
from api.requests.image_decoding import decode
from api.requests.image_limits import MAX_CHUNKS, MAX_SEGMENTS, PNG, UNDECODABLE
from tests.api.pictures_by_hand import SQUARE, blank, chunk, encoded, header, jpeg, png, problem_of


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (encoded(Image.new("L", (2, 2)), "GIF"), "a GIF"),
        (encoded(Image.new("RGB", (2, 2)), "WEBP"), "a WebP"),
        (encoded(Image.new("L", (2, 2)), "BMP"), "a BMP"),
        (encoded(Image.new("L", (2, 2)), "TIFF"), "a TIFF"),
        (b"MM\0*", "a TIFF"),
        (b"\0\0\0\x18ftypheic", "a HEIC"),
        (encoded(Image.new("L", (2, 2)), "AVIF"), "an AVIF"),
        (b"\0\0\0\x18ftypisom", "a video"),
        (b"8BPS", "a Photoshop file"),
        (b"%PDF-1.7", "a PDF"),
        (b"<svg/>", "an SVG"),
        (encoded(Image.new("L", (16, 16)), "ICO"), "an icon"),
        (b"\x93NUMPY\x01\x00", "a NumPy array"),
    ],
)
def test_other_formats_are_named(content: bytes, name: str) -> None:
    """The 415 of another image format names it and the way out: conversion, here by the page."""
    with pytest.raises(Problem) as caught:
        decode(content)

    assert caught.value.status == 415
    start = f"The image is {name}; only PNG and JPEG are read here: convert it to one of them"
    assert caught.value.detail.startswith(start)
    shown = name in {"a GIF", "a WebP", "a BMP", "a HEIC", "an AVIF", "an SVG", "an icon"}
    assert ("as this server's page does" in caught.value.detail) == shown


@pytest.mark.parametrize("content", [b"x", b"hello", PNG[:-1], b"\x89png", b"\xff\xd8", b"PK\3\4"])
def test_what_is_no_image_is_rejected(content: bytes) -> None:
    """Anything else is called neither."""
    start = f"The image is neither PNG nor JPEG: its {len(content)} bytes begin as neither does."
    assert problem_of(content).startswith(start)


def test_an_empty_image_is_rejected() -> None:
    """No bytes are named as such."""
    assert problem_of(b"") == "The image is empty: 0 bytes."


@pytest.mark.parametrize("content", [png(SQUARE), jpeg(), jpeg(progressive=True)])
def test_truncated_images_are_rejected(content: bytes) -> None:
    """Cut anywhere before its last bytes, an image is rejected with one fixed text."""
    for end in {*range(8, 40), *range(40, len(content) - 2, 29), len(content) - 2}:
        assert problem_of(content[:end]) == UNDECODABLE


def test_a_corrupt_image_is_rejected() -> None:
    """Pixels that do not inflate, a wrong checksum or a second start are fixed text too."""
    broken = PNG + header(8, 8) + chunk(b"IDAT", b"not deflated") + chunk(b"IEND", b"")
    checksum = bytearray(png(SQUARE))
    checksum[29] ^= 1

    assert problem_of(broken) == UNDECODABLE
    assert problem_of(bytes(checksum)) == UNDECODABLE
    assert problem_of(b"\xff\xd8" + jpeg()) == UNDECODABLE


@pytest.mark.parametrize(("width", "height"), [(1, 1), (20_000, 200), (200, 20_000), (5000, 4000)])
def test_sizes_at_the_limit_are_read(width: int, height: int) -> None:
    """The largest side, ratio and number of pixels are allowed."""
    assert decode(blank(width, height)).source_size == [width, height]


TOO_LARGE = [
    (
        20_001,
        201,
        "The image is 20001 x 201 pixels; a side may have at most 20000: send it smaller.",
    ),
    (
        6000,
        4500,
        (
            "The image is 6000 x 4500 pixels; a PNG may have at most 20 megapixels: "
            "send it at most 5100 pixels wide, or as a JPEG."
        ),
    ),
    (
        4501,
        4444,
        (
            "The image is 4501 x 4444 pixels; a PNG may have at most 20 megapixels: "
            "send it at most 4500 pixels wide, or as a JPEG."
        ),
    ),
    (
        81,
        8192,
        (
            "The image is 81 x 8192 pixels; the longer side may be at most 100 times the shorter: "
            "crop it to the digit."
        ),
    ),
]


@pytest.mark.parametrize(("width", "height", "text"), TOO_LARGE)
def test_sizes_past_the_limit_are_rejected_unread(
    width: int, height: int, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PNG over a limit is rejected by its header, with the limit and a size that is read."""
    loaded: list[object] = []
    monkeypatch.setattr(ImageFile.ImageFile, "load", loaded.append)

    assert problem_of(blank(width, height)) == text
    assert not loaded


def resized_header(content: bytes, width: int, height: int) -> bytes:
    """Write another size into the frame header of a JPEG."""
    start = next(at for mark in (b"\xff\xc0", b"\xff\xc2") if (at := content.find(mark)) > 0)
    return content[: start + 5] + struct.pack(">HH", height, width) + content[start + 9 :]


@pytest.mark.parametrize(
    ("progressive", "width", "height", "text"),
    [
        (
            False,
            12_000,
            9000,
            (
                "The image is 12000 x 9000 pixels; a JPEG may have at most 65 megapixels: "
                "send it at most 9300 pixels wide."
            ),
        ),
        (
            True,
            8000,
            6000,
            (
                "The image is 8000 x 6000 pixels; a JPEG in several scans may have at most "
                "25 megapixels: send it at most 5700 pixels wide, or as a JPEG that is "
                "not progressive."
            ),
        ),
    ],
)
def test_jpegs_past_the_limit_are_rejected_unread(
    progressive: bool, width: int, height: int, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A JPEG over its limit is rejected by its header; one of several scans has a lower limit."""
    loaded: list[object] = []
    monkeypatch.setattr(ImageFile.ImageFile, "load", loaded.append)

    assert problem_of(resized_header(jpeg(progressive=progressive), width, height)) == text
    assert not loaded


def test_pixels_times_scans_are_bounded() -> None:
    """A JPEG of few pixels and many scans, or of many pixels and few scans, is decoded."""
    content = resized_header(with_scans(60), 3000, 2000)

    assert problem_of(content) == (
        "The image is 3000 x 2000 pixels in 60 scans; pixels times scans may be at most "
        "270000000: send it smaller, or as a JPEG that is not progressive."
    )


def test_a_jpeg_with_two_frames_is_rejected() -> None:
    """A second frame header, of another size, cannot hide the size of the first."""
    content = jpeg()
    start = content.index(b"\xff\xc0")
    frame = content[start : start + 13]
    both = content[:start] + resized_header(frame.join([b"\0", b""]), 8, 8)[1:] + content[start:]

    assert problem_of(both) == UNDECODABLE


def test_pillow_has_the_limit_too() -> None:
    """The pixels of every image that Pillow opens in this process are bounded."""
    with pytest.raises(Image.DecompressionBombWarning):
        Image.open(BytesIO(blank(9000, 9000)))


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (0, 0)])
def test_no_pixels_are_rejected(size: tuple[int, int]) -> None:
    """A header with a side of 0 pixels is rejected."""
    assert problem_of(blank(*size)) in {
        "The image has no pixels: its width or height is 0.",
        UNDECODABLE,
    }


def with_scans(scans: int) -> bytes:
    """Write a JPEG that repeats its last scan."""
    content = jpeg(progressive=True)
    start = content.rindex(b"\xff\xda")
    return (
        content[:start] + content[start:-2] * (scans - content.count(b"\xff\xda") + 1) + b"\xff\xd9"
    )


def test_scans_are_counted_before_decoding() -> None:
    """64 scans are decoded, 65 are rejected, and so are thousands."""
    assert decode(with_scans(64)).size == [32, 32]
    for scans in (65, 5000):
        assert problem_of(with_scans(scans)) == "The JPEG has more than 64 scans."


def test_scans_of_thumbnails_and_of_what_follows_do_not_count() -> None:
    """A phone's photo has a thumbnail inside and sometimes a film behind it."""
    content = jpeg(exif=b"Exif\0\0" + b"\xff\xda" * 100)

    assert decode(content + b"\xff\xda\0\2" * 100).size == [32, 32]


def test_segments_are_counted() -> None:
    """A JPEG of a thousand comments is rejected by the number of its segments."""
    content = jpeg()
    comments = b"\xff\xfe\0\2" * (MAX_SEGMENTS + 1)

    assert (
        problem_of(content[:2] + comments + content[2:]) == "The JPEG has more than 4096 segments."
    )


def test_chunks_are_counted() -> None:
    """So is a PNG of thousands of chunks."""
    content = png(SQUARE, chunk(b"tEXt", b"") * (MAX_CHUNKS + 1))

    assert problem_of(content) == "The PNG has more than 16384 chunks."


@pytest.mark.parametrize(
    "text",
    [
        chunk(b"tEXt", b"prompt\0" + b"a digit, " * 100_000),
        chunk(b"iTXt", b"XML\0\0\0\0\0" + b"<x/>" * 100_000),
        chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(60_000_000), 9)),
        chunk(b"iTXt", b"a\0\1\0en\0a\0" + zlib.compress(bytes(60_000_000), 9)),
        chunk(b"zTXt", b"no text"),
        chunk(b"zTXt", b"a\0\0not deflated"),
        chunk(b"iTXt", b"a\0\1\0en"),
        chunk(b"iTXt", b""),
    ],
)
def test_other_text_is_ignored(text: bytes) -> None:
    """Plain, compressed and broken text of any length is dropped unread."""
    np.testing.assert_array_equal(decode(png(SQUARE, text)).grey, SQUARE)


def test_animated_pngs_are_rejected() -> None:
    """An animated PNG is rejected; one with a single frame is an image."""
    frames = [Image.new("L", (4, 4), level) for level in (0, 255)]
    moving = encoded(frames[0], save_all=True, append_images=frames[1:])

    assert problem_of(moving) == "The PNG is animated; only images of one frame are read."
    still = png(SQUARE, chunk(b"acTL", struct.pack(">II", 1, 0)))
    np.testing.assert_array_equal(decode(still).grey, SQUARE)


def status(content: bytes) -> int:
    """Return the status that an image leads to; any other exception passes through."""
    try:
        decode(content)
    except Problem as problem:
        return problem.status
    return 200


@settings(max_examples=150)
@given(st.sampled_from([b"", PNG, b"\xff\xd8\xff", PNG + header(8, 8)]), st.binary(max_size=200))
def test_random_bytes_break_nothing(start: bytes, content: bytes) -> None:
    """Random bytes after a known signature are decoded or raise a problem."""
    assert status(start + content) in {200, 415, 422}


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=200)
@given(st.data())
def test_mutated_images_break_nothing(data: st.DataObject) -> None:
    """Good pictures with bytes changed, cut out or put in are parsed or rejected."""
    seeds = [
        png(
            SQUARE,
            chunk(b"gAMA", b"\0\0\0\1"),
            chunk(b"iTXt", b"a\0\1\0en\0a\0" + zlib.compress(b"a text")),
        ),
        encoded(Image.new("P", (4, 4)), transparency=bytes([9])),
        jpeg(exif=b"Exif\0\0MM\0*\0\0\0\10\0\1\1\22\0\3\0\0\0\1\0\6\0\0\0\0\0\0"),
        jpeg(progressive=True),
        encoded(Image.new("CMYK", (8, 8)), "JPEG"),
    ]
    content = bytearray(data.draw(st.sampled_from(seeds)))
    for _ in range(data.draw(st.integers(1, 5))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(start + 6, len(content))))
        content[start:end] = data.draw(st.binary(max_size=6))
    assert status(bytes(content)) in {200, 415, 422}


@settings(max_examples=150)
@given(st.binary(min_size=13, max_size=13), st.binary(max_size=40), st.binary(max_size=60))
def test_pngs_with_good_checksums_break_nothing(head: bytes, palette: bytes, data: bytes) -> None:
    """Any header, palette and pixels that pass the checksums are parsed or rejected."""
    chunks = chunk(b"IHDR", head), chunk(b"PLTE", palette), chunk(b"IDAT", zlib.compress(data))
    assert status(PNG + b"".join(chunks) + chunk(b"IEND", b"")) in {200, 415, 422}
