"""Probes `predict`, `activations` and `channel` of images: class probabilities, feature maps."""

from typing import Annotated

import numpy as np
from jaxtyping import Float
from pydantic import BeforeValidator, Field

from models.architecture import Architecture
from probes.cnn.images import picture
from probes.cnn.layer_values import signed_layers
from probes.cnn.reduction import Reduction, reduced, reduction_of
from probes.declaration import (
    Indices,
    ModelContext,
    Parameters,
    Probe,
    ProbeCall,
    ProbeContext,
    Ranged,
    ResultWarning,
    split_commas,
)
from probes.figures import colours
from probes.figures.figures import (
    Bars,
    Box,
    Colour,
    Coordinates,
    Figure,
    Heatmap,
    Measure,
    Overlay,
    Panels,
    Scope,
    Tensor,
    Tiles,
)
from probes.shared.checks import check_channel_index
from probes.shared.choices import LayerChoice, shown
from probes.shared.class_probabilities import class_bars
from probes.shared.needs import MAPS

MapName = Annotated[str, LayerChoice(lambda network: network.maps)]
"""Type of a parameter that names a layer with activations in maps."""

LayerName = Annotated[str, LayerChoice(lambda network: network.layers)]
"""Type of a parameter that names any layer with activations."""

LastMapName = Annotated[
    str, LayerChoice(lambda network: network.maps, lambda network: next(reversed(network.maps), ""))
]
"""Type of a parameter that names a layer with activations in maps, by default the last one."""

ACTIVATION_LIMIT = 4.0
"""Upper limit of the `fixed` colour range of activations; few of the shipped network exceed it."""


def kernel_of(
    model: ModelContext, module: str, channel: int
) -> Float[np.ndarray, "inputs height width"]:
    """Return the kernel behind one channel of a convolution's activations, input channel first."""
    # What `np.moveaxis` does with its arguments takes longer than to copy a kernel.
    kernel = model.weights[f"{module}.kernel"][..., channel]
    return np.ascontiguousarray(kernel.transpose(2, 0, 1))


def predict(context: ProbeContext[Parameters]) -> Figure:
    """Predicted class and class probabilities, the activations of the network's output layer.

    Probabilities are the softmax of the logits. They can be high for images of no class too: read
    the warnings. For weights with a calibration, `prediction.reliability` states in a sentence how
    often predictions of such a probability are right on MNIST's test images, and
    `prediction.calibrated` has probabilities that agree with that accuracy on average; they are no
    detector of other images.
    """
    bars = class_bars(context.probabilities, context.model.architecture.classes)
    return Panels("Prediction", (Heatmap("What the network sees", picture(context), "x"), bars))


class ActivationsParameters(Ranged):
    """Parameters of the probe `activations`: layers and channels to show, and the colour range."""

    layers: Annotated[
        list[str],
        BeforeValidator(split_commas),
        Field(min_length=1),
        LayerChoice(lambda network: (*network.layers, "all"), shown, is_limited=True),
    ] = Field(
        [],
        description="Layers to show, in this order; `all` for all layers; default those after a "
        "nonlinearity or a pool. `conv` and `dense` are values before the nonlinearity, `relu` "
        "after it, `pool` after pooling.",
    )
    channels: Indices | None = Field(
        None, description="Channels (of a dense layer: units) to show; default all."
    )
    reduce: bool = Field(
        True,
        description="Whether activations of more than 131,072 values are reduced, with a warning: "
        "to the first 16 channels of a map, and to means of blocks; `false` for all values.",
    )

    def names(self, architecture: Architecture) -> list[str]:
        """Return the layers whose activations the request selects, without duplicates."""
        chosen = architecture.layers if "all" in self.layers else dict.fromkeys(self.layers)
        return list(chosen)

    def reduction(self, architecture: Architecture) -> Reduction | None:
        """Return the reduction of the activations that the request selects; None for all values."""
        if not self.reduce:
            return None
        channels = None if self.channels is None else tuple(self.channels)
        return reduction_of(architecture, tuple(self.names(architecture)), channels)


def check_channels(call: ProbeCall[ActivationsParameters]) -> None:
    """Raise `ParameterError` for activations of a channel that a selected layer does not have."""
    parameters, architecture = call.parameters, call.model.architecture
    if parameters.channels is None:
        return
    largest = max(parameters.channels)
    for layer in parameters.names(architecture):
        count = architecture.layers[layer].shape[-1]
        check_channel_index("channels", layer, largest, count)


def activations(context: ProbeContext[ActivationsParameters]) -> Figure:
    """Activations of selected layers: feature maps by channel, dense layers by unit.

    Maps are channel first: `axes` is `channel, y, x` for convolutions, ReLUs and pools, and
    `channel` for dense layers. `range` says which values share a colour scale. Of a large network
    maps are reduced, with a warning: coordinates are then the first row and column of each block.
    """
    parameters, architecture = context.parameters, context.model.architecture
    limit = parameters.reduction(architecture)
    layers = [_layer(context, name, limit) for name in parameters.names(architecture)]
    return Panels("Activations", (Heatmap("What the network sees", picture(context), "x"), *layers))


def _layer(
    context: ProbeContext[ActivationsParameters], name: str, limit: Reduction | None
) -> Figure:
    """Figure of the activations of one layer: tiles of feature maps, or bars of a dense layer."""
    parameters = context.parameters
    architecture = context.model.architecture
    values = context.outputs[name]
    chosen: Coordinates = {} if parameters.channels is None else {"channel": parameters.channels}
    # Indexing copies, so without a selection the program's array is passed on as it is.
    values = values[parameters.channels] if chosen else values
    if limit is not None and values.ndim > 1:
        values, names = reduced(values, limit)
        chosen = {**chosen, **names}
    axes = ("channel", "y", "x")[: values.ndim]
    scope = parameters.range if values.ndim > 1 else _whole(parameters.range)
    colour = _colour(architecture, name, values, parameters.cmap, scope)
    tensor = Tensor(name, architecture.layers[name].kind, axes, values, chosen, colour)
    title = f"{name} · {' × '.join(map(str, values.shape))}"
    return Tiles(title, tensor) if values.ndim > 1 else Bars(title, tensor)


def _colour(
    architecture: Architecture, name: str, values: np.ndarray, cmap: str, scope: Scope
) -> Colour:
    """Return the colour rule of activations: diverging about zero where values can be negative."""
    if name in signed_layers(architecture):
        return colours.signed(values, scope, ACTIVATION_LIMIT)
    return colours.non_negative(values, cmap, scope, ACTIVATION_LIMIT)


def _whole(scope: Scope) -> Scope:
    """Return the colour scope of activations without channel axis: a vector or one channel."""
    return "fixed" if scope == "fixed" else "layer"


def activation_warnings(context: ProbeContext[ActivationsParameters]) -> list[ResultWarning]:
    """Warn about activations that are reduced."""
    limit = context.parameters.reduction(context.model.architecture)
    if limit is None:
        return []
    message = (
        f"These layers have {limit.values:,} values: of each map the first {limit.channels} "
        f"channels are shown, and of one larger than {limit.side} x {limit.side} the means of "
        "blocks. Ask with reduce=false for all values, or for fewer layers and channels."
    )
    return [ResultWarning("reduced", message)]


class ChannelParameters(Ranged):
    """Parameters of the image probe `channel`: layer and channel whose activations to show."""

    layer: MapName = Field(description="Layer with feature maps.")
    channel: int = Field(ge=0, description="Channel of the layer, counted from 0.")


def check_channel(call: ProbeCall[ChannelParameters]) -> None:
    """Raise `ParameterError` for activations of one channel that its layer does not have."""
    parameters = call.parameters
    count = call.model.architecture.layers[parameters.layer].shape[-1]
    check_channel_index("channel", parameters.layer, parameters.channel, count)


def channel(context: ProbeContext[ChannelParameters]) -> Figure:
    """Activations of one channel over the picture, its kernel, and its peak's receptive field.

    The box is the receptive field of the map's largest value: the part of the picture that this
    value depends on. A ReLU or a pool has the kernel of the convolution before it; a layer that
    merges several has none.
    """
    parameters, architecture = context.parameters, context.model.architecture
    name, index = parameters.layer, parameters.channel
    layer = architecture.layers[name]
    values = context.outputs[name][index]
    # A single channel has no channel axis, so its colour range is that of the whole tensor.
    colour = _colour(architecture, name, values, parameters.cmap, _whole(parameters.range))
    shown = Tensor(f"{name}.{index}", layer.kind, ("y", "x"), values, colour=colour)
    y, x = (int(at) for at in np.unravel_index(values.argmax(), values.shape))
    box = receptive_field(architecture, name, y, x)
    overlay = Overlay(
        f"{name}, channel {index}, over the picture",
        picture(context),
        shown,
        (box,),
        (*_statistics(values), Measure("peak_y", y), Measure("peak_x", x), *_sides(box)),
    )
    kernel = (_kernel(context, layer.parameters, index),) if layer.parameters else ()
    return Panels(f"{name}, channel {index}", (overlay, *kernel))


def receptive_field(architecture: Architecture, layer: str, y: int, x: int) -> Box:
    """Return the box of pixels that one activation depends on: its receptive field, clipped."""
    fields = architecture.layers[layer].receptive_field
    if fields is None:
        # A unit of a dense layer depends on the whole image.
        return Box(0, 0, architecture.image.height - 1, architecture.image.width - 1)
    (top, bottom), (left, right) = fields[0].span(y), fields[1].span(x)
    return Box(top, left, bottom, right)


def _sides(box: Box) -> tuple[Measure, ...]:
    return tuple(
        Measure(f"receptive_field_{side}", getattr(box, side), "pixels")
        for side in ("top", "left", "bottom", "right")
    )


def _statistics(values: Float[np.ndarray, "height width"]) -> tuple[Measure, ...]:
    """Measures of the activations of a feature map: maximum, mean and share of positive values."""
    return (
        Measure("max", float(values.max())),
        Measure("mean", float(values.mean())),
        Measure("active_fraction", float((values > 0).mean())),
    )


def _kernel(context: ProbeContext[Parameters], module: str, index: int) -> Tiles:
    """Figure of the kernel behind one channel's activations, a tile for each input channel."""
    values = kernel_of(context.model, module, index)
    bias = context.model.weights.get(f"{module}.bias")
    tensor = Tensor(
        f"{module}.kernel.{index}",
        "filter",
        ("input_channel", "y", "x"),
        values,
        colour=colours.signed(values),
    )
    measures = () if bias is None else (Measure("bias", float(bias[index])),)
    return Tiles(f"Its kernel, by input channel ({module})", tensor, measures=measures)


PROBES = (
    Probe(family="image", name="predict", figure=predict, program="predict", checkpoints=True),
    Probe(
        family="image",
        name="activations",
        figure=activations,
        checkpoints=True,
        parameters=ActivationsParameters,
        program="trace",
        outputs=lambda network, parameters: parameters.names(network),
        check=check_channels,
        warnings=activation_warnings,
        example={"layers": "relu1,pool1", "channels": "0,7,31"},
    ),
    Probe(
        family="image",
        name="channel",
        figure=channel,
        checkpoints=True,
        parameters=ChannelParameters,
        program="trace",
        outputs=lambda _, parameters: (parameters.layer,),
        check=check_channel,
        needs=(MAPS,),
        example={"layer": "relu2", "channel": "7"},
    ),
)
