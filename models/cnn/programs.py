"""Predict and trace programs of image networks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8

from models.architecture import HEIGHT, WIDTH
from models.cnn import ood_detector
from models.runtime.parameters import GraphDefinition, Parameters
from models.runtime.programs import Call, Program, Row, Run

if TYPE_CHECKING:  # importing it imports Flax, which only compiling needs
    from models.cnn.network import SimpleCNN
else:
    SimpleCNN = Any


def intensities(
    image: UInt8[Array, "batch 28 28"],
) -> Float[Array, "batch 28 28 1"]:
    """Scale integers 0 to 255 to the network's input in [0, 1]."""
    return image[..., None].astype(jnp.float32) / 255.0


def cnn_programs(graphdef: GraphDefinition[SimpleCNN]) -> list[Program]:
    """Declare predict and trace of the CNN: images in as integers 0 to 255.

    Both also say how unfamiliar an image is, which every answer to one depends on. Maps leave the
    trace channel first, as people look at them: XLA turns them in next to no time.
    """

    def trace(parameters: Parameters, rows: Mapping[str, Array]) -> dict[str, Array]:
        image = intensities(rows["image"])
        values = graphdef.merge(parameters).trace(image)._asdict()
        shown = {name: jnp.moveaxis(value, -1, 1) for name, value in values.items()}
        return shown | {"unfamiliarity": ood_detector.unfamiliarity(parameters, image)}

    def predict(parameters: Parameters, rows: Mapping[str, Array]) -> dict[str, Array]:
        image = intensities(rows["image"])
        logits = graphdef.merge(parameters)(image)
        return {"logits": logits, "unfamiliarity": ood_detector.unfamiliarity(parameters, image)}

    row = {"image": jax.ShapeDtypeStruct((HEIGHT, WIDTH), jnp.uint8)}
    return [Program("cnn.predict", predict, row), Program("cnn.trace", trace, row)]


def run_cnn(program: str, row: Row, outputs: frozenset[str]) -> Run:
    """Send one image through one program."""
    (got,) = yield (Call(f"cnn.{program}", row, outputs),)
    return got
