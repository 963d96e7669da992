"""Positions that each window of a convolution or a pool reads, listed one by one."""

from typing import NamedTuple

import numpy as np

from models.declaration.operations import Conv, Pool


class Along(NamedTuple):
    """Windows along one axis.

    Attributes:
        positions: Input position of every element of every window, [window, element]; negative or
            beyond the map in the padding.
        inside: Whether the position is one of the map.
        padded: Whether it is one of the map or its padding; a last window of `ceil` may go beyond.
    """

    positions: np.ndarray
    inside: np.ndarray
    padded: np.ndarray

    @property
    def clipped(self) -> np.ndarray:
        """Positions that can be looked up, those outside too."""
        return np.where(self.inside, self.positions, 0)


def along(operation: Conv | Pool, axis: int, side: int) -> Along:
    """List the windows of a layer along an axis of its input.

    `same` gives a window for each stride that begins in the map, padded by as little as that needs,
    half of it at the low end, rounded down. Otherwise windows lie within the map and its padding;
    with `ceil` one more covers positions that are left, unless it begins beyond the map.
    """
    size, stride = operation.kernel[axis], operation.stride[axis]
    dilation = operation.dilation[axis] if isinstance(operation, Conv) else 1
    offsets = np.arange(size) * dilation
    extent = offsets[-1] + 1
    before, after = _padding(operation, axis, side, extent)
    starts = [
        start for start in range(-before, side + after, stride) if start + extent <= side + after
    ]
    if not starts:
        msg = "no window fits"
        raise ValueError(msg)
    if isinstance(operation, Pool) and operation.ceil:
        further = starts[-1] + stride
        if starts[-1] + extent < side + after and further < side:
            starts.append(further)
    positions = np.array(starts)[:, None] + offsets
    inside = (positions >= 0) & (positions < side)
    return Along(positions, inside, (positions >= -before) & (positions < side + after))


def _padding(operation: Conv | Pool, axis: int, side: int, extent: int) -> tuple[int, int]:
    stride = operation.stride[axis]
    if operation.padding == "valid":
        return 0, 0
    if operation.padding == "same":
        last_start = len(range(0, side, stride)) * stride - stride
        total = max(last_start + extent - side, 0)
        return total // 2, (total + 1) // 2
    return operation.padding[2 * axis], operation.padding[2 * axis + 1]
