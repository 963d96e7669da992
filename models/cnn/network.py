"""SimpleCNN: a small convolutional network for 28x28 digits that returns all activations."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from flax import nnx
from jaxtyping import Array, Float

from models.cnn.gradients import max_pool
from models.simple_networks import CLASSES


class CNNTrace(NamedTuple):
    """Activations of one forward pass of SimpleCNN, in the order of computation."""

    conv1: Float[Array, "*batch 28 28 32"]
    relu1: Float[Array, "*batch 28 28 32"]
    pool1: Float[Array, "*batch 14 14 32"]
    conv2: Float[Array, "*batch 14 14 64"]
    relu2: Float[Array, "*batch 14 14 64"]
    pool2: Float[Array, "*batch 7 7 64"]
    conv3: Float[Array, "*batch 7 7 64"]
    relu3: Float[Array, "*batch 7 7 64"]
    dense1: Float[Array, "*batch 128"]
    relu4: Float[Array, "*batch 128"]
    logits: Float[Array, "*batch 10"]


ActivationHook = Callable[[str, Array], Array]
"""Hook in SimpleCNN's forward pass: layer name and value to the value to continue with."""


class SimpleCNN(nnx.Module):
    """SimpleCNN: three 3x3 convolutions, two 2x2 max-pools, two dense layers; 458,570 parameters.

    Args:
        rngs: Random streams of the initial parameters.
        convolve: Convolution with the signature of `jax.lax.conv_general_dilated`.
        pool: Pooling of 2x2 windows.
    """

    def __init__(
        self,
        rngs: nnx.Rngs,
        convolve: Callable[..., Any] = jax.lax.conv_general_dilated,
        pool: Callable[[Array], Array] = max_pool,
    ) -> None:
        def conv(inputs: int, outputs: int) -> nnx.Conv:
            return nnx.Conv(inputs, outputs, (3, 3), conv_general_dilated=convolve, rngs=rngs)

        self.conv1 = conv(1, 32)
        self.conv2 = conv(32, 64)
        self.conv3 = conv(64, 64)
        self.dense1 = nnx.Linear(7 * 7 * 64, 128, rngs=rngs)
        self.output = nnx.Linear(128, CLASSES, rngs=rngs)
        # An argument, so that programs can replace the gradient of pooling, not its values.
        self.pool = pool

    def trace(
        self,
        image: Float[Array, "batch 28 28 1"],
        hook: ActivationHook = lambda _, value: value,
    ) -> CNNTrace:
        """Run the forward pass of SimpleCNN on images and return every activation.

        Args:
            image: Intensities in [0, 1]: 0 is ground, 1 is full ink.
            hook: Called with the name and the value of each activation; the value that it returns
                is passed on and traced. For interventions, or gradients at a layer.

        Returns:
            Values before and after every nonlinearity; maps are channel last.
        """
        conv1 = hook("conv1", self.conv1(image))
        relu1 = hook("relu1", nnx.relu(conv1))
        pool1 = hook("pool1", self.pool(relu1))
        conv2 = hook("conv2", self.conv2(pool1))
        relu2 = hook("relu2", nnx.relu(conv2))
        pool2 = hook("pool2", self.pool(relu2))
        conv3 = hook("conv3", self.conv3(pool2))
        relu3 = hook("relu3", nnx.relu(conv3))
        # Flattened channel last, the order of rows of the kernel in every checkpoint.
        dense1 = hook("dense1", self.dense1(relu3.reshape(len(image), -1)))
        relu4 = hook("relu4", nnx.relu(dense1))
        logits = hook("logits", self.output(relu4))
        return CNNTrace(
            conv1, relu1, pool1, conv2, relu2, pool2, conv3, relu3, dense1, relu4, logits
        )

    def __call__(self, image: Float[Array, "batch 28 28 1"]) -> Float[Array, "batch 10"]:
        """Return the logits of SimpleCNN for the ten digits."""
        return self.trace(image).logits
