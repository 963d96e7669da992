"""Network of images: a Flax module built from its architecture that returns all activations."""

from collections.abc import Callable
from typing import Any

import jax
from flax import nnx
from jaxtyping import Array, Float

from models.architecture import INPUT, Architecture, Node
from models.cnn.gradients import max_pool
from models.cnn.maps import Convolve, Halve, convolution, flatten, pool, pool_whole
from models.declaration.operations import Conv, Flatten, GlobalPool, Pool
from models.layers import shared_layer, shared_module, two_logits

ActivationHook = Callable[[str, Array], Array]
"""Hook in the forward pass of an image network: layer name and value to the value to go on with."""

Images = Float[Array, "batch height width channels"]


class ImageNetwork(nnx.Module):
    """Network of images, with an attribute for each layer that has parameters.

    Args:
        architecture: Layers of the network.
        rngs: Random streams of the initial parameters.
        convolve: Convolution with the signature of `jax.lax.conv_general_dilated`.
        halve: Max pool of 2x2 windows side by side.
    """

    def __init__(
        self,
        architecture: Architecture,
        rngs: nnx.Rngs,
        convolve: Convolve = jax.lax.conv_general_dilated,
        halve: Halve = max_pool,
    ) -> None:
        self._architecture = architecture
        # An argument, so that programs can replace the gradient of pooling, not its values.
        self._halve = halve
        for node in architecture.nodes:
            module = _module(node, _read_shape(architecture, node), rngs, convolve)
            if module is not None:
                setattr(self, node.name, module)

    def trace(
        self, images: Images, hook: ActivationHook = lambda _, value: value
    ) -> dict[str, Array]:
        """Run the forward pass of the network on images and return every activation.

        Args:
            images: Values that the first layer reads: intensities in [0, 1], or what mean and
                standard deviation of the declaration make of them.
            hook: Called with the name and the value of each activation; the value that it returns
                is passed on and traced. For interventions, or gradients at a layer.

        Returns:
            Values of `Architecture.layers` by name, in the order of computation; maps are channel
            last.
        """
        outputs, values = {INPUT: images}, {}
        for node in self._architecture.nodes:
            output = self._output(node, [outputs[name] for name in node.inputs])
            if node.value is not None:
                output = values[node.value] = hook(node.value, output)
            outputs[node.name] = output
        if self._architecture.is_sigmoid:
            values["logits"] = hook("logits", two_logits(output))
        return values

    def __call__(self, images: Images) -> Float[Array, "batch classes"]:
        """Return the logits of an image network for its classes."""
        return self.trace(images)["logits"]

    def _output(self, node: Node, read: list[Array]) -> Array:
        """Compute the output of one layer of an image network."""
        match node.operation:
            case Pool():
                return pool(node.operation, read[0], self._halve)
            case GlobalPool():
                return pool_whole(node.operation, read[0])
            case Flatten():
                return flatten(read[0])
            case _:
                return shared_layer(node.operation, vars(self).get(node.name), read)


def _module(node: Node, shape: tuple[int, ...], rngs: nnx.Rngs, convolve: Convolve) -> Any:
    """Return the module of a layer of an image network; None where it has no parameters."""
    if isinstance(node.operation, Conv):
        return convolution(node.operation, shape, rngs, convolve)
    return shared_module(node.operation, shape[-1], rngs)


def _read_shape(architecture: Architecture, node: Node) -> tuple[int, ...]:
    """Return the shape that a layer of an image network reads, without the batch axis."""
    image = architecture.image
    if node.inputs[0] == INPUT:
        return (image.height, image.width, image.channels)
    return architecture.node(node.inputs[0]).shape
