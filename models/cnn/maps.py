"""Operations on feature maps: convolutions, pools and the flattening before dense layers."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax
from jaxtyping import Array, Float, Float32

from models.cnn.mean_counts import mean_counts
from models.declaration.operations import Conv, GlobalPool, Pool
from models.windows import Windows, windows

Convolve = Callable[..., Any]
"""Convolution of feature maps, with the signature of `jax.lax.conv_general_dilated`."""

Halve = Callable[[Array], Array]
"""Max pool of 2x2 windows of feature maps with even sides."""

Maps = Float[Array, "batch height width channels"]
Pooled = Float[Array, "batch rows columns channels"]


def convolution(
    operation: Conv, shape: tuple[int, ...], rngs: nnx.Rngs, convolve: Convolve
) -> nnx.Conv:
    """Return a convolution of feature maps as a module with its kernel and bias.

    Args:
        operation: Filters and geometry.
        shape: Shape of the maps that it reads, channel last.
        rngs: Random streams of the initial parameters.
        convolve: Convolution with gradients of its own.
    """
    return nnx.Conv(
        shape[-1],
        operation.filters,
        operation.kernel,
        operation.stride,
        padding=_padding(_axes(operation, shape)),
        kernel_dilation=operation.dilation,
        feature_group_count=operation.groups,
        use_bias=operation.bias,
        conv_general_dilated=convolve,
        rngs=rngs,
    )


def pool(operation: Pool, maps: Maps, halve: Halve) -> Pooled:
    """Pool each window of feature maps to its maximum or its mean.

    Args:
        operation: Kind and geometry.
        halve: Max pool of 2x2 windows.
    """
    axes = _axes(operation, maps.shape[1:])
    if operation.kind == "avg":
        sums = _reduced(operation, axes, maps, 0.0, lax.add)
        return sums / _counts(operation, maps.shape[1:])[None, :, :, None]
    if _is_halving(operation, axes):
        rows, columns = (2 * axis.count for axis in axes)
        return halve(maps if maps.shape[1:3] == (rows, columns) else maps[:, :rows, :columns])
    return _reduced(operation, axes, maps, -jnp.inf, lax.max)


def pool_whole(operation: GlobalPool, maps: Maps) -> Float[Array, "batch channels"]:
    """Pool whole feature maps to the mean or the maximum of each channel."""
    if operation.kind == "avg":
        return maps.mean(axis=(1, 2))
    # As one window, so that the gradient of equal maxima is that of other pools.
    side = (maps.shape[1], maps.shape[2])
    one = Pool("max", side, side)
    return _reduced(one, _axes(one, maps.shape[1:]), maps, -jnp.inf, lax.max)[:, 0, 0]


def flatten(maps: Float[Array, "batch ..."]) -> Float[Array, "batch values"]:
    """Flatten feature maps in the order row, column, channel, that of the rows of a kernel."""
    return maps.reshape(len(maps), -1)


def _axes(operation: Conv | Pool, shape: tuple[int, ...]) -> tuple[Windows, Windows]:
    """Return the windows of an operation on feature maps along rows and columns."""
    return windows(operation, 0, shape[0]), windows(operation, 1, shape[1])


def _padding(axes: tuple[Windows, Windows]) -> list[tuple[int, int]]:
    """Return the padding of feature maps at the low and the high end of rows and columns."""
    return [(axis.before, axis.after) for axis in axes]


def _is_halving(operation: Pool, axes: tuple[Windows, Windows]) -> bool:
    """Whether a pool of feature maps has 2x2 windows side by side, all of them within the map."""
    sides = operation.kernel, operation.stride
    return sides == ((2, 2), (2, 2)) and not any(axis.before or axis.after for axis in axes)


def _reduced(
    operation: Pool,
    axes: tuple[Windows, Windows],
    maps: Maps,
    start: float,
    reduction: Callable[[Any, Any], Any],
) -> Pooled:
    """Reduce each window of feature maps; padding has the value `start`."""
    made: Array = lax.reduce_window(
        maps,
        start,
        reduction,
        (1, *operation.kernel, 1),
        (1, *operation.stride, 1),
        ((0, 0), *_padding(axes), (0, 0)),
    )
    return made


def _counts(operation: Pool, shape: tuple[int, ...]) -> Float32[np.ndarray, "rows columns"]:
    """Return the number of values of which each window of feature maps is the mean."""
    rows, columns = (mean_counts(operation, axis, shape[axis]) for axis in (0, 1))
    return np.outer(rows, columns).astype(np.float32)
