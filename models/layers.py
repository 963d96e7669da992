"""Layers that networks of images and of sequences share: activations, dense, norm, merges."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array

from models.declaration.operations import Activation, Dense, Dropout, Merge, Norm, Operation

ACTIVATION_FUNCTIONS: Mapping[str, Callable[..., Array]] = {
    "relu": nnx.relu,
    "relu6": nnx.relu6,
    "leaky_relu": nnx.leaky_relu,
    "elu": nnx.elu,
    "selu": nnx.selu,
    "gelu": partial(nnx.gelu, approximate=False),
    "gelu_tanh": partial(nnx.gelu, approximate=True),
    "silu": nnx.silu,
    "mish": jax.nn.mish,
    "sigmoid": nnx.sigmoid,
    "hard_sigmoid": nnx.hard_sigmoid,
    "hard_swish": nnx.hard_silu,
    "tanh": nnx.tanh,
    "softplus": nnx.softplus,
    "softsign": nnx.soft_sign,
    "exp": jnp.exp,
}
"""Functions of activation layers by the name that a layer line has."""

SLOPED = frozenset({"leaky_relu", "elu"})
"""Functions of activation layers that take a slope."""


def shared_module(operation: Operation, features: int, rngs: nnx.Rngs) -> nnx.Module | None:
    """Return the module with the parameters of a shared layer; None where it has none.

    Args:
        operation: Kind and size of the layer.
        features: Size of the last axis of its input.
        rngs: Random streams of the initial parameters.
    """
    match operation:
        case Dense(units, bias):
            return nnx.Linear(features, units, use_bias=bias, rngs=rngs)
        case Norm("batch", epsilon):
            return nnx.BatchNorm(features, use_running_average=True, epsilon=epsilon, rngs=rngs)
        case Norm("layer", epsilon):
            # The fast variance E x² - (E x)² loses digits where the mean is large.
            return nnx.LayerNorm(features, epsilon=epsilon, use_fast_variance=False, rngs=rngs)
        case Dropout(rate):
            return nnx.Dropout(rate, deterministic=True)
        case _:
            return None


def shared_layer(operation: Operation, module: Any, values: Sequence[Array]) -> Array:
    """Compute the output of a shared layer, or of another one whose module is its function.

    Args:
        operation: Kind of the layer.
        module: Its parameters; None where it has none.
        values: What it reads, the layer's input first.
    """
    match operation:
        case Activation(function, slope) if function in SLOPED:
            return ACTIVATION_FUNCTIONS[function](values[0], slope)
        case Activation(function):
            return ACTIVATION_FUNCTIONS[function](values[0])
        case Merge("add"):
            return reduce(jnp.add, values)
        case Merge("concat"):
            return jnp.concatenate(values, axis=-1)
        case _ if module is not None:
            return jnp.asarray(module(values[0]))
        case _:
            return values[0]


def two_logits(logit: Array) -> Array:
    """Return the logits of two classes, 0 and the logit of a layer with one unit."""
    return jnp.concatenate([jnp.zeros_like(logit), logit], axis=-1)
