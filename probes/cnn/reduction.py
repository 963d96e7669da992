"""Reduction of activations that would be too many for one answer: fewer channels, smaller maps."""

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from models.architecture import Architecture
from probes.figures.figures import Coordinates

MOST_VALUES = 131_072
"""Most values of an answer that is not reduced: some 1.5 MiB of JSON."""

MOST_CHANNELS = 16
"""Channels of a map in a reduced answer, the first ones."""

SIDES = (64, 48, 32, 24, 16, 12, 8, 4, 2, 1)
"""Largest side of a map in a reduced answer: the first with which all layers fit."""


class Reduction(NamedTuple):
    """Reduction of an answer's activations.

    Attributes:
        values: Number of values without it.
        channels: Largest number of channels of a map.
        side: Largest number of rows and columns of a map.
    """

    values: int
    channels: int
    side: int


@lru_cache(maxsize=1024)
def reduction_of(
    architecture: Architecture, names: tuple[str, ...], channels: tuple[int, ...] | None
) -> Reduction | None:
    """Return the reduction of the activations of layers; None where all of them fit one answer.

    Args:
        channels: Channels that the request names, all of which are shown; None for all of a layer.
    """
    shapes = [_selected(architecture.layers[name].shape, channels) for name in names]
    whole = sum(prod(shape) for shape in shapes)
    if whole <= MOST_VALUES:
        return None
    most = MOST_CHANNELS if channels is None else max(len(channels), 1)
    sizes = ((side, sum(_size(shape, most, side) for shape in shapes)) for side in SIDES)
    fitting = next((side for side, size in sizes if size <= MOST_VALUES), SIDES[-1])
    return Reduction(whole, most, fitting)


def reduced(
    maps: Float32[np.ndarray, "channels height width"], limit: Reduction
) -> tuple[Float32[np.ndarray, "fewer rows columns"], Coordinates]:
    """Return the first channels of maps, with the means of blocks where they are too large.

    Returns:
        The maps, and the channels, the first row and the first column of each block where these
        are not all.
    """
    names: dict[str, Sequence[int | str]] = {}
    if len(maps) > limit.channels:
        names["channel"] = list(range(limit.channels))
    found = maps[: limit.channels]
    for axis, name in ((1, "y"), (2, "x")):
        step = -(-maps.shape[axis] // limit.side)
        if step > 1:
            starts = np.arange(0, maps.shape[axis], step)
            counts = np.diff([*starts, maps.shape[axis]])
            shape = [-1 if at == axis else 1 for at in range(3)]
            sums = np.add.reduceat(found, starts, axis=axis, dtype=np.float64)
            found = (sums / counts.reshape(shape)).astype(np.float32)
            names[name] = starts.tolist()
    return found, names


def _selected(shape: tuple[int, ...], channels: Sequence[int] | None) -> tuple[int, ...]:
    return shape if channels is None else (*shape[:-1], len(channels))


def _size(shape: tuple[int, ...], channels: int, side: int) -> int:
    """Return the number of a layer's values in a reduced answer."""
    if len(shape) == 1:
        return shape[0]
    *sides, count = shape
    along = (-(-length // -(-length // side)) for length in sides)
    return prod(along) * min(count, channels)
