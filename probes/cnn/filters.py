"""Probe `filters`: the learned kernels of the CNN."""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float
from pydantic import BeforeValidator, Field

from models.architecture import LAYERS
from probes.declaration import Indices, Probe, ProbeCall, ProbeContext, Ranged, split_commas
from probes.figures import colours
from probes.figures.figures import Bars, Figure, Heatmap, Panels, Tensor, Tiles
from probes.shared.checks import refuse_channel

KernelName = Literal["conv1", "conv2", "conv3", "dense1", "output"]


WEIGHT_LIMIT = 0.5
"""End of the `fixed` range of kernels: few values of the shipped weights lie beyond it."""


MATRIX = 2
"""Dimensions of a kernel without y and x: that of the output layer."""


class FiltersParameters(Ranged):
    """Which kernels to show, and in which order."""

    layers: Annotated[list[KernelName], BeforeValidator(split_commas), Field(min_length=1)] = Field(
        ["conv1", "conv2", "conv3"], description="Layers whose kernels to show."
    )
    channels: Indices | None = Field(
        None, description="Output channels (of a dense layer: units) to show; all where left out."
    )
    order: Literal["norm", "index"] = Field(
        "norm",
        description="By norm, the largest first, or by number. `coordinates` says which is where.",
    )


def check_filters(call: ProbeCall[FiltersParameters]) -> None:
    """Refuse an output channel that a selected layer does not have."""
    parameters = call.parameters
    for layer in parameters.layers:
        largest = max(parameters.channels or [0])
        refuse_channel("channels", layer, largest, call.model.weights[f"{layer}.bias"].size)


def filters(context: ProbeContext[FiltersParameters]) -> Figure:
    """The learned filters of every layer: what each channel looks for in the layer before it.

    A kernel is `output_channel, input_channel, y, x`: one row of tiles for each output channel, one
    tile for each channel that it reads. The norm is the square root of the sum of a channel's
    squared weights.
    """
    parameters = context.parameters
    layers = dict.fromkeys(parameters.layers)
    shown = [figure for name in layers for figure in _filters(context, name)]
    return Panels("Learned filters", tuple(shown))


def _filters(context: ProbeContext[FiltersParameters], name: str) -> tuple[Figure, Figure]:
    """Show the kernels of one layer and how large each is."""
    parameters = context.parameters
    kernels = _output_first(context.model.weights[f"{name}.kernel"], name)
    outputs = np.arange(len(kernels)) if parameters.channels is None else parameters.channels
    kernels = kernels[outputs]
    norms = np.sqrt((kernels**2).sum(axis=tuple(range(1, kernels.ndim))))
    rows = _order(norms, parameters.order)
    inputs = _order(np.sqrt((kernels**2).sum(axis=(0, *range(2, kernels.ndim)))), parameters.order)
    labels = {
        "output_channel": np.asarray(outputs)[rows].tolist(),
        "input_channel": inputs.tolist(),
    }
    values = np.ascontiguousarray(kernels[rows][:, inputs])
    axes = ("output_channel", "input_channel", "y", "x")[: values.ndim]
    colour = colours.signed(values, parameters.range, WEIGHT_LIMIT)
    tensor = Tensor(f"{name}.kernel", "filter", axes, values, labels, colour)
    title = f"{name} · {len(rows)} filters over {len(inputs)} channels"
    grid = Tiles(title, tensor) if values.ndim > MATRIX else Heatmap(title, tensor, "input_channel")
    norm = Tensor(
        f"{name}.norm",
        "statistic",
        ("output_channel",),
        norms[rows],
        {"output_channel": labels["output_channel"]},
        colours.non_negative(norms, parameters.cmap),
    )
    return grid, Bars(f"{name} · norm of each filter", norm)


def _output_first(kernel: np.ndarray, name: str) -> np.ndarray:
    """Bring a kernel to output channel, input channel, y, x (the last two where it has them)."""
    if name == "dense1":  # it reads the flattened maps of relu3: y, x, channel
        kernel = kernel.reshape(*LAYERS["relu3"].shape, -1)
    if kernel.ndim == MATRIX:
        return kernel.T
    return kernel.transpose(3, 2, 0, 1)


def _order(norms: Float[np.ndarray, " channels"], order: str) -> np.ndarray:
    """Return positions in the order asked for; equal norms keep their order."""
    return np.argsort(-norms, kind="stable") if order == "norm" else np.arange(len(norms))


PROBES = (
    Probe(
        model="cnn",
        name="filters",
        figure=filters,
        input=False,
        checkpoints=True,
        parameters=FiltersParameters,
        check=check_filters,
        example={"layers": "conv1"},
    ),
)
