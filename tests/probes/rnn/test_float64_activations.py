"""Activations in float64: the interpreter's values, and derivatives by central differences."""

import numpy as np
import pytest

from models.declaration.operations import SLOPES, Activation
from probes.rnn.float64_activations import FUNCTIONS, activated
from tests.oracles.interpreter import activate


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_activation_and_its_derivative(function: str) -> None:
    """At values on both sides of every kink, and none at one."""
    values = np.linspace(-7.3, 7.1, 97)
    slope = SLOPES.get(function, 0.0)

    found, derivative = activated(Activation(function, slope), values)

    np.testing.assert_allclose(found, activate(function, slope, values), rtol=1e-12, atol=1e-13)
    ends = [activate(function, slope, values + side) for side in (1e-6, -1e-6)]
    np.testing.assert_allclose(derivative, (ends[0] - ends[1]) / 2e-6, rtol=1e-6, atol=1e-8)
