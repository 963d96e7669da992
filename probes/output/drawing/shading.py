"""Shading: values of a tensor as colours of a colour map."""

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, UInt8

from probes.figures.colormaps import DIVERGING, lookup_table
from probes.figures.figures import Colour, Tensor, extremes
from probes.output.drawing.marks import Colours
from probes.output.drawing.numbers import number, span


@dataclass(frozen=True, eq=False)
class Shaded:
    """Shaded values of a tensor: colours, and positions in the range of the colour rule.

    Attributes:
        colour: Colour rule.
        positions: Position of each value in the range, 0 at the low and 1 at the high end.
        colours: Colour of each value.
        missing: Values that are not finite, whose colour is meaningless.
        missing_name: Names of those values, such as "NaN" or "inf"; "" without any.
        below: Whether a value is below the range, and has the colour of its low end.
        above: Whether a value is above the range, and has the colour of its high end.
    """

    colour: Colour
    positions: Float[np.ndarray, "*shape"]
    colours: Colours
    missing: Bool[np.ndarray, "*shape"]
    missing_name: str
    below: bool
    above: bool

    @property
    def pixels(self) -> UInt8[np.ndarray, "*shape 3"]:
        """Red, green and blue of each shaded value."""
        return self.colours.pixels


def colour_rule(tensor: Tensor) -> Colour:
    """Return the colour rule that shades a tensor; without one, a rule from its values' range.

    Non-negative values have viridis from minimum to maximum; signed values have the diverging map,
    symmetric about zero.
    """
    if tensor.colour is not None:
        return tensor.colour
    low, high = span([tensor.values]) or (0.0, 0.0)
    if low >= 0:
        # The minimum of zeros may be a negative zero, whose sign JSON would show.
        return Colour("viridis", low + 0.0, high + 0.0, "layer")
    most = max(-low, high)
    return Colour(DIVERGING, -most, most, "layer")


def is_photograph(tensor: Tensor) -> bool:
    """Whether a tensor holds RGB pictures, which have their own colours and are not shaded."""
    return tensor.kind == "input" and "colour" in tensor.axes


def one_channel(tensor: Tensor) -> Tensor:
    """Return a tensor with the axes that are drawn: RGB pictures without that of the colours."""
    if not is_photograph(tensor):
        return tensor
    at = tensor.axes.index("colour")
    names = {axis: rows for axis, rows in tensor.coordinates.items() if axis != "colour"}
    axes = (*tensor.axes[:at], *tensor.axes[at + 1 :])
    return replace(tensor, axes=axes, values=tensor.values.take(0, at), coordinates=names)


def _photograph(tensor: Tensor) -> "Shaded":
    """Return the colours of RGB pictures, without shading: red, green and blue of each pixel."""
    colour = colour_rule(tensor)
    values = np.moveaxis(np.asarray(tensor.values, np.float64), tensor.axes.index("colour"), -1)
    low, high = _bound(colour.vmin, 0), _bound(colour.vmax, 0)
    position = _position(np.where(np.isfinite(values), values, 0.0), low, high, 0.0)
    missing = np.asarray(~np.isfinite(values).all(axis=-1))
    pixels = np.round(position * 255).astype(np.uint8)
    positions = position.mean(axis=-1)
    return Shaded(colour, positions, Colours(pixels), missing, "", below=False, above=False)


def shade(tensor: Tensor) -> Shaded:
    """Shade each value of a tensor: entry round((v - vmin) / (vmax - vmin) * 255) of its map.

    Values outside of the range have the colour of the nearer end. In a range of a single value, it
    has the low end of a sequential map and the middle of a diverging one.
    """
    if is_photograph(tensor):
        return _photograph(tensor)
    colour = colour_rule(tensor)
    values = np.asarray(tensor.values, dtype=np.float64)
    low, high = _bound(colour.vmin, values.ndim), _bound(colour.vmax, values.ndim)
    least, most = extremes(tensor.values.reshape(-1)) if values.size else (0.0, 0.0)
    known, name = values, ""
    if math.isfinite(least) and math.isfinite(most):  # a value that is not finite is an extreme
        missing = np.zeros(values.shape, np.bool_)
    else:
        missing = ~np.isfinite(values)
        # NaN cannot be converted to an index of the colour map; `missing` marks it.
        known = np.where(missing, 0.0, values)
        name = ", ".join(sorted({number(value) for value in values[missing].tolist()}))
    below, above = least < low, most > high
    if missing.any() or low.ndim or high.ndim:
        below, above = ~missing & (values < low), ~missing & (values > high)
    position = _position(known, low, high, 0.5 if colour.map == DIVERGING else 0.0)
    colours = Colours(np.rint(position * 255).astype(np.uint8), lookup_table(colour.map))
    return Shaded(colour, position, colours, missing, name, bool(below.any()), bool(above.any()))


def _bound(bound: float | tuple[float, ...], dimensions: int) -> Float[np.ndarray, "..."]:
    """Return an end of the shading range, shaped to broadcast over the values' first axis."""
    ends = np.asarray(bound, dtype=np.float64)
    return ends.reshape(ends.shape + (1,) * (dimensions - 1)) if ends.ndim else ends


def _position(
    values: Float[np.ndarray, "..."],
    low: Float[np.ndarray, "..."],
    high: Float[np.ndarray, "..."],
    middle: float,
) -> Float[np.ndarray, "..."]:
    """Return shaded values' positions from low (0) to high (1); `middle` in an empty range."""
    width = high - low
    if not width.ndim and width > 0:
        shares: Float[np.ndarray, "..."] = values - low
        shares /= width
        np.clip(shares, 0.0, 1.0, out=shares)
        return shares
    open_range = width > 0
    single = middle + np.sign(values - low)
    inside = (values - low) / np.where(open_range, width, 1.0)
    position: Float[np.ndarray, "..."] = np.clip(np.where(open_range, inside, single), 0.0, 1.0)
    return position
