"""The interpreter of declarations against the oracles of both shipped networks."""

import numpy as np

from models.declaration.declaration import parse_declaration
from tests.oracles import numpy64
from tests.oracles.dependencies import parameter_shapes
from tests.oracles.interpreter import interpret
from tests.oracles.parameters import CNN_SHAPES, draw, draw_bits, draw_images, lstm_shapes

DIGITS = """
format = 1
classes = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
input = { image = [28, 28, 1] }
layers = [
  "conv 32", "relu", "pool", "conv 64", "relu", "pool", "conv 64", "relu", "flatten", "dense 128",
  "relu", "dense 10",
]
"""

COUNTING = """
format = 1
classes = ["no", "yes"]
input = { alphabet = "01" }
layers = ["cell: lstm 5", "readout: dense 2"]
"""


def test_a_convolutional_network_equals_the_other_oracle() -> None:
    """Every value of SimpleCNN, declared, is that of the oracle which knows its layers."""
    declaration = parse_declaration(DIGITS)
    tensors = draw(CNN_SHAPES, 1)
    (image,) = draw_images(1, 2)

    assert parameter_shapes(declaration) == CNN_SHAPES
    found = interpret(declaration, tensors, image[..., None] / 255.0)
    expected = numpy64.cnn_trace(image, tensors)

    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12, atol=1e-12, err_msg=name)


def test_a_recurrent_network_equals_the_other_oracle() -> None:
    """Every value of CountingLSTM, declared, is that of the oracle which knows its layers."""
    declaration = parse_declaration(COUNTING)
    tensors = draw(lstm_shapes(5), 1)
    (bits,) = draw_bits(1, 9, 2)
    cell, hidden = np.random.default_rng(3).normal(size=(2, 5))

    assert parameter_shapes(declaration) == lstm_shapes(5)
    found = interpret(declaration, tensors, bits, {"cell": cell, "hidden": hidden})
    expected = numpy64.lstm_trace(bits, tensors, cell, hidden)

    assert found.keys() == expected.keys()
    for name, value in expected.items():
        steps = value[-len(bits) :]  # states have the initial one first
        np.testing.assert_allclose(found[name], steps, rtol=1e-12, atol=1e-12, err_msg=name)
