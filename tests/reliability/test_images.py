"""Images: rows 31 to 37 and 39 of the threats, over the wire."""

import io
import pickle
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.api.bodies import DIGIT, PICTURE
from tests.api.pictures_by_hand import blank, chunk, png
from tests.reliability.wire import (
    PNG,
    PREDICT,
    assert_refused,
    post,
)

JPEG = (("Content-Type", "image/jpeg"),)
RAW = (("Content-Type", "application/octet-stream"),)


pytestmark = pytest.mark.usefixtures("others_are_served")


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """Encode an image."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "body",
    [b"hello world", PICTURE[:60], PICTURE[:45] + b"\x01" + PICTURE[46:], b"", PICTURE[:-20]],
)
def test_31_broken_images_are_refused(body: bytes, url: str) -> None:
    """Text, cut files and wrong checksums are a 422 without an address of memory."""
    answer = post(url, PREDICT, PNG, body)

    assert_refused(answer, (422,), "invalid-image")
    assert b"0x" not in answer.body


def test_32_a_picture_of_too_many_pixels_is_refused(url: str) -> None:
    """81 megapixels in a small file are refused by their header."""
    body = blank(9_000, 9_000)
    assert len(body) < 200_000

    assert_refused(post(url, PREDICT, PNG, body), (422,), "invalid-image")


def test_33_a_jpeg_of_many_scans_is_refused(url: str) -> None:
    """A progressive JPEG whose last scan is repeated a thousand times is a 422."""
    whole = encoded(Image.fromarray(DIGIT), "JPEG", progressive=True)
    at = whole.rindex(b"\xff\xda")
    body = whole[:at] + whole[at:-2] * 1_000 + whole[-2:]

    assert_refused(post(url, PREDICT, JPEG, body), (422,), "invalid-image")


def test_34_compressed_text_in_a_png_is_not_inflated(url: str) -> None:
    """60 MB of text in 60 kB are refused, or ignored with the picture's own answer."""
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(60_000_000), 9))

    answer = post(url, PREDICT, PNG, png(DIGIT, text))

    if answer.status != 200:
        assert_refused(answer, (422,), "invalid-image")


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "BMP", "PDF", "ICO"])
def test_35_other_formats_are_refused(kind: str, url: str) -> None:
    """A file of another format under the name of a PNG is a 415; an animated PNG a 422."""
    image = Image.fromarray(DIGIT).convert("RGB")
    assert_refused(post(url, PREDICT, PNG, encoded(image, kind)), (415,))
    moving = encoded(image, "PNG", save_all=True, append_images=[Image.new("RGB", image.size)])
    assert_refused(post(url, PREDICT, PNG, moving), (422,), "invalid-image")


def test_36_extreme_sizes_are_answered_or_refused(url: str) -> None:
    """One pixel is answered; a side above the limit, an extreme ratio or no pixel is a 422."""
    assert post(url, PREDICT, PNG, blank(1, 1)).status == 200
    for width, height in ((1, 8_192), (8_193, 8_193), (0, 5)):
        assert_refused(post(url, PREDICT, PNG, blank(width, height)), (422,), "invalid-image")


def test_37_modes_of_one_picture_have_one_answer(url: str) -> None:
    """Grey, palette, RGB and grey with alpha of one picture are answered with the same digit."""
    grey = Image.fromarray(DIGIT)
    modes = [grey, grey.convert("P"), grey.convert("RGB"), grey.convert("LA")]
    answers = {post(url, PREDICT, PNG, encoded(one, "PNG")).body for one in modes}

    # The steps of preparation name the mode; all of the rest is equal.
    assert len({one.partition(b'"prediction"')[2] for one in answers}) == 1
    for other in (Image.fromarray(DIGIT.astype(np.uint16) * 257), grey.convert("1")):
        assert post(url, PREDICT, PNG, encoded(other, "PNG")).status == 200


class Sentinel:
    """Object whose pickle creates a file where it is loaded."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (self.path, "w")


def test_39_arrays_and_pickles_are_refused_unread(
    url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """An array that claims 373 GiB allocates nothing, and a pickle runs nothing."""
    file = tmp_path_factory.mktemp("sentinel") / "created"
    claim = b"{'descr': '<f8', 'fortran_order': False, 'shape': (50000000000,), }"
    array = b"\x93NUMPY\x01\x00" + len(claim).to_bytes(2, "little") + claim
    for body in (array, pickle.dumps(Sentinel(str(file)))):
        for headers in (RAW, PNG):
            assert_refused(post(url, PREDICT, headers, body), (415, 422))
    assert not file.exists()
