"""Programs predict and trace of networks of images, and the run of one image through one."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8

from models.architecture import Architecture
from models.cnn import ood_detector
from models.cnn.layout import layout_of
from models.runtime.parameters import GraphDefinition, Parameters
from models.runtime.programs import Call, Program, Row, Run

if TYPE_CHECKING:  # importing it imports Flax, which only compiling needs
    from models.cnn.network import ImageNetwork
else:
    ImageNetwork = Any


def network_definition(
    architecture: Architecture, *, differentiable: bool = False
) -> GraphDefinition[ImageNetwork]:
    """Return the graph definition of a network of images.

    Args:
        architecture: Layers of the network.
        differentiable: Whether common convolutions and pools are those that are fast to
            differentiate with respect to their inputs.
    """

    def build() -> ImageNetwork:
        from flax import nnx  # noqa: PLC0415 - where nothing is compiled, Flax is never imported

        from models.cnn.gradients import convolve_for_inputs, pool_for_inputs  # noqa: PLC0415
        from models.cnn.network import ImageNetwork  # noqa: PLC0415

        chosen = (convolve_for_inputs, pool_for_inputs) if differentiable else ()
        return ImageNetwork(architecture, nnx.Rngs(0), *chosen)

    return GraphDefinition(build)


def intensities(
    image: UInt8[Array, "batch 28 28"],
) -> Float[Array, "batch 28 28 1"]:
    """Scale the pixels of MNIST images from 0 to 255 to the input range [0, 1] of programs."""
    return image[..., None].astype(jnp.float32) / 255.0


def network_values(image: Array) -> Float[Array, "batch height width channels"]:
    """Return the values that a network reads from the images of a program's rows.

    Args:
        image: Integers from 0 to 255 or intensities in [0, 1] of MNIST images, without a channel
            axis; of others the values themselves.
    """
    if image.dtype == jnp.uint8:
        return intensities(image)
    return image[..., None] if image.ndim == 3 else image  # noqa: PLR2004 - batch, rows, columns


def channel_first(values: Mapping[str, Array]) -> dict[str, Array]:
    """Move the channel axis of layer values to the front, for the outputs of every image program.

    It moves from last to right after the batch axis.

    Every program of an image network returns maps in this layout, which is the one that responses
    have. XLA transposes in next to no time.
    """
    return {name: jnp.moveaxis(value, -1, 1) for name, value in values.items()}


def image_row(architecture: Architecture) -> jax.ShapeDtypeStruct:
    """Return the shape and the type of an image in the rows of predict, trace and intervene.

    Images of MNIST are integers from 0 to 255; of others the row holds what the first layer reads.
    """
    layout = layout_of(architecture)
    return jax.ShapeDtypeStruct(layout.image_shape, jnp.uint8 if layout.is_mnist else jnp.float32)


def image_programs(architecture: Architecture) -> list[Program]:
    """Declare the programs predict and trace of a network of images.

    Of images like MNIST's both can also return the out-of-distribution score, by which responses
    warn: the second network is run only where a call of the batch needs the score.
    """
    network = network_definition(architecture)
    scores = ood_detector.ood_scores if layout_of(architecture).is_mnist else None
    optional = frozenset({SCORE} if scores else ())
    row = {"image": image_row(architecture)}
    return [
        Program("predict", partial(_predict, network, scores), row, optional=optional),
        Program("trace", partial(_trace, network, scores), row, optional=optional),
    ]


SCORE = "unfamiliarity"
"""Output of image programs with the out-of-distribution score; also its name in responses."""

Scores = Callable[[Parameters, Array], Array]


def _predict(
    network: GraphDefinition[ImageNetwork],
    scores: Scores | None,
    parameters: Parameters,
    rows: Mapping[str, Array],
) -> dict[str, Array]:
    """Program `predict` of an image network: logits, perhaps the out-of-distribution score."""
    image = network_values(rows["image"])
    found = {"logits": network.merge(parameters)(image)}
    return found | ({SCORE: scores(parameters, image)} if scores else {})


def _trace(
    network: GraphDefinition[ImageNetwork],
    scores: Scores | None,
    parameters: Parameters,
    rows: Mapping[str, Array],
) -> dict[str, Array]:
    """Program `trace` of an image network: all layers, perhaps the out-of-distribution score."""
    image = network_values(rows["image"])
    found = channel_first(network.merge(parameters).trace(image))
    return found | ({SCORE: scores(parameters, image)} if scores else {})


def run_image(program: str, row: Row, outputs: frozenset[str]) -> Run:
    """Run one image through one program of its network in a single call."""
    (got,) = yield (Call(program, row, outputs),)
    return got
