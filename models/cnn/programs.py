"""Predict and trace programs of the CNN, and the run of one image through one of them."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8

from models.cnn import ood_detector
from models.runtime.parameters import GraphDefinition, Parameters
from models.runtime.programs import Call, Program, Row, Run
from models.simple_networks import HEIGHT, WIDTH

if TYPE_CHECKING:  # importing it imports Flax, which only compiling needs
    from models.cnn.network import SimpleCNN
else:
    SimpleCNN = Any


def intensities(
    image: UInt8[Array, "batch 28 28"],
) -> Float[Array, "batch 28 28 1"]:
    """Scale the pixels of images from 0 to 255 to the input range [0, 1] of the CNN's programs."""
    return image[..., None].astype(jnp.float32) / 255.0


def channel_first(values: Mapping[str, Array]) -> dict[str, Array]:
    """Move the channel axis of layer values to the front, for the outputs of every CNN program.

    It moves from last to right after the batch axis.

    Every program of the CNN returns maps in this layout, which is the one that responses have. XLA
    transposes in next to no time.
    """
    return {name: jnp.moveaxis(value, -1, 1) for name, value in values.items()}


def cnn_programs(graphdef: GraphDefinition[SimpleCNN]) -> list[Program]:
    """Declare the programs predict and trace of the CNN, whose images are integers from 0 to 255.

    Both also return the out-of-distribution score of the image, which every response warns by.
    """
    row = {"image": jax.ShapeDtypeStruct((HEIGHT, WIDTH), jnp.uint8)}
    return [
        Program("predict", partial(_predict, graphdef), row),
        Program("trace", partial(_trace, graphdef), row),
    ]


def _predict(
    graphdef: GraphDefinition[SimpleCNN], parameters: Parameters, rows: Mapping[str, Array]
) -> dict[str, Array]:
    """Program `cnn.predict`: compute the logits and the out-of-distribution score of images."""
    image = intensities(rows["image"])
    logits = graphdef.merge(parameters)(image)
    # Named for the key of responses.
    return {"logits": logits, "unfamiliarity": ood_detector.ood_scores(parameters, image)}


def _trace(
    graphdef: GraphDefinition[SimpleCNN], parameters: Parameters, rows: Mapping[str, Array]
) -> dict[str, Array]:
    """Program `cnn.trace`: compute values of all layers, and the out-of-distribution score."""
    image = intensities(rows["image"])
    values = channel_first(graphdef.merge(parameters).trace(image)._asdict())
    return values | {"unfamiliarity": ood_detector.ood_scores(parameters, image)}


def run_cnn(program: str, row: Row, outputs: frozenset[str]) -> Run:
    """Run one image through one program of the CNN in a single call."""
    (got,) = yield (Call(f"{program}", row, outputs),)
    return got
