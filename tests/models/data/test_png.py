"""Grey PNG images in bulk, with Pillow as the oracle."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from models.data import png


def images(number: int, height: int = 9, width: int = 7) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (number, height, width), np.uint8)


def filtered(image: np.ndarray, number: int) -> bytes:
    """Write an image with one of the five filters in every row, by the formulas of the standard."""
    height, width = image.shape
    field = np.zeros((height + 1, width + 1), np.int64)
    field[1:, 1:] = image
    left, above, corner = field[1:, :-1], field[:-1, 1:], field[:-1, :-1]
    distances = np.abs(np.stack([above - corner, left - corner, left + above - 2 * corner]))
    paeth = np.choose(distances.argmin(axis=0), [left, above, corner])
    guess = [0 * left, left, above, (left + above) // 2, paeth][number]
    rows = np.insert((image - guess) % 256, 0, number, axis=1).astype(np.uint8)
    plain = png.encode(image)
    packed = zlib.compress(rows.tobytes())
    return plain[:33] + png._chunk(b"IDAT", packed) + png._chunk(b"IEND", b"")


def test_pillow_reads_what_is_written():
    """A written image is a PNG like any other."""
    image = images(1)[0]
    with Image.open(io.BytesIO(png.encode(image))) as opened:
        assert opened.mode == "L"
        assert np.array_equal(np.asarray(opened), image)


@pytest.mark.parametrize("number", range(5))
def test_every_filter_is_undone(number):
    """Whichever filter wrote the rows, the pixels come back, as Pillow reads them."""
    batch = images(3)
    encoded = [filtered(image, number) for image in batch]
    with Image.open(io.BytesIO(encoded[0])) as opened:
        assert np.array_equal(np.asarray(opened), batch[0])
    assert np.array_equal(png.decode(encoded), batch)


def test_images_with_different_filters_are_read_together():
    """Each image of a batch has its own filters."""
    batch = images(5)
    encoded = [filtered(image, number) for number, image in enumerate(batch)]
    assert np.array_equal(png.decode(encoded), batch)


def test_an_image_of_another_size_is_refused():
    """All images of a batch have the size of the first."""
    encoded = [png.encode(images(1)[0]), png.encode(images(1, 7, 9)[0])]
    with pytest.raises(png.PNGError, match="not a grey 7x9 PNG of 8 bits"):
        png.decode(encoded)


def test_a_damaged_image_is_refused():
    """Bytes that were cut off are not read as an image."""
    whole = png.encode(images(1)[0])
    with pytest.raises(png.PNGError, match="damaged"):
        png.decode([whole[:60]])


def test_rows_that_are_missing_are_refused():
    """An image with fewer rows than its header says is not read."""
    image = images(1)[0]
    short = png.encode(image)[:33] + png.encode(image[:-1])[33:]
    with pytest.raises(png.PNGError, match="64 bytes of rows, not 72"):
        png.decode([short])


def test_an_unknown_filter_is_refused():
    """A filter number beyond the standard's five is not guessed at."""
    image = images(1)[0]
    rows = np.insert(image, 0, 5, axis=1)
    packed = png._chunk(b"IDAT", zlib.compress(rows.tobytes()))
    with pytest.raises(png.PNGError, match="filter that the standard does not have"):
        png.decode([png.encode(image)[:33] + packed])
