"""Layers of both families against their formulas in float64."""

from math import erf

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from models.declaration.operations import ACTIVATIONS, Activation, Dense, Dropout, Merge, Norm
from models.layers import ACTIVATION_FUNCTIONS, shared_layer, shared_module, two_logits

VALUES = np.concatenate([np.linspace(-8, 8, 41), [0.0, 1e-3, -1e-3]])
LAST_ONLY = {"softmax", "log_softmax"}
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return σ in float64."""
    return 1 / (1 + np.exp(-x))


def tanh_gelu(x: np.ndarray) -> np.ndarray:
    """Return the approximation of GELU by tanh in float64."""
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


FORMULAS = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.3 * x),
    "elu": lambda x: np.where(x > 0, x, 0.3 * np.expm1(x)),
    "selu": lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(x)),
    "gelu": lambda x: x * np.array([0.5 * (1 + erf(one / np.sqrt(2))) for one in x]),
    "gelu_tanh": tanh_gelu,
    "silu": lambda x: x * sigmoid(x),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "sigmoid": sigmoid,
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "tanh": np.tanh,
    "softplus": lambda x: np.log1p(np.exp(x)),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "exp": np.exp,
}


def test_every_activation_that_can_be_declared_is_computed() -> None:
    """All but those that are possible as the last layer only, which are taken off."""
    assert ACTIVATION_FUNCTIONS.keys() == ACTIVATIONS.keys() - LAST_ONLY == FORMULAS.keys()


@pytest.mark.parametrize("name", FORMULAS)
def test_an_activation_is_its_formula(name: str) -> None:
    """To float32 rounding, with the slope of the line where it has one."""
    made = shared_layer(Activation(name, 0.3), None, [jnp.asarray(VALUES, jnp.float32)])

    np.testing.assert_allclose(made, FORMULAS[name](VALUES), rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("kind", ["batch", "layer"])
def test_a_norm_is_its_formula(kind: str) -> None:
    """By stored statistics, or over the channels of each place; the epsilon is the line's."""
    random = np.random.default_rng(1)
    values = 100 + random.normal(size=(4, 5, 3))
    scale, bias = random.normal(size=(2, 3))
    mean, var = random.normal(100, 1, 3), random.uniform(0.1, 2, 3)
    operation = Norm("batch" if kind == "batch" else "layer", 0.01)
    module = shared_module(operation, 3, nnx.Rngs(0))
    given = {"scale": scale, "bias": bias, "mean": mean, "var": var}
    flat = nnx.to_flat_state(nnx.state(module))
    held = [(path, one.replace(jnp.asarray(given[path[0]], jnp.float32))) for path, one in flat]
    nnx.update(module, nnx.from_flat_state(held))

    made = shared_layer(operation, module, [jnp.asarray(values, jnp.float32)])

    if kind == "layer":
        mean, var = values.mean(-1, keepdims=True), values.var(-1, keepdims=True)
    expected = (values - mean) / np.sqrt(var + 0.01) * scale + bias
    np.testing.assert_allclose(made, expected, atol=1e-4)


def test_a_dense_layer_has_a_bias_unless_told() -> None:
    """A product with the kernel, plus the bias."""
    values = jnp.ones((2, 3), jnp.float32)
    plain = shared_module(Dense(4, bias=False), 3, nnx.Rngs(0))
    biased = shared_module(Dense(4), 3, nnx.Rngs(0))

    assert isinstance(plain, nnx.Linear)
    assert isinstance(biased, nnx.Linear)
    assert plain.bias is None
    assert biased.bias is not None
    biased.bias[...] = jnp.arange(4.0)
    np.testing.assert_allclose(
        shared_layer(Dense(4), biased, [values]),
        np.tile(np.asarray(biased.kernel[...]).sum(0) + np.arange(4.0), (2, 1)),
        atol=1e-6,
    )


def test_merges_and_dropout() -> None:
    """A sum, channels one after another, and values as they are."""
    one, other = jnp.ones((2, 3)), jnp.full((2, 3), 2.0)

    dropout = shared_module(Dropout(0.5), 3, nnx.Rngs(0))
    np.testing.assert_array_equal(shared_layer(Dropout(0.5), dropout, [one]), one)
    np.testing.assert_array_equal(shared_layer(Merge("add", ("x",)), None, [one, other]), one + 2)
    joined = shared_layer(Merge("concat", ("x",)), None, [one, other])
    np.testing.assert_array_equal(joined, [[1, 1, 1, 2, 2, 2]] * 2)


def test_one_unit_is_two_classes() -> None:
    """The softmax of 0 and z is σ of z for label 1."""
    logits = two_logits(jnp.array([[1.5], [-3.0]]))

    np.testing.assert_array_equal(logits, [[0, 1.5], [0, -3.0]])
