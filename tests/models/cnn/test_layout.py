"""Layout of values: SimpleCNN's as it has always been, and that of other networks."""

from itertools import pairwise
from math import prod
from pathlib import Path

import pytest

import models
from models.cnn.layout import Layout, layout_of
from models.declaration.declaration import parse_declaration, read_declaration
from models.derivation import derive

SIMPLE = Layout(derive(read_declaration(Path(models.__file__).parent / "shipped" / "cnn")))

RESIDUAL = """
format = 1
classes = ["a", "b"]
input = { image = [12, 10, 3] }
layers = ["conv 8", "norm", "relu", "pool", "conv 8 nobias", "norm", "add pool1", "relu",
  "globalpool", "dropout 0.2", "dense 1", "sigmoid"]
"""


def layout(text: str) -> Layout:
    """Return the layout of a declared network."""
    return Layout(derive(parse_declaration(text)))


def test_simple_cnn_has_the_layout_that_clients_know() -> None:
    """Order and size of its edits, weights and convolved maps are part of the interface."""
    assert SIMPLE.value_count == 91_210
    assert SIMPLE.slices["conv2"] == slice(56_448, 68_992)
    assert SIMPLE.linear_layers == ("conv1", "conv2", "conv3", "dense1", "logits")
    assert SIMPLE.linear_slices["logits"] == slice(40_896, 40_906)
    assert SIMPLE.convolved_layers == ("conv1", "pool1", "conv2", "pool2", "relu3")
    assert SIMPLE.convolution_parameters[:3] == ("conv1.kernel", "conv1.bias", "conv2.kernel")
    assert SIMPLE.cascade == ("output", "dense1", "conv3", "conv2", "conv1")
    assert SIMPLE.last_hidden == "relu4"
    assert SIMPLE.image_shape == (28, 28)


def test_simple_cnn_has_its_batch_sizes() -> None:
    """Results are reproducible to the bit only within one batch size."""
    assert SIMPLE.analysis_buckets == (1, 4, 16)
    assert SIMPLE.score_buckets == (1, 4, 16, 64)
    assert SIMPLE.gradient_buckets == (1, 4, 16, 52)
    assert SIMPLE.intervention_buckets == (8,)


def test_a_residual_network_has_a_layout() -> None:
    """Normalised and merged values are linear; a layer without values has no place."""
    found = layout(RESIDUAL)

    assert found.linear_layers == ("conv1", "norm1", "conv2", "norm2", "add1", "output", "logits")
    assert found.convolution_parameters == ("conv1.kernel", "conv1.bias", "conv2.kernel")
    assert found.last_hidden == "globalpool1"
    assert found.image_shape == (12, 10, 3)
    assert not found.has_convolve
    assert "dropout1" not in found.slices


@pytest.mark.parametrize("found", [SIMPLE, layout(RESIDUAL)], ids=["simple", "residual"])
def test_slices_divide_the_vector(found: Layout) -> None:
    """Every layer has as many places as values, one after another."""
    layers = found.architecture.layers
    for slices, count in (
        (found.slices, found.value_count),
        (found.linear_slices, found.linear_count),
    ):
        places = list(slices.items())
        assert places[0][1].start == 0
        assert places[-1][1].stop == count
        assert all(one.stop == other.start for (_, one), (_, other) in pairwise(places))
        assert all(one.stop - one.start == prod(layers[name].shape) for name, one in places)


def test_a_large_network_runs_in_small_batches() -> None:
    """A batch of at least one row, within the limits of operations and values."""
    found = layout("""
format = 1
classes = ["a", "b"]
input = { image = [64, 64, 3] }
layers = ["conv 48", "relu", "conv 48", "relu", "globalpool", "dense 2"]
""")

    assert found.architecture.flops > 180e6
    assert found.score_buckets == (1, 4, 5)
    assert found.intervention_buckets == (5,)


def test_a_network_without_hidden_layers_has_none() -> None:
    """The last layer reads the image itself."""
    found = layout("""
format = 1
classes = ["a", "b"]
input = { image = [4, 4, 1] }
layers = ["flatten", "dense 2"]
""")

    assert found.last_hidden is None


def test_the_layout_of_an_architecture_is_kept() -> None:
    """Every use of an architecture shares one layout."""
    assert layout_of(SIMPLE.architecture) is layout_of(SIMPLE.architecture)
