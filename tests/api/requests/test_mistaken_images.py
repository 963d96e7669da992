"""Bytes that are sent as an image by mistake, each with its sentence, raw and in base64."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from api.requests.body import Body
from tests.api.bodies import DIGIT, PICTURE, base64_of, encoded, image_of, json_body, problem_of

AS_TEXT = (
    "The image was converted as text on its way, which loses bytes: read and send it as bytes."
)
JPEG = encoded(DIGIT, "JPEG")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (PICTURE.decode("utf-8", "replace").encode(), AS_TEXT),
        (PICTURE.decode("latin-1").encode(), AS_TEXT),
        (PICTURE.decode("ascii", "replace").encode("ascii", "replace"), AS_TEXT),
        (JPEG.decode("utf-8", "replace").encode(), AS_TEXT),
        (JPEG.decode("latin-1").encode(), AS_TEXT),
        (
            PICTURE.replace(b"\r", b"").replace(b"\n", b""),
            (
                "The image has lost line breaks on its way: send it as bytes, with curl by "
                "--data-binary or -F."
            ),
        ),
        (
            f"data:image/png;base64,{base64_of(PICTURE)}".encode(),
            (
                "The image is the text of a data URL: send it in JSON, as 'image', and send it "
                "with Content-Type: application/json."
            ),
        ),
        (
            base64_of(PICTURE).encode(),
            (
                "The image is base64 text, perhaps encoded twice: send its bytes, or encode them "
                "once in JSON."
            ),
        ),
        (
            base64_of(JPEG).encode(),
            (
                "The image is base64 text, perhaps encoded twice: send its bytes, or encode them "
                "once in JSON."
            ),
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="d"\r\n\r\n\r\n--x--',
            "The image is a form: its Content-Type must be multipart/form-data with its boundary.",
        ),
        (
            b'{"pixels": [[255]]}',
            "The image is JSON text: send it with Content-Type: application/json.",
        ),
        (
            b"<!DOCTYPE html><title>404",
            "The image is an HTML page, perhaps of an error.",
        ),
        (
            b"digit.png",
            (
                "The image is neither PNG nor JPEG: its 9 bytes begin as neither does. Send the "
                "content of the file, not its name, its address or its pixels."
            ),
        ),
    ],
    ids=range(13),
)
def test_the_fault_of_bytes_is_named(content: bytes, text: str) -> None:
    """The error for text or base64 in place of bytes, and for other bodies, names their form."""
    for body in (Body(content, "image/png", {}), json_body({"image": base64_of(content)})):
        assert problem_of(body) == ("invalid-image", text, ("body",))


@pytest.mark.parametrize("content", [PICTURE + b"\n", PICTURE + bytes(9), JPEG + b"\r\n"])
def test_bytes_behind_an_image_are_ignored(content: bytes) -> None:
    """A line break behind the end of the file changes nothing."""
    assert image_of(Body(content, "image/png", {})).echo is not None


def grey_16(levels: np.ndarray) -> bytes:
    """Write a 16-bit grey PNG."""
    file = BytesIO()
    Image.fromarray(levels.astype(np.uint16)).save(file, "PNG")
    return file.getvalue()


def colour_16(levels: np.ndarray, kind: int, bands: int) -> bytes:
    """Write a 16-bit PNG of a colour type, opaque where it has alpha; Pillow writes none."""
    pixels = np.repeat(levels[..., None], bands, axis=2).astype(">u2")
    if kind in {4, 6}:
        pixels[..., -1] = 65_535
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    height, width = levels.shape
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


LEVELS = DIGIT.astype(np.int64)
BLACK_8 = (
    "The 16-bit image has no level above 255, as if it had 8 bits, so that it is black: multiply "
    "its levels by 257, up to 65535."
)
BLACK_12 = (
    "The 16-bit image has no level above 4095, as if it had 12 bits, so that it is black: multiply "
    "its levels by 16, up to 65535."
)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (grey_16(LEVELS), BLACK_8),
        (grey_16(LEVELS // 255), BLACK_8),
        (grey_16(LEVELS * 16), BLACK_12),
        (grey_16(np.kron(LEVELS, np.ones((60, 60), np.int64))), BLACK_8),
        (colour_16(LEVELS * 16, 2, 3), BLACK_12),
        (colour_16(LEVELS * 16, 4, 2), BLACK_12),
        (colour_16(LEVELS * 16, 6, 4), BLACK_12),
    ],
    ids=["8 bits", "1 bit", "12 bits", "large", "RGB", "LA", "RGBA"],
)
def test_low_16_bit_levels_are_refused(content: bytes, text: str) -> None:
    """Levels of 8 or 12 bits in a 16-bit file would be black; the sentence has the factor."""
    assert problem_of(Body(content, "image/png", {})) == ("invalid-image", text, ("body",))


@pytest.mark.parametrize(
    "content",
    [
        grey_16(LEVELS * 257),
        grey_16(LEVELS * 0),
        colour_16(LEVELS * 257, 2, 3),
        colour_16(LEVELS * 257, 6, 4),
        colour_16(LEVELS * 0, 2, 3),
    ],
    ids=["grey", "black", "RGB", "RGBA", "black RGB"],
)
def test_other_16_bit_levels_are_read(content: bytes) -> None:
    """Levels up to 65535 are read; an image without any level is blank."""
    expected = 0 if content in {grey_16(LEVELS * 0), colour_16(LEVELS * 0, 2, 3)} else DIGIT

    found = image_of(Body(content, "image/png", {}), "none").row["image"]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_masks_in_8_bits_are_refused(mode: str) -> None:
    """A PNG of the levels 0 and 1 is as black as such pixels in JSON are."""
    file = BytesIO()
    Image.fromarray(DIGIT // 200).convert(mode).save(file, "PNG")
    start = "The image has the levels 0 and 1 only, which are two levels of black: "

    body = Body(file.getvalue(), "image/png", {})
    expected = ("invalid-image", f"{start}multiply them by 255.", ("body",))
    assert problem_of(body) == expected


def test_black_and_white_in_one_bit_are_read() -> None:
    """A PNG of 1 bit a pixel has black and white, and a black one is blank."""
    for levels in (DIGIT // 200 * 255, DIGIT * 0):
        file = BytesIO()
        Image.fromarray(levels).convert("1").save(file, "PNG")
        found = image_of(Body(file.getvalue(), "image/png", {}), "none")
        np.testing.assert_array_equal(found.row["image"], levels)
