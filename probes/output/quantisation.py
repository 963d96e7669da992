"""Quantisation of an encoded answer's tensors: a byte a value, for clients that only draw them."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from probes.figures.figures import Tensor
from probes.output.drawing.shading import colour_rule

LEVELS = 255
"""Largest byte of an encoded answer's quantised tensor: the high end of its range."""


class Quantised(NamedTuple):
    """Tensor of an encoded answer as bytes: a value is about offset + scale · byte.

    Attributes:
        values: Index of each value's colour in the colour map, as the picture has it.
        scale: Width of one level; one for each channel where channels have a range each.
        offset: Value of the byte 0, likewise.
    """

    values: UInt8[np.ndarray, "..."]
    scale: float | list[float]
    offset: float | list[float]


def quantise(tensor: Tensor) -> Quantised:
    """Quantise a tensor of an encoded answer over its colour range.

    Values outside of the range have the nearer end. NaN is the byte 0. Bytes stay as they are where
    they have the whole range.
    """
    colour, values = colour_rule(tensor), tensor.values
    low, high = np.asarray(colour.vmin, np.float64), np.asarray(colour.vmax, np.float64)
    scale = (high - low) / LEVELS
    if values.dtype == np.uint8 and not low.any() and (scale == 1).all():
        return Quantised(values, scale.tolist(), low.tolist())
    axes = (1,) * (values.ndim - 1) if low.ndim else ()
    first, width = (end.reshape(end.shape + axes) for end in (low, high - low))
    # A range of a single value is its byte 0. The order of the terms is that of the pictures.
    position = values.astype(np.float64)
    position -= first
    position /= np.where(width > 0, width, np.inf)
    return Quantised(_levels(position), scale.tolist(), low.tolist())


def _levels(position: Float[np.ndarray, "..."]) -> UInt8[np.ndarray, "..."]:
    """Return the levels of quantised values between the ends of their range, 0 and 1; in place."""
    if np.isnan(position).any():
        np.nan_to_num(position, copy=False, nan=0.0, posinf=1.0, neginf=0.0)
    np.clip(position, 0.0, 1.0, out=position)
    position *= LEVELS
    return np.asarray(np.rint(position, out=position).astype(np.uint8))
