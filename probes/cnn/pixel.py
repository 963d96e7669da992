"""The arithmetic of one value of a feature map, number by number."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32
from pydantic import Field

from models.architecture import LAYERS
from probes.cnn.activations import MapName, kernel_of
from probes.declaration import Coloured, ParameterError, Probe, ProbeCall, ProbeContext
from probes.figures import colours
from probes.figures.figures import Bars, Figure, Heatmap, Kind, Measure, Panels, Tensor, Tiles
from probes.shared.checks import refuse_channel

READ_BY = {"conv1": "image", "conv2": "pool1", "conv3": "pool2"}
"""What each convolution reads."""

REACH = 1
"""How far a 3x3 kernel reaches beyond its centre."""

STRIDE = 2
"""Rows (and columns) from one window of a pool to the next."""

COLUMNS = 8
"""Tiles side by side, so that patch, kernel and products of 64 channels are side by side too."""


class PixelParameters(Coloured):
    """Which value to explain."""

    layer: MapName = Field(description="A layer that has maps.")
    channel: int = Field(ge=0, description="A channel of it, counted from 0.")
    y: int = Field(ge=0, description="A row of the map, counted from 0 at the top.")
    x: int = Field(ge=0, description="A column of the map, counted from 0 at the left.")

    @property
    def convolution(self) -> str:
        """The convolution whose sum is behind the layer."""
        return LAYERS[self.layer].parameters

    @property
    def relu(self) -> str:
        """The ReLU after that convolution."""
        return self.convolution.replace("conv", "relu")

    @property
    def pooled(self) -> bool:
        """Whether the value is the winner of a window."""
        return LAYERS[self.layer].kind == "pooled"

    def needed(self) -> tuple[str, ...]:
        """Return the values of the trace that the arithmetic is made of."""
        read = READ_BY[self.convolution]
        return tuple(
            dict.fromkeys(
                name for name in (read, self.convolution, self.relu, self.layer) if name in LAYERS
            )
        )


def check_pixel(call: ProbeCall[PixelParameters]) -> None:
    """Refuse a value that the layer does not have."""
    parameters = call.parameters
    rows, columns, channels = LAYERS[parameters.layer].shape
    refuse_channel("channel", parameters.layer, parameters.channel, channels)
    for name, at, count, called in (
        ("y", parameters.y, rows, "rows"),
        ("x", parameters.x, columns, "columns"),
    ):
        if at >= count:
            reason = f"{name} {at} of {parameters.layer} is not one of its {count} {called} "
            raise ParameterError(name, f"{reason}(0 to {count - 1})")


@dataclass(frozen=True, eq=False)
class Arithmetic:
    """One sum of a convolution, taken apart.

    The product of two float32 numbers is exact in float64, and `math.fsum` rounds once: `total` is
    what the sum is, and `rounding` what float32 arithmetic made of it besides.

    Attributes:
        patch: What the kernel lies on; zeros beyond the border.
        inside: 1 where the patch lies on the map, 0 beyond its border.
        value: The map's own value before the ReLU.
    """

    patch: Float32[np.ndarray, "inputs 3 3"]
    inside: Float32[np.ndarray, "3 3"]
    kernel: Float32[np.ndarray, "inputs 3 3"]
    bias: float
    value: float

    @property
    def products(self) -> Float[np.ndarray, "inputs 3 3"]:
        """Patch times kernel, exact."""
        return np.asarray(np.multiply(self.patch, self.kernel, dtype=np.float64))

    @property
    def contributions(self) -> Float[np.ndarray, " inputs"]:
        """What each input channel brings to the sum."""
        return np.array([math.fsum(one) for one in self.products.reshape(len(self.patch), -1)])

    @property
    def total(self) -> float:
        """The sum of all products and the bias, rounded once."""
        return math.fsum([*self.products.ravel().tolist(), self.bias])

    @property
    def rounding(self) -> float:
        """What float32 arithmetic added to it or lost of it."""
        return self.value - self.total


def pixel(context: ProbeContext[PixelParameters]) -> Figure:
    """The arithmetic of one value: patch times kernel, summed, plus bias, ReLU, pool.

    `products` are exact, `contributions` are their sums by input channel. `sum` is all products
    and the bias, `rounding` what float32 made of it besides: `sum` + `rounding` is `value`, the
    map's own value before the ReLU. `patch_top` and `patch_left` say where the patch lies on what
    the convolution reads, -1 being the border of zeros. Of a pool, the arithmetic is that of the
    value that won its window.
    """
    parameters = context.parameters
    place = _winner(context)
    made = _arithmetic(context, *place)
    read = READ_BY[parameters.convolution]
    brings = Tensor("contributions", "statistic", ("input_channel",), made.contributions)
    inside = Tensor(
        "inside", "statistic", ("y", "x"), made.inside, {}, colours.unit_interval("gray")
    )
    parts: list[Figure] = [
        Tiles(f"Patch: what the kernel lies on ({read})", _patch(made, parameters.cmap), COLUMNS),
        Tiles("Kernel", _signed("kernel", "filter", made.kernel), COLUMNS),
        Tiles("Patch × kernel", _signed("products", "statistic", made.products), COLUMNS),
        Bars("What each input channel brings", brings),
        Heatmap(f"1 where the patch lies on {read}, 0 beyond its border", inside, "x"),
    ]
    if parameters.pooled:
        parts.append(Heatmap("Window: the largest wins", _window(context), "x"))
    where = f"{parameters.layer}, channel {parameters.channel}, y {parameters.y}, x {parameters.x}"
    measures = _measures(context, made, place)
    return Panels(f"The arithmetic of {where}", tuple(parts), 3, measures)


def _winner(context: ProbeContext[PixelParameters]) -> tuple[int, int]:
    """Return where the value stands in its convolution's map; of a pool, the first that won."""
    parameters = context.parameters
    if not parameters.pooled:
        return parameters.y, parameters.x
    window = _window(context).values
    row, column = np.unravel_index(window.argmax(), window.shape)
    return STRIDE * parameters.y + int(row), STRIDE * parameters.x + int(column)


def _window(context: ProbeContext[PixelParameters]) -> Tensor:
    """Return the four values that a pool chooses from."""
    parameters = context.parameters
    top, left = STRIDE * parameters.y, STRIDE * parameters.x
    maps = context.outputs[parameters.relu][parameters.channel]
    values = np.ascontiguousarray(maps[top : top + STRIDE, left : left + STRIDE])
    places = {"y": (top, top + 1), "x": (left, left + 1)}
    colour = colours.non_negative(values, parameters.cmap)
    return Tensor("window", "post_activation", ("y", "x"), values, places, colour)


def _arithmetic(context: ProbeContext[PixelParameters], row: int, column: int) -> Arithmetic:
    """Gather what one sum of the convolution is made of."""
    parameters = context.parameters
    module = parameters.convolution
    if module == "conv1":
        read = (context.input.row["image"].astype(np.float32) / np.float32(255.0))[None]
    else:
        read = context.outputs[READ_BY[module]]
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
    """Cut out what lies within reach of one place; zeros beyond the border."""
    framed = np.pad(maps, ((0, 0), (REACH, REACH), (REACH, REACH)))
    return framed[:, row : row + 2 * REACH + 1, column : column + 2 * REACH + 1]


def _patch(made: Arithmetic, cmap: str) -> Tensor:
    colour = colours.non_negative(made.patch, cmap)
    return Tensor("patch", "input", ("input_channel", "y", "x"), made.patch, colour=colour)


def _signed(name: str, kind: Kind, values: np.ndarray) -> Tensor:
    colour = colours.signed(values)
    return Tensor(name, kind, ("input_channel", "y", "x"), values, colour=colour)


def _measures(
    context: ProbeContext[PixelParameters], made: Arithmetic, place: tuple[int, int]
) -> tuple[Measure, ...]:
    """Say every number of the sum that is no tensor, in the order in which they follow."""
    parameters = context.parameters
    row, column = place
    asked = context.outputs[parameters.layer][parameters.channel, parameters.y, parameters.x]
    after = context.outputs[parameters.relu][parameters.channel, row, column]
    numbers: dict[str, float | int] = {
        "patch_top": row - REACH,
        "patch_left": column - REACH,
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
        model="cnn",
        name="pixel",
        figure=pixel,
        parameters=PixelParameters,
        program="trace",
        outputs=PixelParameters.needed,
        check=check_pixel,
        example={"layer": "pool1", "channel": "7", "y": "6", "x": "6"},
    ),
)
