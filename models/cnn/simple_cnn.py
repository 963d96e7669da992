"""SimpleCNN, the shipped network of digits, as training and measurements build it."""

from functools import cache

import jax
from flax import nnx

from models.architecture import Architecture
from models.cnn.gradients import max_pool
from models.cnn.maps import Convolve, Halve
from models.cnn.network import ImageNetwork
from models.derivation import read_architecture
from models.model_files import SHIPPED


@cache
def simple_architecture() -> Architecture:
    """Return the architecture of SimpleCNN, which its declaration gives."""
    return read_architecture(SHIPPED / "cnn")


def simple_cnn(
    rngs: nnx.Rngs,
    convolve: Convolve = jax.lax.conv_general_dilated,
    halve: Halve = max_pool,
) -> ImageNetwork:
    """Build SimpleCNN with initial parameters.

    Args:
        rngs: Random streams of the initial parameters.
        convolve: Convolution, as of `ImageNetwork`.
        halve: Max pool of 2x2 windows.
    """
    return ImageNetwork(simple_architecture(), rngs, convolve, halve)
