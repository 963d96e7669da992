"""Bytes to planes: every colour mode, with pictures made by hand."""

import io
import zlib

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from api.errors.problem import Problem
from api.requests.image_decoding import decode
from tests.api.pictures_by_hand import SQUARE, chunk, encoded, jpeg, png


def pixel(mode: str, colour: object) -> tuple[int, int]:
    """Return grey and alpha of a PNG of one colour."""
    planes = decode(encoded(Image.new(mode, (3, 2), colour)))
    assert planes.size == [3, 2]
    return int(planes.grey[0, 0]), 255 if planes.alpha is None else int(planes.alpha[0, 0])


def test_a_png_comes_out_to_the_bit() -> None:
    """Grey pixels are returned as they were written."""
    planes = decode(png(SQUARE))

    np.testing.assert_array_equal(planes.grey, SQUARE)
    assert planes.alpha is None
    assert not planes.lossy


@settings(max_examples=200)
@given(
    grey=arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40)),
    data=st.data(),
)
def test_a_png_is_read_as_pillow_reads_it(grey: np.ndarray, data: st.DataObject) -> None:
    """A grey PNG, valid or with a byte changed, decodes as with Pillow, or fails with both."""
    content = bytearray(encoded(Image.fromarray(grey), optimize=data.draw(st.booleans())))
    if damaged := data.draw(st.booleans()):
        content[data.draw(st.integers(8, len(content) - 1))] ^= data.draw(st.integers(1, 255))

    try:
        opened = np.asarray(Image.open(io.BytesIO(content), formats=["PNG"]).convert("RGBA"))
    except Exception:
        with pytest.raises(Problem):
            decode(bytes(content))
        return
    assume(opened[..., :3].max() != 1)  # refused as a mask that is not scaled
    try:
        found = decode(bytes(content))
    except Problem:  # of two readers we may be the stricter about what is damaged
        assert damaged
        return
    np.testing.assert_array_equal(found.grey, opened[..., 0])


def test_a_jpeg_comes_out_nearly() -> None:
    """A JPEG is decoded, and known to have lost something."""
    planes = decode(jpeg(quality=95))

    assert planes.lossy
    assert np.abs(planes.grey[::4, ::4].astype(int) - SQUARE).max() < 40


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("1", 1, (255, 255)),
        ("1", 0, (0, 255)),
        ("L", 77, (77, 255)),
        ("LA", (77, 128), (77, 128)),
        ("LA", (77, 255), (77, 255)),
        ("RGB", (255, 0, 0), (76, 255)),
        ("RGB", (0, 255, 0), (150, 255)),
        ("RGB", (0, 0, 255), (29, 255)),
        ("RGBA", (255, 255, 255, 0), (255, 0)),
        ("RGBA", (0, 0, 255, 200), (29, 200)),
        ("I;16", 0, (0, 255)),
        ("I;16", 65_535, (255, 255)),
        ("I;16", 77 * 257, (77, 255)),
        ("I;16", 77 * 257 + 128, (77, 255)),
        ("I;16", 77 * 257 + 129, (78, 255)),
    ],
)
def test_every_mode_has_a_defined_grey(
    mode: str, colour: object, expected: tuple[int, int]
) -> None:
    """Luma by ITU-R 601, 16 bits rounded to 8, alpha apart."""
    assert pixel(mode, colour) == expected


def test_a_palette_becomes_its_colours() -> None:
    """Palette indices become their colours, and transparent entries have alpha 0."""
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((1, 0), 1)

    assert decode(encoded(image)).grey.tolist() == [[76, 150]]
    planes = decode(encoded(image, transparency=bytes([255, 40])))
    assert planes.grey.tolist() == [[76, 150]]
    assert planes.alpha is not None
    assert planes.alpha.tolist() == [[255, 40]]


@pytest.mark.parametrize(
    ("mode", "colour", "transparency"),
    [("L", 9, 9), ("RGB", (1, 2, 3), (1, 2, 3)), ("I;16", 5000, 5000)],
)
def test_a_transparent_colour_is_transparent(
    mode: str, colour: object, transparency: object
) -> None:
    """A tRNS chunk makes one level or colour clear."""
    planes = decode(encoded(Image.new(mode, (2, 2), colour), transparency=transparency))

    assert planes.alpha is not None
    assert not planes.alpha.any()


def test_cmyk_jpegs_are_read() -> None:
    """CMYK with full ink is dark, without ink light."""
    dark = decode(encoded(Image.new("CMYK", (8, 8), (0, 0, 0, 255)), "JPEG")).grey
    light = decode(encoded(Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "JPEG")).grey

    assert dark.max() < 5
    assert light.min() > 250


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("image_format", ["PNG", "JPEG"])
def test_exif_orientation_is_applied(orientation: int, image_format: str) -> None:
    """An image with any EXIF orientation is decoded upright."""
    upright = np.zeros((16, 32), np.uint8)
    upright[:8, :8] = 255
    # What a camera held in that orientation would store: the inverse of what undoes it.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(Image.fromarray(np.ascontiguousarray(stored)), image_format, exif=exif)

    np.testing.assert_array_equal(decode(content).grey > 128, upright > 128)


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"\0" * 9, b"II"])
@pytest.mark.filterwarnings("ignore")
def test_broken_exif_is_ignored(exif: bytes) -> None:
    """An image with broken metadata is decoded."""
    assert decode(jpeg(exif=exif)).size == [32, 32]
    np.testing.assert_array_equal(decode(png(SQUARE, chunk(b"eXIf", exif))).grey, SQUARE)


def test_colour_profiles_are_ignored() -> None:
    """A profile of any size changes no pixel, and is not even inflated."""
    profile = chunk(b"iCCP", b"name\0\0" + zlib.compress(bytes(30_000_000)))

    np.testing.assert_array_equal(decode(png(SQUARE, profile)).grey, SQUARE)
    assert decode(jpeg(icc_profile=bytes(100_000))).size == [32, 32]
