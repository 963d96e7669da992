"""Probe `pixel` of the CNN: the convolution sum behind one pixel of a feature map."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32
from pydantic import Field

from models.simple_networks import LAYERS
from probes.cnn.activations import MapName, kernel_of
from probes.declaration import Coloured, ParameterError, Probe, ProbeCall, ProbeContext
from probes.figures import colours
from probes.figures.figures import Bars, Figure, Heatmap, Kind, Measure, Panels, Tensor, Tiles
from probes.shared.checks import check_channel_index

INPUT_OF = {"conv1": "image", "conv2": "pool1", "conv3": "pool2"}
"""Input of each convolution that the probe `pixel` explains: the image, or a layer."""

KERNEL_RADIUS = 1
"""Radius in pixels of the 3x3 kernels in the arithmetic of a feature map's pixel."""

POOL_STRIDE = 2
"""Stride of the max-pool that a pixel of a pooled feature map comes from."""

TILE_COLUMNS = 8
"""Tiles per row in the probe `pixel`: patch, kernel and products of 64 channels then fit."""


class PixelParameters(Coloured):
    """Parameters of the probe `pixel`: layer, channel, row and column of the value to explain."""

    layer: MapName = Field(description="Layer with feature maps.")
    channel: int = Field(ge=0, description="Channel of the layer, counted from 0.")
    y: int = Field(ge=0, description="Row of the map, counted from 0 at the top.")
    x: int = Field(ge=0, description="Column of the map, counted from 0 at the left.")

    @property
    def convolution(self) -> str:
        """Convolution that the explained pixel's value comes from."""
        return LAYERS[self.layer].parameters

    @property
    def relu(self) -> str:
        """ReLU after the convolution of the explained pixel."""
        return self.convolution.replace("conv", "relu")

    @property
    def pooled(self) -> bool:
        """Whether the explained pixel is the maximum of a pooling window."""
        return LAYERS[self.layer].kind == "pooled"

    def needed(self) -> tuple[str, ...]:
        """Return the layers whose values the arithmetic of the explained pixel reads."""
        # conv1 reads the image, which is an input and no layer, so it is left out.
        read = INPUT_OF[self.convolution]
        return tuple(
            dict.fromkeys(
                name for name in (read, self.convolution, self.relu, self.layer) if name in LAYERS
            )
        )


def check_pixel(call: ProbeCall[PixelParameters]) -> None:
    """Raise `ParameterError` for a pixel outside of the feature maps of its layer."""
    parameters = call.parameters
    rows, columns, channels = LAYERS[parameters.layer].shape
    check_channel_index("channel", parameters.layer, parameters.channel, channels)
    for name, at, count, called in (
        ("y", parameters.y, rows, "rows"),
        ("x", parameters.x, columns, "columns"),
    ):
        if at >= count:
            reason = f"{name} {at} of {parameters.layer} is not one of its {count} {called} "
            raise ParameterError(name, f"{reason}(0 to {count - 1})")


@dataclass(frozen=True, eq=False)
class Arithmetic:
    """Terms of the convolution sum behind one pixel of a feature map.

    The product of two float32 numbers is exact in float64, and `math.fsum` rounds once: `total` is
    the exact sum, and `rounding` the error of float32 arithmetic.

    Attributes:
        patch: Part of the input under the kernel; zeros beyond the border.
        inside: 1 where the patch lies within the input, 0 beyond its border.
        kernel: Kernel of the output channel.
        bias: Bias of the output channel.
        value: Value of the feature map before the ReLU.
    """

    patch: Float32[np.ndarray, "inputs 3 3"]
    inside: Float32[np.ndarray, "3 3"]
    kernel: Float32[np.ndarray, "inputs 3 3"]
    bias: float
    value: float

    @property
    def products(self) -> Float[np.ndarray, "inputs 3 3"]:
        """Exact products of patch and kernel in the convolution sum of a feature map's pixel."""
        return np.asarray(np.multiply(self.patch, self.kernel, dtype=np.float64))

    @property
    def contributions(self) -> Float[np.ndarray, " inputs"]:
        """Contribution of each input channel to the convolution sum of a feature map's pixel."""
        return np.array([math.fsum(one) for one in self.products.reshape(len(self.patch), -1)])

    @property
    def total(self) -> float:
        """Convolution sum of a feature map's pixel: all products and the bias, rounded once."""
        return math.fsum([*self.products.ravel().tolist(), self.bias])

    @property
    def rounding(self) -> float:
        """Rounding error of a feature map's pixel: float32 value minus exact convolution sum."""
        return self.value - self.total


def pixel(context: ProbeContext[PixelParameters]) -> Figure:
    """Arithmetic of one pixel of a feature map: patch times kernel, plus bias, ReLU and pooling.

    `products` are exact, `contributions` are their sums by input channel. `sum` is the sum of all
    products and the bias, `rounding` the error of float32: `sum` + `rounding` is `value`, the map's
    value before the ReLU. `patch_top` and `patch_left` are the position of the patch in the input
    of the convolution, -1 being the zero padding. For a pool, the arithmetic is that of the maximum
    of its window.
    """
    parameters = context.parameters
    place = _winner(context)
    made = _arithmetic(context, *place)
    read = INPUT_OF[parameters.convolution]
    brings = Tensor("contributions", "statistic", ("input_channel",), made.contributions)
    inside = Tensor(
        "inside", "statistic", ("y", "x"), made.inside, {}, colours.unit_interval("gray")
    )
    parts: list[Figure] = [
        Tiles(
            f"Patch: what the kernel lies on ({read})", _patch(made, parameters.cmap), TILE_COLUMNS
        ),
        Tiles("Kernel", _signed("kernel", "filter", made.kernel), TILE_COLUMNS),
        Tiles("Patch × kernel", _signed("products", "statistic", made.products), TILE_COLUMNS),
        Bars("What each input channel brings", brings),
        Heatmap(f"1 where the patch lies on {read}, 0 beyond its border", inside, "x"),
    ]
    if parameters.pooled:
        parts.append(Heatmap("Window: the largest wins", _window(context), "x"))
    where = f"{parameters.layer}, channel {parameters.channel}, y {parameters.y}, x {parameters.x}"
    measures = _measures(context, made, place)
    return Panels(f"The arithmetic of {where}", tuple(parts), 3, measures)


def _winner(context: ProbeContext[PixelParameters]) -> tuple[int, int]:
    """Return the position of a pixel's convolution sum; of a pooled pixel, the first maximum."""
    parameters = context.parameters
    if not parameters.pooled:
        return parameters.y, parameters.x
    window = _window(context).values
    row, column = np.unravel_index(window.argmax(), window.shape)
    return POOL_STRIDE * parameters.y + int(row), POOL_STRIDE * parameters.x + int(column)


def _window(context: ProbeContext[PixelParameters]) -> Tensor:
    """Return the four values of the pooling window behind a pixel of a pooled feature map."""
    parameters = context.parameters
    top, left = POOL_STRIDE * parameters.y, POOL_STRIDE * parameters.x
    # The pool reads the ReLU, so the window is shown after it.
    maps = context.outputs[parameters.relu][parameters.channel]
    values = np.ascontiguousarray(maps[top : top + POOL_STRIDE, left : left + POOL_STRIDE])
    places = {"y": (top, top + 1), "x": (left, left + 1)}
    colour = colours.non_negative(values, parameters.cmap)
    return Tensor("window", "post_activation", ("y", "x"), values, places, colour)


def _arithmetic(context: ProbeContext[PixelParameters], row: int, column: int) -> Arithmetic:
    """Collect the terms of a pixel's convolution sum: patch, kernel, bias and value."""
    parameters = context.parameters
    module = parameters.convolution
    if module == "conv1":
        # Scaled in float32 as in the program, so that `rounding` is that of the sum alone.
        read = (context.input.row["image"].astype(np.float32) / np.float32(255.0))[None]
    else:
        read = context.outputs[INPUT_OF[module]]
    return Arithmetic(
        patch=_around(read, row, column),
        inside=_around(np.ones((1, *read.shape[1:]), np.float32), row, column)[0],
        kernel=kernel_of(context.model, module, parameters.channel),
        bias=float(context.model.weights[f"{module}.bias"][parameters.channel]),
        value=float(context.outputs[module][parameters.channel, row, column]),
    )


def _around(
    maps: Float32[np.ndarray, "channels height width"], row: int, column: int
) -> Float32[np.ndarray, "channels 3 3"]:
    """Return the 3x3 patch around a pixel in all channels, padded with zeros."""
    framed = np.pad(maps, ((0, 0), (KERNEL_RADIUS, KERNEL_RADIUS), (KERNEL_RADIUS, KERNEL_RADIUS)))
    return framed[:, row : row + 2 * KERNEL_RADIUS + 1, column : column + 2 * KERNEL_RADIUS + 1]


def _patch(made: Arithmetic, cmap: str) -> Tensor:
    colour = colours.non_negative(made.patch, cmap)
    return Tensor("patch", "input", ("input_channel", "y", "x"), made.patch, colour=colour)


def _signed(name: str, kind: Kind, values: np.ndarray) -> Tensor:
    colour = colours.signed(values)
    return Tensor(name, kind, ("input_channel", "y", "x"), values, colour=colour)


def _measures(
    context: ProbeContext[PixelParameters], made: Arithmetic, place: tuple[int, int]
) -> tuple[Measure, ...]:
    """Measures of the arithmetic of a feature map's pixel, in the order of computation."""
    parameters = context.parameters
    row, column = place
    asked = context.outputs[parameters.layer][parameters.channel, parameters.y, parameters.x]
    after = context.outputs[parameters.relu][parameters.channel, row, column]
    numbers: dict[str, float | int] = {
        "patch_top": row - KERNEL_RADIUS,
        "patch_left": column - KERNEL_RADIUS,
        "bias": made.bias,
        "sum": made.total,
        "rounding": made.rounding,
        "value": made.value,
        "relu": float(after),
    }
    if parameters.pooled:
        numbers |= {"winner_y": row, "winner_x": column}
    return tuple(
        Measure(name, value) for name, value in (*numbers.items(), ("output", float(asked)))
    )


PROBES = (
    Probe(
        family="image",
        name="pixel",
        figure=pixel,
        parameters=PixelParameters,
        program="trace",
        outputs=lambda _, parameters: parameters.needed(),
        check=check_pixel,
        example={"layer": "pool1", "channel": "7", "y": "6", "x": "6"},
    ),
)
