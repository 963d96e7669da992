"""The PNG encoder, with Pillow as the oracle."""

import io

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
