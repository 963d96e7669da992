"""Colour rules of tensors: colour map and range by the kind of values.

- Values that cannot be negative (intensities, ReLU, gates, probabilities): a sequential map.
- Signed values (kernels, pre-activations, candidate, cell and hidden state): red for negative, blue
  for positive, white at zero, and a range that is symmetric about zero.
- Values with natural limits (gates 0 to 1, tanh -1 to 1, intensities 0 to 255) keep them.
"""

from functools import cache

import numpy as np

from probes.figures.colormaps import CATEGORICAL, DIVERGING
from probes.figures.figures import Colour, Scope, finite


@cache
def unit_interval(cmap: str) -> Colour:
    """Colour rule of values in [0, 1]: gates and probabilities."""
    return Colour(cmap, 0.0, 1.0, "fixed")


@cache
def tanh_interval() -> Colour:
    """Colour rule of values in [-1, 1]: candidate and hidden state."""
    return Colour(DIVERGING, -1.0, 1.0, "fixed")


def digits() -> Colour:
    """Colour rule of the labels 0 to 9."""
    return Colour(CATEGORICAL, 0.0, 9.0, "fixed")


@cache
def intensities(cmap: str = "gray") -> Colour:
    """Colour rule of the pixels of an image, integers 0 to 255."""
    return Colour(cmap, 0.0, 255.0, "fixed")


def non_negative(
    values: np.ndarray, cmap: str, scope: Scope = "layer", limit: float = 1.0
) -> Colour:
    """Colour rule from zero to the largest value of each channel or all, or to a fixed limit."""
    end = _end(values, scope, limit)
    # A range per channel has a tuple of ends, one for each.
    start = (0.0,) * len(end) if isinstance(end, tuple) else 0.0
    return Colour(cmap, start, end, scope)


def signed(values: np.ndarray, scope: Scope = "layer", limit: float = 1.0) -> Colour:
    """Colour rule symmetric about zero, to the largest magnitude or a fixed limit."""
    end = _end(values, scope, limit)
    start = tuple(-value for value in end) if isinstance(end, tuple) else -end
    return Colour(DIVERGING, start, end, scope)


def _end(values: np.ndarray, scope: Scope, limit: float) -> float | tuple[float, ...]:
    """Return the upper end of a colour rule's range, or one for each channel."""
    match scope:
        case "fixed":
            return limit
        case "channel":
            return tuple(_largest(channel) for channel in values)
        case "layer":
            return _largest(values)


def _largest(values: np.ndarray) -> float:
    """Return the largest magnitude of finite values, for a colour rule's range; 1 where it is 0."""
    _, low, high = finite(values.reshape(-1))
    return max(-low, high) or 1.0
