"""Analysis programs of the CNN: gradients, activation maximisation and interventions.

They are compiled after the server is ready, apart from predict and trace, which they leave as they
are.
"""

from collections.abc import Mapping
from functools import partial
from itertools import accumulate, pairwise
from math import prod
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from models.cnn.programs import channel_first, intensities
from models.cnn.random_convolutions import CONVOLUTION_PARAMETERS
from models.runtime.parameters import GraphDefinition, Parameters
from models.runtime.programs import ANALYSIS_BUCKETS, Program
from models.simple_networks import CLASSES, CNN_PARAMETERS, HEIGHT, LAYERS, WIDTH

if TYPE_CHECKING:
    from models.cnn.network import SimpleCNN
else:
    SimpleCNN = Any

_ENDS = (0, *accumulate(prod(layer.shape) for layer in LAYERS.values()))

LAYER_SLICES: Mapping[str, slice] = {
    name: slice(*ends) for name, ends in zip(LAYERS, pairwise(_ENDS), strict=True)
}
"""CNN analyses: slice of each layer in the vector of all layers' values, flattened channel last."""

VALUE_COUNT = _ENDS[-1]
"""CNN analyses: length of the vector of all layers' values, that of a row of edits."""

MAP_LAYERS = tuple(name for name, layer in LAYERS.items() if layer.receptive_field)
"""CNN analyses: layers that have feature maps, whose gradients `cnn.layer_gradient` returns."""

LINEAR_LAYERS = tuple(n for n, one in LAYERS.items() if one.kind in {"pre_activation", "logits"})
"""CNN analyses: layers before a nonlinearity, whose negative values still have a gradient."""

_LINEAR_ENDS = (0, *accumulate(prod(LAYERS[name].shape) for name in LINEAR_LAYERS))

LINEAR_SLICES: Mapping[str, slice] = {
    name: slice(*ends) for name, ends in zip(LINEAR_LAYERS, pairwise(_LINEAR_ENDS), strict=True)
}
"""CNN analyses: slice of each linear layer in the weight vector of `cnn.push`.

Each layer is flattened channel last.
"""

# Score and gradient are mostly called with many rows, and a row in a larger batch costs less: 64
# forward passes, or 50 nodes of integrated gradients and both ends, still take about 10 ms.
SCORE_BUCKETS = (*ANALYSIS_BUCKETS, 64)
GRADIENT_BUCKETS = (*ANALYSIS_BUCKETS, 52)

INTERVENTION_BUCKETS = (8,)
"""Batch size of the CNN analysis `cnn.intervene`, a single one.

So a run without edits equals the baseline to the bit, since results are reproducible to the bit
only within one batch size.
"""

CONVOLVED_LAYERS = ("conv1", "pool1", "conv2", "pool2", "relu3")
"""CNN analyses: layers whose feature maps `cnn.convolve` returns."""

CONVOLVED_IMAGES = 20
"""CNN analyses: images in one row of `cnn.convolve`, which take some 10 ms.

Other kernels for each image would be as many convolutions; so the row has several images, and the
program one batch size.
"""

_IMAGE = jax.ShapeDtypeStruct((HEIGHT, WIDTH), jnp.uint8)
_IMAGES = jax.ShapeDtypeStruct((CONVOLVED_IMAGES, HEIGHT, WIDTH), jnp.uint8)
_FLOAT_IMAGE = jax.ShapeDtypeStruct((HEIGHT, WIDTH), jnp.float32)
_TARGET = jax.ShapeDtypeStruct((CLASSES,), jnp.float32)
_PER_VALUE = jax.ShapeDtypeStruct((VALUE_COUNT,), jnp.float32)
_PER_LINEAR_VALUE = jax.ShapeDtypeStruct((_LINEAR_ENDS[-1],), jnp.float32)


def cnn_analyses(
    graphdef: GraphDefinition[SimpleCNN], differentiable: GraphDefinition[SimpleCNN]
) -> list[Program]:
    """Declare the analysis programs of the CNN; feature maps and gradients are channel first.

    `cnn.score`: logits of images with any intensities. `cnn.gradient`: gradient of a weighted sum
    of logits with respect to the image. `cnn.layer_gradient`: with respect to every feature map.
    `cnn.push`: value and image gradient of a weighted sum of pre-nonlinearity values, one step of
    activation maximisation. `cnn.intervene`: trace with every value v replaced by v · scale +
    shift. `cnn.convolve`: feature maps of several images with convolutions that the row holds.

    Args:
        graphdef: The network.
        differentiable: The network with a convolution and a pooling that are fast to differentiate
            with respect to their inputs.
    """
    aimed = {"image": _FLOAT_IMAGE, "target": _TARGET}
    weighted = {"image": _FLOAT_IMAGE, "weights": _PER_LINEAR_VALUE}
    edited = {"image": _IMAGE, "scale": _PER_VALUE, "shift": _PER_VALUE}
    convolutions = {
        name: jax.ShapeDtypeStruct(CNN_PARAMETERS[name], jnp.float32)
        for name in CONVOLUTION_PARAMETERS
    }
    convolved = {"images": _IMAGES, **convolutions}
    layer_gradient = partial(_layer_gradient, differentiable)
    maximise = partial(_maximise, differentiable)
    return [
        Program("score", partial(_score, graphdef), {"image": _FLOAT_IMAGE}, SCORE_BUCKETS),
        Program("gradient", partial(_gradient, differentiable), aimed, GRADIENT_BUCKETS),
        Program("layer_gradient", layer_gradient, aimed, ANALYSIS_BUCKETS),
        # The label of this program in /metrics, which dashboards may rely on.
        Program("push", maximise, weighted, ANALYSIS_BUCKETS),
        Program("intervene", partial(_intervene, graphdef), edited, INTERVENTION_BUCKETS),
        Program("convolve", partial(_convolve, graphdef), convolved, (1,)),
    ]


def _score(
    graphdef: GraphDefinition[SimpleCNN], parameters: Parameters, rows: Mapping[str, Array]
) -> dict[str, Array]:
    """CNN analysis `cnn.score`: compute logits of images with intensities of any size."""
    return {"logits": graphdef.merge(parameters)(rows["image"][..., None])}


def _gradient(
    graphdef: GraphDefinition[SimpleCNN], parameters: Parameters, rows: Mapping[str, Array]
) -> dict[str, Array]:
    """CNN analysis `cnn.gradient`: logits, and the gradient of their weighted sum by the image."""
    model = graphdef.merge(parameters)
    logits, back = jax.vjp(lambda image: model(image[..., None]), rows["image"])
    (by_image,) = back(rows["target"])
    return {"logits": logits, "gradient": by_image}


def _layer_gradient(
    graphdef: GraphDefinition[SimpleCNN], parameters: Parameters, rows: Mapping[str, Array]
) -> dict[str, Array]:
    """CNN analysis `cnn.layer_gradient`: feature maps, and the gradient of a weighted logit sum.

    The gradient is with respect to the maps.

    Each map gets a zero offset: the gradient with respect to the offset is that of the map.
    """
    model, image = graphdef.merge(parameters), rows["image"][..., None]

    def logits_of(offsets: Mapping[str, Array]) -> tuple[Array, dict[str, Array]]:
        maps: dict[str, Array] = {}

        def add_offset(name: str, value: Array) -> Array:
            if name in offsets:
                value = maps[name] = value + offsets[name]
            return value

        logits = model.trace(image, add_offset).logits
        return logits, maps

    zeros = {name: jnp.zeros((len(image), *LAYERS[name].shape), jnp.float32) for name in MAP_LAYERS}
    # The maps are auxiliary outputs, so that one forward pass gives values and gradients.
    logits, back, maps = jax.vjp(logits_of, zeros, has_aux=True)
    (gradients,) = back(rows["target"])
    named = {f"{name}.gradient": value for name, value in gradients.items()}
    return {"logits": logits, **channel_first(maps | named)}


def _maximise(
    graphdef: GraphDefinition[SimpleCNN], parameters: Parameters, rows: Mapping[str, Array]
) -> dict[str, Array]:
    """CNN analysis `cnn.push`: objective of activation maximisation, and gradient by the image."""
    model, weights = graphdef.merge(parameters), rows["weights"]

    def objective(image: Float[Array, "batch 28 28"]) -> Float[Array, " batch"]:
        trace = model.trace(image[..., None])._asdict()
        values = [trace[name].reshape(len(image), -1) for name in LINEAR_LAYERS]
        return (jnp.concatenate(values, axis=1) * weights).sum(axis=1)

    value, back = jax.vjp(objective, rows["image"])
    (by_image,) = back(jnp.ones_like(value))
    return {"value": value[:, None], "gradient": by_image}


def _intervene(
    graphdef: GraphDefinition[SimpleCNN], parameters: Parameters, rows: Mapping[str, Array]
) -> dict[str, Array]:
    """CNN analysis `cnn.intervene`: trace with each value v replaced by v · scale + shift.

    The next layer reads the replaced value.
    """

    def edit(name: str, value: Array) -> Array:
        scale, shift = (
            rows[each][:, LAYER_SLICES[name]].reshape(value.shape) for each in ("scale", "shift")
        )
        return value * scale + shift

    trace = graphdef.merge(parameters).trace(intensities(rows["image"]), edit)
    return channel_first(trace._asdict())


def _convolve(
    graphdef: GraphDefinition[SimpleCNN], parameters: Parameters, rows: Mapping[str, Array]
) -> dict[str, Array]:
    """CNN analysis `cnn.convolve`: compute feature maps with the convolutions of the single row."""
    convolutions = {name: rows[name][0] for name in CONVOLUTION_PARAMETERS}
    network = graphdef.merge({**parameters, **convolutions})
    trace = network.trace(intensities(rows["images"][0]))._asdict()
    maps = channel_first({name: trace[name] for name in CONVOLVED_LAYERS})
    return {name: values[None] for name, values in maps.items()}


def no_edit() -> tuple[np.ndarray, np.ndarray]:
    """Return scale (ones) and shift (zeros) of a CNN intervention that edits no layer's values."""
    return np.ones(VALUE_COUNT, np.float32), np.zeros(VALUE_COUNT, np.float32)
