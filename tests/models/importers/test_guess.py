"""Guess of a declaration from the shapes of tensors."""

import re

import numpy as np
import pytest

from models.importers.conversion import Names, convert
from models.importers.errors import ConversionError
from models.importers.guess import guess
from tests.models.importers.comparison import GOLDEN


def test_a_guess_says_that_it_is_one() -> None:
    """The declaration begins with a comment, and the notes repeat it."""
    found = convert(GOLDEN / "lenet.safetensors", Names("LeNet"))

    assert found.text.startswith("# A GUESS from the shapes of tensors alone.")
    assert found.notes == (
        "the declaration is a GUESS from shapes: correct its lines, then convert again",
    )


def test_sizes_are_guessed_from_the_first_dense_layer() -> None:
    """Side, pools and padding are those of LeNet-5, whose dense layer reads 16 maps of 5 x 5."""
    found = convert(GOLDEN / "lenet.safetensors", Names("LeNet")).declaration

    assert (found.input.height, found.input.width, found.input.channels) == (32, 32, 1)
    assert [line.text.rpartition(": ")[2] for line in found.layers] == [
        *("conv 6 5x5 valid", "relu", "pool", "conv 16 5x5 valid", "relu", "pool", "flatten"),
        *("dense 40", "relu", "dense 24", "relu", "dense 10"),
    ]


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("gru2.safetensors", ["embed 6", "gru 10", "gru 10", "dense 3"]),
        ("nnx_lstm.safetensors", ["lstm 6", "lstm 6", "dense 3"]),
        ("linen_simple.npz", ["embed 6", "rnn 6", "dense 3"]),
        ("tagger.safetensors", ["gru 7", "norm layer", "dense 1", "sigmoid"]),
    ],
)
def test_recurrent_layers_are_recognised(name: str, layers: list[str]) -> None:
    """Cells and their order follow from the tensors of PyTorch and Flax."""
    found = convert(GOLDEN / name, Names("mine")).declaration

    assert [line.text.rpartition(": ")[2] for line in found.layers] == layers


def test_layers_are_put_in_an_order_that_fits() -> None:
    """Names without numbers are ordered so that each layer reads what the one before gives."""
    kernels = {"z": (3, 3, 3, 5), "a": (3, 3, 5, 7), "m": (7, 2)}

    found = guess({f"{name}.kernel": np.zeros(shape) for name, shape in kernels.items()})

    assert [line for line in found.lines if ":" in line] == [
        "z: conv 5 nobias",
        "a: conv 7 nobias",
        "m: dense 2 nobias",
    ]


REFUSED = {
    "no image": ({"a.kernel": (3, 3, 2, 5)}, "no convolution reads 1 or 3 channels"),
    "branches": (
        {"a.kernel": (3, 3, 3, 5), "b.kernel": (3, 3, 3, 5)},
        "no order of the layers can be guessed for a, b",
    ),
    "unknown": ({"a.kernel": (3, 3, 3)}, "a.kernel are of no layer that can be guessed"),
    "not square": (
        {"a.kernel": (3, 3, 3, 5), "b.kernel": (5 * 12, 2)},
        "maps of 12 positions are not square",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_guessed_asks_for_a_declaration(name: str) -> None:
    """Each way in which a guess fails names the tensors and the option that helps."""
    shapes, reason = REFUSED[name]

    with pytest.raises(ConversionError, match=re.escape(reason) + ".*--declaration"):
        guess({name: np.zeros(shape, np.float32) for name, shape in shapes.items()})
