"""Ties in the CNN's max-pooling: pixels whose gradient depends on the rule for equal maxima."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float, Float32

from models.simple_networks import HEIGHT, WIDTH

Image = Float32[np.ndarray, "28 28"]

_CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))
"""Values of a pooling window by row and column, in units of the pooled layer's stride."""


def tied_pixels(images: Sequence[Image]) -> Bool[np.ndarray, "28 28"]:
    """Pixels read by a tied pooling window: one where several values read equal pixels.

    Such values are equal for any weights, so a gradient has no single value there: the programs
    give it to the first of them, in row order, as PyTorch does.

    Args:
        images: Two ends of a straight path, whose ties hold all along it, or a single image.
    """
    found = np.zeros((HEIGHT, WIDTH), np.bool_)
    # conv1 pads the pixels with zeros; conv2 pads feature maps, which no pixel value stands for.
    for side, stride, outside in ((3, 1, 0.0), (8, 2, -1.0)):
        found |= _tied(images, side, stride, outside)
    return found


def _tied(
    images: Sequence[Image], side: int, stride: int, outside: float
) -> Bool[np.ndarray, "28 28"]:
    """Pixels of a pooled layer's tied windows.

    Args:
        side: Side of a value's receptive field before pooling, in pixels.
        stride: Distance of neighbouring receptive fields, in pixels.
        outside: Value of the pixels beyond the border.
    """
    before = (side - stride) // 2
    after = side - stride - before
    padded = [np.pad(image, (before, after), constant_values=outside) for image in images]
    fields = [
        np.lib.stride_tricks.sliding_window_view(image, (side, side))[::stride, ::stride]
        for image in padded
    ]
    rows, columns = fields[0].shape[:2]
    tied = np.zeros((rows, columns), np.bool_)
    for one, other in combinations(_CORNERS, 2):
        equal = np.logical_and.reduce([_equal(field, one, other) for field in fields])
        for y, x in (one, other):
            tied[y::2, x::2] |= equal
    covered = np.zeros_like(padded[0], np.bool_)
    for y, x in np.ndindex(side, side):
        # Position (y, x) of every receptive field at once.
        covered[y : y + rows * stride : stride, x : x + columns * stride : stride] |= tied
    return covered[before : before + HEIGHT, before : before + WIDTH]


def _equal(
    fields: Float[np.ndarray, "rows columns side side"],
    one: tuple[int, int],
    other: tuple[int, int],
) -> Bool[np.ndarray, "windows_down windows_across"]:
    """Tell for each pooling window whether two of its values are tied: their fields are equal."""
    first, second = (fields[y::2, x::2] for y, x in (one, other))
    return np.asarray((first == second).all(axis=(2, 3)))
