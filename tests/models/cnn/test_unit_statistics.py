"""Unit statistics of the CNN against the float64 network, image by image."""

import numpy as np
import pytest

from models.cnn import unit_statistics
from models.cnn.layout import layout_of
from models.data import test_images
from models.data.datasets import Digits
from models.data.samples import Samples
from models.runtime.checkpoints import Tensors
from tests.networks import SIMPLE_CNN
from tests.oracles.numpy64 import cnn_trace
from tests.oracles.parameters import draw

LAYERS = SIMPLE_CNN.layers
LINEAR_LAYERS = layout_of(SIMPLE_CNN).linear_layers
COUNT = 60
TRAIN = slice(12, 20)
CLOSE = 2e-5


@pytest.fixture(scope="module")
def test_set(digits: Samples) -> Digits:
    """Some images of every digit."""
    return Digits(digits.images[:COUNT], digits.labels[:COUNT].astype(np.uint8))


@pytest.fixture(scope="module")
def weights() -> Tensors:
    """Random weights, without training."""
    return draw(SIMPLE_CNN.parameters, 5)


@pytest.fixture(scope="module")
def artifact(test_set: Digits, weights: Tensors) -> Tensors:
    """Unit statistics of these images."""
    return unit_statistics.measure_units(SIMPLE_CNN, weights, test_set, test_set.images[TRAIN])


@pytest.fixture(scope="module")
def traces(test_set: Digits, weights: Tensors) -> dict[str, np.ndarray]:
    """Every value of every image, [image, place, channel], in float64."""
    made = [cnn_trace(image, weights) for image in test_set.images]
    return {
        name: np.stack([one[name].reshape(-1, SIMPLE_CNN.layers[name].shape[-1]) for one in made])
        for name in SIMPLE_CNN.layers
    }


@pytest.mark.parametrize("layer", LINEAR_LAYERS)
def test_strongest_images_are_those(layer: str, artifact: Tensors, traces: Tensors) -> None:
    """Their maxima are the nine largest in order, in the images and at the places named."""
    maxima = traces[layer].max(axis=1)
    expected = -np.sort(-maxima, axis=0)[:9].T
    strongest = artifact[f"{layer}.strongest"]

    np.testing.assert_allclose(artifact[f"{layer}.strongest.value"], expected, atol=CLOSE)
    channels = np.arange(len(strongest))[:, None]
    np.testing.assert_allclose(maxima[strongest, channels], expected, atol=CLOSE)
    means = traces[layer].mean(axis=1).max(axis=0)
    np.testing.assert_allclose(artifact[f"{layer}.highest_mean"], means, atol=CLOSE)
    if SIMPLE_CNN.layers[layer].receptive_field:
        rows, columns = artifact[f"{layer}.strongest.place"].astype(int).transpose(2, 0, 1)
        at = traces[layer][strongest, rows * SIMPLE_CNN.layers[layer].shape[1] + columns, channels]
        np.testing.assert_allclose(at, expected, atol=CLOSE)
    else:
        assert f"{layer}.strongest.place" not in artifact


@pytest.mark.parametrize("layer", SIMPLE_CNN.layers)
def test_means_and_shares_are_those(
    layer: str, artifact: Tensors, traces: Tensors, test_set: Digits
) -> None:
    """Means by digit and by position, and silent shares, equal those of the definition."""
    values = traces[layer]
    for digit in range(10):
        expected = values[test_set.labels == digit].mean(axis=(0, 1))
        np.testing.assert_allclose(artifact[f"{layer}.class_means"][digit], expected, atol=CLOSE)
    mean = artifact[f"{layer}.mean"].astype(np.float64)
    expected = values[TRAIN].mean(axis=0).reshape(SIMPLE_CNN.layers[layer].shape)
    assert mean.shape == SIMPLE_CNN.layers[layer].shape
    np.testing.assert_allclose(mean, expected, rtol=1e-3, atol=CLOSE)
    silent = (values <= 0).mean(axis=(0, 1))
    np.testing.assert_allclose(artifact[f"{layer}.silent_values"], silent, atol=1e-3)
    none = (values.max(axis=1) <= 0).mean(axis=0)
    np.testing.assert_allclose(artifact[f"{layer}.silent_images"], none, atol=1e-6)


@pytest.mark.parametrize("layer", SIMPLE_CNN.layers)
def test_histograms_count_every_value(layer: str, artifact: Tensors, traces: Tensors) -> None:
    """In the bins of NumPy's histogram but for rounding; after a ReLU without zeros."""
    for of, values in (("", traces[layer]), ("maxima.", traces[layer].max(axis=1)[:, None])):
        if f"{layer}.{of}histogram" not in artifact:
            assert SIMPLE_CNN.layers[layer].receptive_field is None
            continue
        counts = artifact[f"{layer}.{of}histogram"].astype(int)
        for channel in range(0, counts.shape[0], 7):
            ends = tuple(artifact[f"{layer}.{of}range"][channel].tolist())
            given = values[..., channel].ravel()
            if SIMPLE_CNN.layers[layer].kind in {"post_activation", "pooled"}:
                given = given[given > 0]
                assert ends[0] == 0
            expected, _ = np.histogram(np.clip(given, *ends), unit_statistics.BINS, ends)
            assert counts[channel].sum() == len(given)
            assert np.abs(counts[channel] - expected).sum() <= 4


def test_images_are_kept_without_loss(artifact: Tensors, test_set: Digits) -> None:
    """Every image that is named is there, with its label, and no other."""
    held = test_images.unpack(artifact)
    named = np.unique(
        np.concatenate([artifact[f"{name}.strongest"].ravel() for name in LINEAR_LAYERS])
    )

    np.testing.assert_array_equal(held.indices, named)
    np.testing.assert_array_equal(held.images, test_set.images[named])
    np.testing.assert_array_equal(held.labels, test_set.labels[named])
    np.testing.assert_array_equal(held.positions(held.indices[[3, 0]]), [3, 0])
