"""Corruptions of digit images for training: noise, impulses and large pixels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.cnn import corruptions
from models.data import samples


@pytest.fixture(scope="module")
def images():
    """Take some digits as intensities in [0, 1]."""
    return jnp.asarray(samples.load().images, jnp.float32) / 255


@pytest.mark.parametrize("name", ["add_noise", "add_impulses", "pixelate", "corrupt"])
def test_corrupted_images_are_images(images, name):
    """Intensities stay in [0, 1], equal keys give equal results, and all images are changed."""
    change = getattr(corruptions, name)
    changed = np.asarray(change(jax.random.key(0), images))
    assert changed.shape == images.shape
    assert changed.min() >= 0
    assert changed.max() <= 1
    np.testing.assert_array_equal(changed, change(jax.random.key(0), images))
    assert (changed != change(jax.random.key(1), images)).any(axis=(1, 2)).mean() > 0.9
    assert (changed != np.asarray(images)).any(axis=(1, 2)).mean() > 0.9


def test_noise_is_of_all_strengths_up_to_the_limit():
    """On a grey image the standard deviation goes from near 0 to the largest of noise."""
    grey = jnp.full((400, 28, 28), 0.5)
    noisy = np.asarray(corruptions.add_noise(jax.random.key(0), grey))
    spreads = noisy.std(axis=(1, 2))
    assert spreads.min() < 0.03
    # Clipped at black and white.
    assert 0.25 < spreads.max() < corruptions.NOISE


def test_faint_noise_is_removed_from_half_of_the_images():
    """On a black image, noise below a threshold is removed in some images, and not in others."""
    black = jnp.zeros((400, 28, 28))
    noisy = np.asarray(corruptions.add_noise(jax.random.key(0), black))
    lit = (noisy > 0).mean(axis=(1, 2))
    assert 0.35 < (lit > 0.45).mean() < 0.65


def test_impulses_are_black_or_white():
    """A share of the pixels up to the limit is black or white, and the others are unchanged."""
    grey = jnp.full((400, 28, 28), 0.5)
    hit = np.asarray(corruptions.add_impulses(jax.random.key(0), grey))
    assert set(np.unique(hit)) == {0, 0.5, 1}
    shares = (hit != 0.5).mean(axis=(1, 2))
    assert shares.min() < 0.03
    assert 0.1 < shares.max() < corruptions.IMPULSES + 0.05
    assert (hit == 1).sum() == pytest.approx((hit == 0).sum(), rel=0.05)


def test_pixelated_images_have_few_cells(images):
    """Half of the images are of cells of equal pixels, and all keep their mean intensity."""
    coarse = np.asarray(corruptions.pixelate(jax.random.key(0), images))
    rows = np.array([len(np.unique(image, axis=0)) for image in coarse])
    few = rows <= 28 / corruptions.CELL[0] + 2
    assert 0.3 < few.mean() < 0.7
    assert rows.min() <= 8
    ratio = coarse.sum(axis=(1, 2)) / np.asarray(images).sum(axis=(1, 2))
    assert np.abs(ratio - 1).max() < 0.2


def test_each_kind_of_corruption_occurs():
    """Of grey images some get impulses, some get noise, and the pixelated ones stay grey."""
    grey = jnp.full((300, 28, 28), 0.5)
    changed = np.asarray(corruptions.corrupt(jax.random.key(0), grey))
    levels = np.array([len(np.unique(image.round(3))) for image in changed])
    for share in ((levels == 1).mean(), ((levels > 1) & (levels <= 3)).mean(), (levels > 3).mean()):
        assert 0.2 < share < 0.45
