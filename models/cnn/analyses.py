"""Analysis programs of image networks: gradients, activation maximisation and interventions.

They are compiled apart from predict and trace, which they leave as they are.
"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from models.architecture import Architecture
from models.cnn.layout import CONVOLVED_IMAGES, Layout, layout_of
from models.cnn.programs import channel_first, image_row, network_definition, network_values
from models.runtime.parameters import GraphDefinition, Parameters
from models.runtime.programs import Program
from models.value_edits import edited

if TYPE_CHECKING:
    from models.cnn.network import ImageNetwork
else:
    ImageNetwork = Any


def image_analyses(architecture: Architecture) -> list[Program]:
    """Declare the analysis programs of an image network; maps and gradients are channel first.

    `score`: logits of images of any values. `gradient`: gradient of a weighted sum of logits with
    respect to the image, in the shape of the image. `layer_gradient`: with respect to every feature
    map. `push`: value and image gradient of a weighted sum of pre-nonlinearity values, one step of
    activation maximisation. `intervene`: trace with every value v replaced by v · scale + shift.
    `convolve`, of images like MNIST's: feature maps of several images with convolutions that the
    row holds.
    """
    layout = layout_of(architecture)
    network = network_definition(architecture)
    # Has convolutions and pools that are fast to differentiate with respect to their inputs.
    differentiable = network_definition(architecture, differentiable=True)
    image = {"image": _floats(layout.image_shape)}
    aimed = {**image, "target": _floats((len(architecture.classes),))}
    weighted = {**image, "weights": _floats((layout.linear_count,))}
    edits = dict.fromkeys(("scale", "shift"), _floats((layout.value_count,)))
    edited = {"image": image_row(architecture), **edits}
    layer_gradient = partial(_layer_gradient, differentiable, layout)
    maximise = partial(_maximise, differentiable, layout)
    intervene = partial(_intervene, network, layout)
    return [
        Program("score", partial(_score, network), image, layout.score_buckets),
        Program("gradient", partial(_gradient, differentiable), aimed, layout.gradient_buckets),
        Program("layer_gradient", layer_gradient, aimed, layout.analysis_buckets),
        # The label of this program in /metrics, which dashboards may rely on.
        Program("push", maximise, weighted, layout.analysis_buckets),
        Program("intervene", intervene, edited, layout.intervention_buckets),
        *([_convolve_program(network, layout)] if layout.has_convolve else ()),
    ]


def _convolve_program(network: GraphDefinition[ImageNetwork], layout: Layout) -> Program:
    """Declare the image analysis `convolve`, whose rows hold images and convolutions."""
    shape = layout.architecture.parameters
    images = jax.ShapeDtypeStruct((CONVOLVED_IMAGES, *layout.image_shape), jnp.uint8)
    row = {name: _floats(shape[name]) for name in layout.convolution_parameters}
    return Program("convolve", partial(_convolve, network, layout), {"images": images, **row}, (1,))


def _floats(shape: tuple[int, ...]) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def _score(
    network: GraphDefinition[ImageNetwork], parameters: Parameters, rows: Mapping[str, Array]
) -> dict[str, Array]:
    """Image analysis `score`: compute logits of images of values of any size."""
    return {"logits": network.merge(parameters)(network_values(rows["image"]))}


def _gradient(
    network: GraphDefinition[ImageNetwork], parameters: Parameters, rows: Mapping[str, Array]
) -> dict[str, Array]:
    """Image analysis `gradient`: logits, and the gradient of their weighted sum by the image."""
    model = network.merge(parameters)
    logits, back = jax.vjp(lambda image: model(network_values(image)), rows["image"])
    (by_image,) = back(rows["target"])
    return {"logits": logits, "gradient": by_image}


def _layer_gradient(
    network: GraphDefinition[ImageNetwork],
    layout: Layout,
    parameters: Parameters,
    rows: Mapping[str, Array],
) -> dict[str, Array]:
    """Image analysis `layer_gradient`: feature maps, and the gradient of a weighted logit sum.

    The gradient is with respect to the maps.

    Each map gets a zero offset: the gradient with respect to the offset is that of the map.
    """
    model, image = network.merge(parameters), network_values(rows["image"])
    layers = layout.architecture.layers

    def logits_of(offsets: Mapping[str, Array]) -> tuple[Array, dict[str, Array]]:
        maps: dict[str, Array] = {}

        def add_offset(name: str, value: Array) -> Array:
            if name in offsets:
                value = maps[name] = value + offsets[name]
            return value

        logits = model.trace(image, add_offset)["logits"]
        return logits, maps

    zeros = {
        name: jnp.zeros((len(image), *layers[name].shape), jnp.float32)
        for name in layout.architecture.maps
    }
    # The maps are auxiliary outputs, so that one forward pass gives values and gradients.
    logits, back, maps = jax.vjp(logits_of, zeros, has_aux=True)
    (gradients,) = back(rows["target"])
    named = {f"{name}.gradient": value for name, value in gradients.items()}
    return {"logits": logits, **channel_first(maps | named)}


def _maximise(
    network: GraphDefinition[ImageNetwork],
    layout: Layout,
    parameters: Parameters,
    rows: Mapping[str, Array],
) -> dict[str, Array]:
    """Image analysis `push`: objective of activation maximisation, and gradient by the image."""
    model, weights = network.merge(parameters), rows["weights"]

    def objective(image: Array) -> Float[Array, " batch"]:
        values: list[Array] = []

        def weigh(name: str, value: Array) -> Array:
            if name not in layout.linear_slices:
                return value
            place = layout.linear_slices[name]
            factors = weights[:, place]
            # No term, and no gradient, of values without a weight: they may be infinite.
            terms = jnp.where(factors == 0, 0.0, value.reshape(len(image), -1) * factors)
            values.append(terms)
            is_read = (weights[:, place.stop :] != 0).any(axis=1)
            is_read = is_read.reshape(-1, *(1 for _ in value.shape[1:]))
            return jnp.where(is_read, value, jax.lax.stop_gradient(value))

        model.trace(network_values(image), weigh)
        return jnp.concatenate(values, axis=1).sum(axis=1)

    value, back = jax.vjp(objective, rows["image"])
    (by_image,) = back(jnp.ones_like(value))
    return {"value": value[:, None], "gradient": by_image}


def _intervene(
    network: GraphDefinition[ImageNetwork],
    layout: Layout,
    parameters: Parameters,
    rows: Mapping[str, Array],
) -> dict[str, Array]:
    """Image analysis `intervene`: trace with each value v replaced by v · scale + shift.

    The next layer reads the replaced value.
    """

    def edit(name: str, value: Array) -> Array:
        scale, shift = (
            rows[each][:, layout.slices[name]].reshape(value.shape) for each in ("scale", "shift")
        )
        return edited(value, scale, shift)

    return channel_first(network.merge(parameters).trace(network_values(rows["image"]), edit))


def _convolve(
    network: GraphDefinition[ImageNetwork],
    layout: Layout,
    parameters: Parameters,
    rows: Mapping[str, Array],
) -> dict[str, Array]:
    """Image analysis `convolve`: compute feature maps with the convolutions of the single row."""
    convolutions = {name: rows[name][0] for name in layout.convolution_parameters}
    trace = network.merge({**parameters, **convolutions}).trace(network_values(rows["images"][0]))
    maps = channel_first({name: trace[name] for name in layout.convolved_layers})
    return {name: values[None] for name, values in maps.items()}
