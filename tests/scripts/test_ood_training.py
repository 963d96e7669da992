"""Training images of the out-of-distribution detector: augmented digits, and images of none."""

import numpy as np
import pytest

from models.cnn.ood_detector import NEITHER
from models.data import samples
from models.data.datasets import Digits
from scripts import ood_detector, ood_training_images


@pytest.fixture
def digits():
    """Take the sample images, with their labels."""
    kept = samples.load()
    return Digits(kept.images, kept.labels.astype(np.uint8))


@pytest.mark.parametrize("augment", [ood_training_images.coarse, ood_training_images.redrawn])
def test_augmented_digits_have_the_size_of_mnist(digits, augment):
    """Reduced or redrawn digits have a longer side of 18 to 20 pixels, and full intensity."""
    random = np.random.default_rng(0)
    for digit in digits.images[:40]:
        image = augment(digit, random)
        sides = [np.ptp(np.flatnonzero(image.any(axis=axis))) + 1 for axis in (0, 1)]
        assert 18 <= max(sides) <= 21
        assert image.max() > 200


def test_coarse_digits_stay_like_themselves(digits):
    """A reduced digit correlates more with its original than with another digit."""
    random = np.random.default_rng(0)
    images = digits.images[:60]
    coarse = np.stack([ood_training_images.coarse(digit, random) for digit in images])
    flat = [part.reshape(60, -1).astype(float) for part in (images, coarse)]
    centred = [part - part.mean(axis=1, keepdims=True) for part in flat]
    own = [np.corrcoef(one, other)[0, 1] for one, other in zip(*centred, strict=True)]
    shifted = [np.corrcoef(centred[0][at], centred[1][at - 1])[0, 1] for at in range(60)]
    assert np.median(own) > 0.6
    assert np.median(own) > np.median(shifted) + 0.3


def test_a_frame_is_drawn_around_the_digit(digits):
    """The first and the last row or column with ink are lines in every framed image, or nearly."""
    random = np.random.default_rng(0)
    for _ in range(40):
        ink = ood_training_images.framed(random, digits.images) > 60
        rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
        box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        across = box[:2].any(axis=0).mean(), box[-2:].any(axis=0).mean()
        upright = box[:, :2].any(axis=1).mean(), box[:, -2:].any(axis=1).mean()
        # A digit between two rules can reach beyond their ends.
        assert min(across) > 0.8 or min(upright) > 0.8


def test_the_training_set_has_digits_and_images_of_none(digits, monkeypatch):
    """MNIST's digits come first, then augmented ones with labels, and images of no digit last."""
    monkeypatch.setattr(ood_detector, "REDRAWN", 10)
    monkeypatch.setattr(ood_detector, "COARSE", 10)
    monkeypatch.setattr(ood_detector, "DRAWN", 1_000)
    drawn = np.zeros((28, 28), np.uint8)
    real = ood_detector._many
    # Few images of each kind, and blank ones for the remainder.
    monkeypatch.setattr(
        ood_detector,
        "_many",
        lambda count, draw: np.concatenate(
            [real(min(count, 4), draw), np.tile(drawn, (max(count - 4, 0), 1, 1))]
        ),
    )
    learned = ood_detector.training_set(digits, np.random.default_rng(0))
    assert len(learned.images) == len(learned.labels)
    np.testing.assert_array_equal(learned.images[:200], digits.images)
    np.testing.assert_array_equal(learned.labels[:200], digits.labels)
    count = 200 + 10 + 10 + 1_000 + 5_000
    assert learned.labels[:count].max() < NEITHER
    assert (learned.labels[count:] == NEITHER).all()
    assert len(learned.labels) > 2 * count
