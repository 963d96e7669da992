"""The PNG encoder, with Pillow as the oracle."""

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from models.data import png


@pytest.mark.parametrize(
    ("mode", "shape"), [("L", (9, 7)), ("RGB", (9, 7, 3)), ("RGB", (700, 900, 3))]
)
def test_pillow_reads_what_is_encoded(mode: str, shape: tuple[int, ...]) -> None:
    """A grey or coloured image is a PNG like any other, without metadata."""
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)

    with Image.open(io.BytesIO(png.encode(image))) as opened:
        assert opened.mode == mode
        assert opened.info == {}
        assert np.array_equal(np.asarray(opened), image)


def test_equal_images_have_equal_bytes() -> None:
    """The bytes depend on the image alone: not on what memory held before, nor on other threads."""
    random = np.random.default_rng(1)
    images = [
        np.repeat(random.integers(0, 256, (rows, columns, 3), np.uint8), times, axis=0)
        for rows, columns, times in ((1, 1, 1), (5, 5, 1), (7, 9, 4), (40, 300, 12))
    ]
    expected = [png.encode(image) for image in images]

    def encoded(seed: int) -> bool:
        """Encode all images beside blocks of memory that were written to, and compare."""
        sizes = np.random.default_rng(seed).integers(10, 400_000, 6)
        blocks = [np.full(size, seed, np.uint8) for size in sizes.tolist()]
        del blocks[::2]
        return [png.encode(image) for image in images] == expected

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(encoded, range(200)))
