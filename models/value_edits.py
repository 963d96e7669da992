"""Edits of values in the programs of interventions."""

import jax.numpy as jnp
from jaxtyping import Array


def edited(value: Array, scale: Array, shift: Array) -> Array:
    """Return v · scale + shift of each value; a scale of 0 replaces even an infinite value."""
    return jnp.where(scale == 0, shift, value * scale + shift)
