"""Digits of 13 other people, 8x8 pixels, of the UCI data set that scikit-learn ships."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pictures import rates
from tests.pictures.reading import Reader, prepared
from tests.pictures.scene import png

PATH = Path(__file__).parents[1] / "data" / "optical-digits.npz"
LEVELS = 16  # of full ink


@pytest.fixture(scope="module")
def found():
    """Rates over all 1,797 digits, sent as PNG."""
    with np.load(PATH) as kept:
        labels = kept["labels"]
        grey = np.rint(kept["images"] * (255 / LEVELS)).astype(np.uint8)
    inputs = [prepared(png(Image.fromarray(one))) for one in grey]
    found = rates.Rates()
    for label, answer in zip(labels, Reader().answers(inputs), strict=True):
        found.add(int(label), answer)
    return found


def test_digits_of_other_people_are_read_rightly(found):
    """At least 97 of 100 digits are right."""
    assert found.count == 1_797
    assert found.right >= 0.97 * found.count, found


def test_digits_of_other_people_seldom_warn(found):
    """At most 10 of 100 digits have a warning."""
    assert found.warned <= 0.1 * found.count, found


def test_half_of_the_misread_digits_warn(found):
    """At most half of the misread digits have no warning."""
    assert 2 * found.silent <= found.count - found.right, found
