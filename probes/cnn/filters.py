"""Probe `filters`: the learned kernels of a network of images."""

from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float
from pydantic import BeforeValidator, Field

from models.architecture import Architecture
from probes.cnn.layer_values import flattened_shape
from probes.declaration import (
    Indices,
    Probe,
    ProbeCall,
    ProbeContext,
    Ranged,
    Tensors,
    split_commas,
)
from probes.figures import colours
from probes.figures.figures import Bars, Figure, Heatmap, Panels, Tensor, Tiles
from probes.shared.checks import check_channel_index
from probes.shared.choices import LayerChoice, default_convolutions
from probes.shared.needs import KERNELS

WEIGHT_LIMIT = 0.5
"""Limit of the `fixed` colour range of filters; few weights of the shipped network exceed it."""


MATRIX = 2
"""Number of dimensions of a dense layer's filters, which have no y and x."""


class FiltersParameters(Ranged):
    """Parameters of the probe `filters`: layers, output channels, and the order of the filters."""

    layers: Annotated[
        list[str],
        BeforeValidator(split_commas),
        Field(min_length=1),
        LayerChoice(lambda network: network.kernels, default_convolutions),
    ] = Field([], description="Layers whose kernels to show; default the convolutions.")
    channels: Indices | None = Field(
        None, description="Output channels (of a dense layer: units) to show; default all."
    )
    order: Literal["norm", "index"] = Field(
        "norm",
        description="Order of the filters: by norm, descending, or by index, as in `coordinates`.",
    )
    biases: bool = Field(
        False, description="Whether to show the bias of each filter too, where the layer has one."
    )


def check_filters(call: ProbeCall[FiltersParameters]) -> None:
    """Raise `ParameterError` for filters of an output channel that a layer does not have."""
    parameters = call.parameters
    for layer in parameters.layers:
        # The last axis is that of the output channels, of a convolution as of a dense layer.
        largest = max(parameters.channels or [0])
        count = call.model.weights[f"{layer}.kernel"].shape[-1]
        check_channel_index("channels", layer, largest, count)


def filters(context: ProbeContext[FiltersParameters]) -> Figure:
    """Learned filters of selected layers, with the norm of each.

    A kernel has the axes `output_channel, input_channel, y, x`: one row of tiles for each output
    channel, one tile for each input channel. The norm is the square root of the sum of a channel's
    squared weights. `biases=true` adds the bias of each filter.
    """
    layers = dict.fromkeys(context.parameters.layers)
    shown = [figure for name in layers for figure in _filters(context, name)]
    return Panels("Learned filters", tuple(shown))


def _counted(rows: np.ndarray, noun: str) -> str:
    """Return a number of filters or channels with its noun."""
    return f"{len(rows)} {noun}{'' if len(rows) == 1 else 's'}"


def _filters(context: ProbeContext[FiltersParameters], name: str) -> Iterator[Figure]:
    """Yield the figures of one layer's filters: kernels, the norm of each, the biases if asked."""
    parameters = context.parameters
    kernels = _output_first(context.model.architecture, context.model.weights, name)
    outputs = np.arange(len(kernels)) if parameters.channels is None else parameters.channels
    kernels = kernels[outputs]
    norms = np.sqrt((kernels**2).sum(axis=tuple(range(1, kernels.ndim))))
    rows = _order(norms, parameters.order)
    # Input channels are ordered by their norm over the output channels that are shown.
    inputs = _order(np.sqrt((kernels**2).sum(axis=(0, *range(2, kernels.ndim)))), parameters.order)
    labels = {
        "output_channel": np.asarray(outputs)[rows].tolist(),
        "input_channel": inputs.tolist(),
    }
    values = np.ascontiguousarray(kernels[rows][:, inputs])
    axes = ("output_channel", "input_channel", "y", "x")[: values.ndim]
    colour = colours.signed(values, parameters.range, WEIGHT_LIMIT)
    tensor = Tensor(f"{name}.kernel", "filter", axes, values, labels, colour)
    title = f"{name} · {_counted(rows, 'filter')} over {_counted(inputs, 'channel')}"
    grid = Tiles(title, tensor) if values.ndim > MATRIX else Heatmap(title, tensor, "input_channel")
    norm = Tensor(
        f"{name}.norm",
        "statistic",
        ("output_channel",),
        norms[rows],
        {"output_channel": labels["output_channel"]},
        colours.non_negative(norms, parameters.cmap),
    )
    yield grid
    yield Bars(f"{name} · norm of each filter", norm)
    bias = context.model.weights.get(f"{name}.bias")
    if parameters.biases and bias is not None:
        at, shown = {"output_channel": labels["output_channel"]}, bias[outputs][rows]
        held = Tensor(f"{name}.bias", "bias", ("output_channel",), shown, at, colours.signed(shown))
        yield Bars(f"{name} · bias of each filter", held)


def _output_first(architecture: Architecture, weights: Tensors, name: str) -> np.ndarray:
    """Transpose a layer's filters to output channel, input channel and, if convolved, y and x."""
    kernel = weights[f"{name}.kernel"]
    if kernel.ndim == MATRIX and (maps := flattened_shape(architecture, name)):
        # It reads flattened maps: y, x, channel.
        kernel = kernel.reshape(*maps, -1)
    if kernel.ndim == MATRIX:
        return kernel.T
    return kernel.transpose(3, 2, 0, 1)


def _order(norms: Float[np.ndarray, " channels"], order: str) -> np.ndarray:
    """Return filter positions by descending norm, or by index; equal norms keep their order."""
    return np.argsort(-norms, kind="stable") if order == "norm" else np.arange(len(norms))


PROBES = (
    Probe(
        family="image",
        name="filters",
        figure=filters,
        input=False,
        checkpoints=True,
        parameters=FiltersParameters,
        check=check_filters,
        needs=(KERNELS,),
        example={"layers": "conv1"},
    ),
)
