"""Programs that answer one question about the CNN with many rows: gradients and interventions.

They compile after the server is ready, and leave predict and trace as they are.
"""

from collections.abc import Mapping
from itertools import accumulate, pairwise
from math import prod
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from models.architecture import CLASSES, HEIGHT, LAYERS, WIDTH
from models.cnn.programs import intensities
from models.runtime.parameters import GraphDefinition, Parameters
from models.runtime.programs import ANALYSIS_BUCKETS, Program

if TYPE_CHECKING:
    from models.cnn.network import SimpleCNN
else:
    SimpleCNN = Any

_ENDS = (0, *accumulate(prod(layer.shape) for layer in LAYERS.values()))

PLACES: Mapping[str, slice] = {
    name: slice(*ends) for name, ends in zip(LAYERS, pairwise(_ENDS), strict=True)
}
"""Where each layer's values stand, flattened, when those of all layers stand in one row."""

VALUES = _ENDS[-1]
"""How many values all layers have together."""

MAPS = tuple(name for name, layer in LAYERS.items() if layer.field)
"""The layers that have maps."""

LINEAR = tuple(n for n, one in LAYERS.items() if one.kind in {"pre_activation", "logits"})
"""The layers before a nonlinearity, where a value that is below zero can still be pushed."""

_PUSHED_ENDS = (0, *accumulate(prod(LAYERS[name].shape) for name in LINEAR))

PUSHED: Mapping[str, slice] = {
    name: slice(*ends) for name, ends in zip(LINEAR, pairwise(_PUSHED_ENDS), strict=True)
}
"""The same as `PLACES`, for the layers before a nonlinearity alone."""

SCORE_BUCKETS = (*ANALYSIS_BUCKETS, 64)
GRADIENT_BUCKETS = (*ANALYSIS_BUCKETS, 52)
"""These two have many rows more often than not, and more rows at a time cost less each: 64 forward
passes, or 50 nodes of integrated gradients and both ends, still take no more than some 10 ms."""

INTERVENTION_BUCKETS = (8,)
"""One only: results are equal to the bit within a bucket, whoever else's rows are in it, so a run
without an edit is the baseline to the bit."""

_FLOAT_IMAGE = jax.ShapeDtypeStruct((HEIGHT, WIDTH), jnp.float32)
_TARGET = jax.ShapeDtypeStruct((CLASSES,), jnp.float32)


def _flat(count: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((count,), jnp.float32)


def cnn_analyses(
    graphdef: GraphDefinition[SimpleCNN], differentiable: GraphDefinition[SimpleCNN]
) -> list[Program]:
    """Declare the programs.

    `cnn.score`: logits of images with any intensities. `cnn.gradient`: of a weighted sum of logits,
    with respect to the image. `cnn.layer_gradient`: the same with respect to every map.
    `cnn.push`: of a weighted sum of values before nonlinearities, with respect to the image.
    `cnn.intervene`: a trace in which every value v goes on as v · scale + shift.

    Args:
        skeleton: The network.
        differentiable: The same, with a convolution that is fast to differentiate by its input.
    """

    def score(parameters: Parameters, rows: Mapping[str, Array]) -> dict[str, Array]:
        return {"logits": graphdef.merge(parameters)(rows["image"][..., None])}

    def gradient(parameters: Parameters, rows: Mapping[str, Array]) -> dict[str, Array]:
        model = differentiable.merge(parameters)
        logits, back = jax.vjp(lambda image: model(image[..., None]), rows["image"])
        (by_image,) = back(rows["target"])
        return {"logits": logits, "gradient": by_image}

    def layer_gradient(parameters: Parameters, rows: Mapping[str, Array]) -> dict[str, Array]:
        model, image = differentiable.merge(parameters), rows["image"][..., None]

        def moved(offsets: Mapping[str, Array]) -> tuple[Array, dict[str, Array]]:
            values: dict[str, Array] = {}

            def through(name: str, value: Array) -> Array:
                values[name] = value + offsets[name] if name in offsets else value
                return values[name]

            trace = model.trace(image, through)
            return trace.logits, {name: values[name] for name in MAPS}

        offsets = {name: jnp.zeros((len(image), *LAYERS[name].shape), jnp.float32) for name in MAPS}
        logits, back, values = jax.vjp(moved, offsets, has_aux=True)
        (gradients,) = back(rows["target"])
        named = {f"{name}.gradient": value for name, value in gradients.items()}
        return {"logits": logits, **values, **named}

    def push(parameters: Parameters, rows: Mapping[str, Array]) -> dict[str, Array]:
        model, weights = differentiable.merge(parameters), rows["weights"]

        def objective(image: Float[Array, "batch 28 28"]) -> Float[Array, " batch"]:
            trace = model.trace(image[..., None])._asdict()
            values = [trace[name].reshape(len(image), -1) for name in LINEAR]
            return (jnp.concatenate(values, axis=1) * weights).sum(axis=1)

        value, back = jax.vjp(objective, rows["image"])
        (by_image,) = back(jnp.ones_like(value))
        return {"value": value[:, None], "gradient": by_image}

    def intervene(parameters: Parameters, rows: Mapping[str, Array]) -> dict[str, Array]:
        def through(name: str, value: Array) -> Array:
            scale, shift = (
                rows[each][:, PLACES[name]].reshape(value.shape) for each in ("scale", "shift")
            )
            return value * scale + shift

        trace = graphdef.merge(parameters).trace(intensities(rows["image"]), through)
        return trace._asdict()

    image = jax.ShapeDtypeStruct((HEIGHT, WIDTH), jnp.uint8)
    edited = {"image": image, "scale": _flat(VALUES), "shift": _flat(VALUES)}
    pushed = {"image": _FLOAT_IMAGE, "weights": _flat(_PUSHED_ENDS[-1])}
    aimed = {"image": _FLOAT_IMAGE, "target": _TARGET}
    return [
        Program("cnn.score", score, {"image": _FLOAT_IMAGE}, SCORE_BUCKETS),
        Program("cnn.gradient", gradient, aimed, GRADIENT_BUCKETS),
        Program("cnn.layer_gradient", layer_gradient, aimed, ANALYSIS_BUCKETS),
        Program("cnn.push", push, pushed, ANALYSIS_BUCKETS),
        Program("cnn.intervene", intervene, edited, INTERVENTION_BUCKETS),
    ]


def no_edit() -> tuple[np.ndarray, np.ndarray]:
    """Return scale and shift of every value that leave it as it is."""
    return np.ones(VALUES, np.float32), np.zeros(VALUES, np.float32)
