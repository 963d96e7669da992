"""Reduction of activations: what fits stays as it is, all else is first channels and means."""

import numpy as np
import pytest

from models.architecture import Architecture
from probes.cnn.reduction import MOST_VALUES, Reduction, reduced, reduction_of
from tests.networks import SIMPLE_CNN, network

LARGE = network(
    """
classes = ["a", "b"]
input = { image = [160, 150, 3] }
layers = ["conv 24", "relu", "pool", "conv 40", "relu", "globalpool", "dense 2"]
"""
)


def sizes(architecture: Architecture, limit: Reduction) -> int:
    """Count the values of all layers after the reduction."""
    total = 0
    for layer in architecture.layers.values():
        values = np.zeros((layer.shape[-1], *layer.shape[:-1]), np.float32)
        total += reduced(values, limit)[0].size if values.ndim > 1 else values.size
    return total


def test_the_shipped_network_is_never_reduced() -> None:
    """All of its layers together fit one answer."""
    assert reduction_of(SIMPLE_CNN, tuple(SIMPLE_CNN.layers), None) is None


def test_a_large_network_fits_after_the_reduction() -> None:
    """By channels and by blocks, of the largest side with which it fits."""
    names = tuple(LARGE.layers)
    limit = reduction_of(LARGE, names, None)

    assert limit is not None
    assert (limit.channels, limit.side) == (16, 48)
    assert limit.values > MOST_VALUES >= sizes(LARGE, limit)
    wider = limit._replace(side=64)
    assert sizes(LARGE, wider) > MOST_VALUES
    assert reduction_of(LARGE, ("globalpool1", "logits"), None) is None
    assert reduction_of(LARGE, ("relu1",), (3,)) is None
    named = reduction_of(LARGE, names, (3, 4, 5, 6, 7))
    assert named is not None
    assert named.channels == 5


@pytest.mark.parametrize("shape", [(20, 70, 33), (3, 64, 130), (16, 8, 8)])
def test_blocks_are_means(shape: tuple[int, int, int]) -> None:
    """Each value is the mean of its block, whose first row and column are its coordinates."""
    maps = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found, names = reduced(maps, Reduction(maps.size, 16, 32))

    assert found.shape[1] <= 32
    assert found.shape[2] <= 32
    rows = [*names.get("y", range(shape[1])), shape[1]]
    columns = [*names.get("x", range(shape[2])), shape[2]]
    assert names.get("channel", list(range(shape[0]))) == list(range(min(16, shape[0])))
    for y, x in np.ndindex(found.shape[1:]):
        block = maps[:16, rows[y] : rows[y + 1], columns[x] : columns[x + 1]]
        np.testing.assert_allclose(found[:, y, x], block.mean(axis=(1, 2)), atol=1e-6)
