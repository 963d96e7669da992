"""The rule that gives every tensor its colours.

- Values that cannot be negative (intensities, ReLU, gates, probabilities): a sequential map.
- Signed values (kernels, pre-activations, candidate, cell and hidden state): red for negative, blue
  for positive, white at zero, and a range that is symmetric about zero.
- What has natural limits (gates 0 to 1, tanh -1 to 1, intensities 0 to 255) keeps them.
"""

from functools import cache

import numpy as np

from probes.figures.colormaps import CATEGORICAL, DIVERGING
from probes.figures.figures import Colour, Scope, finite


@cache
def unit_interval(cmap: str) -> Colour:
    """Colours of what lies in [0, 1]: gates and probabilities."""
    return Colour(cmap, 0.0, 1.0, "fixed")


@cache
def tanh_interval() -> Colour:
    """Colours of what lies in [-1, 1]: candidate and hidden state."""
    return Colour(DIVERGING, -1.0, 1.0, "fixed")


def digits() -> Colour:
    """Colours of labels 0 to 9."""
    return Colour(CATEGORICAL, 0.0, 9.0, "fixed")


@cache
def ink(cmap: str = "gray") -> Colour:
    """Colours of the integers 0 to 255 that a picture is made of."""
    return Colour(cmap, 0.0, 255.0, "fixed")


def non_negative(
    values: np.ndarray, cmap: str, scope: Scope = "layer", limit: float = 1.0
) -> Colour:
    """Colours from zero to the largest value of each channel, of all, or to a fixed limit."""
    end = _end(values, scope, limit)
    start = (0.0,) * len(end) if isinstance(end, tuple) else 0.0
    return Colour(cmap, start, end, scope)


def signed(values: np.ndarray, scope: Scope = "layer", limit: float = 1.0) -> Colour:
    """Colours about zero, to the largest magnitude of each channel, of all, or a fixed limit."""
    end = _end(values, scope, limit)
    start = tuple(-value for value in end) if isinstance(end, tuple) else -end
    return Colour(DIVERGING, start, end, scope)


def _end(values: np.ndarray, scope: Scope, limit: float) -> float | tuple[float, ...]:
    """Return the upper end of a range, one for each channel where the scope is that."""
    match scope:
        case "fixed":
            return limit
        case "channel":
            return tuple(_largest(channel) for channel in values)
        case "layer":
            return _largest(values)


def _largest(values: np.ndarray) -> float:
    """Return the largest magnitude of finite values; 1 where that would leave no range at all."""
    _, low, high = finite(values.reshape(-1))
    return max(-low, high) or 1.0
