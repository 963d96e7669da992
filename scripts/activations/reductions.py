"""Reductions of scripts.activations over the positions of maps, or the steps of sequences."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np


class Reduction(NamedTuple):
    """Reduction of scripts.activations.

    Attributes:
        function: Takes values whose second axis is the one to reduce; removes it.
        steps_only: Whether it is for sequences alone, because positions of a map have no order.
    """

    function: Callable[[np.ndarray], np.ndarray]
    steps_only: bool = False


REDUCTIONS: Mapping[str, Reduction] = {
    "mean": Reduction(lambda values: values.mean(axis=1, dtype=np.float32)),
    "max": Reduction(lambda values: values.max(axis=1)),
    "last": Reduction(lambda values: values[:, -1], steps_only=True),
}
"""Reductions of scripts.activations by name; a mean is of float32, summed pairwise."""


def reduce_maps(how: str, maps: np.ndarray) -> np.ndarray:
    """Reduce maps (image, channel, y, x) of scripts.activations to (image, channel)."""
    images, channels = maps.shape[:2]
    flat = maps.reshape(images * channels, -1)
    return REDUCTIONS[how].function(flat).reshape(images, channels)


def reduce_steps(how: str, values: np.ndarray) -> np.ndarray:
    """Reduce the values of all steps of one sequence of scripts.activations to those of a unit."""
    found: np.ndarray = REDUCTIONS[how].function(values[None])[0]
    return found
