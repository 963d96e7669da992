"""Convolution and max pooling with gradients that XLA's CPU backend runs fast."""

from collections.abc import Sequence
from functools import partial
from itertools import product
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

LAYOUT = ("NHWC", "HWIO", "NHWC")

MAX_POSITIONS = 49
"""Convolution for training: largest window of grouped channels, as each position is a product."""

Maps = Float[Array, "batch height width channels"]
Kernel = Float[Array, "rows columns inputs features"]
Outputs = Float[Array, "batch out_height out_width features"]
Pair = tuple[int, int]


@jax.custom_jvp
def max_pool(
    maps: Float[Array, "*batch height width channels"],
) -> Float[Array, "*batch rows columns channels"]:
    """Max-pool 2x2 windows with stride 2; the gradient is shared equally among tied values."""
    # Not `windows.max`: XLA's CPU backend compares faster than it reduces over two inner axes.
    windows = _windows(maps)
    rows = jnp.maximum(windows[..., 0, :, :, :], windows[..., 1, :, :, :])
    return jnp.maximum(rows[..., 0, :], rows[..., 1, :])


@max_pool.defjvp
def _max_pool_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    """Gradient of `max_pool` as that of a reduction, a third cheaper than that of comparisons."""
    return jax.jvp(lambda maps: _windows(maps).max(axis=(-4, -2)), primals, tangents)


def _windows(
    maps: Float[Array, "*batch height width channels"],
) -> Float[Array, "*batch rows 2 columns 2 channels"]:
    """Cut feature maps into 2x2 windows, for max pooling and its gradient."""
    *batch, height, width, channels = maps.shape
    return maps.reshape(*batch, height // 2, 2, width // 2, 2, channels)


@jax.custom_vjp
def _convolve(
    maps: Float[Array, "batch height width channels"], kernel: Float[Array, "3 3 channels features"]
) -> Float[Array, "batch height width features"]:
    """Convolve 3x3 with SAME padding; the gradient, by the input only, is defined by hand."""
    return jax.lax.conv_general_dilated(
        maps, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _convolve_forward(maps: Array, kernel: Array) -> tuple[Array, Array]:
    return _convolve(maps, kernel), kernel


def _convolve_backward(kernel: Array, gradient: Array) -> tuple[Array, Array]:
    """Gradient of `_convolve` by its input: convolve with the rotated, transposed kernel.

    The kernel gets no gradient.

    For a single input channel that convolution makes poor use of the processor: instead one matrix
    product computes the contributions of the nine kernel positions, which are shifted and summed.
    """
    if kernel.shape[2] > 1:
        turned = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
        return _convolve(gradient, turned), jnp.zeros_like(kernel)
    _, height, width, _ = gradient.shape
    shares = jnp.pad(gradient @ kernel.reshape(9, -1).T, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifted = [
        shares[:, 2 - y : 2 - y + height, 2 - x : 2 - x + width, 3 * y + x]
        for y in range(3)
        for x in range(3)
    ]
    return sum(shifted[1:], shifted[0])[..., None], jnp.zeros_like(kernel)


_convolve.defvjp(_convolve_forward, _convolve_backward)


def convolve_for_inputs(
    maps: Float[Array, "batch height width channels"],
    kernel: Float[Array, "rows columns inputs features"],
    window_strides: Sequence[int] = (1, 1),
    padding: Sequence[tuple[int, int]] = ((1, 1), (1, 1)),
    **options: Any,
) -> Float[Array, "batch out_height out_width features"]:
    """Convolve with a gradient by the input only, where windows are of 3x3 with SAME padding.

    It is computed by a forward convolution. JAX's own derivative, which other windows have, is a
    dilated convolution in another layout, which XLA's CPU backend runs more slowly.
    """
    dilation, groups = options.get("rhs_dilation", (1, 1)), options.get("feature_group_count", 1)
    common = ((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    sides = tuple(map(tuple, padding))
    if (kernel.shape[:2], tuple(window_strides), sides, tuple(dilation), groups) == common:
        return _convolve(maps, kernel)
    made: Array = jax.lax.conv_general_dilated(maps, kernel, window_strides, padding, **options)
    return made


@jax.custom_vjp
def pool_for_inputs(
    maps: Float[Array, "*batch height width channels"],
) -> Float[Array, "*batch rows columns channels"]:
    """Max-pool like `max_pool`, with the gradient of tied values given to the first of them.

    PyTorch does so too, in row order; on a CPU it costs less than an equal split.
    """
    return max_pool(maps)


def _pool_forward(maps: Array) -> tuple[Array, Array]:
    return max_pool(maps), maps


def _pool_backward(maps: Array, gradient: Array) -> tuple[Array]:
    """Gradient of `pool_for_inputs`: route it to row, then column, of each window's maximum."""
    windows = _windows(maps)
    corners = [[windows[..., y, :, x, :] for x in (0, 1)] for y in (0, 1)]
    upper, lower = (jnp.maximum(left, right) for left, right in corners)
    above = jnp.where(upper >= lower, gradient, 0.0)
    rows = []
    for (left, right), share in zip(corners, (above, gradient - above), strict=True):
        first = jnp.where(left >= right, share, 0.0)
        rows.append(jnp.stack([first, share - first], axis=-2))
    return (jnp.stack(rows, axis=-4).reshape(maps.shape),)


pool_for_inputs.defvjp(_pool_forward, _pool_backward)


class _Geometry(NamedTuple):
    """Geometry of a convolution for training, along rows and columns."""

    stride: Pair
    padding: tuple[Pair, Pair]
    dilation: Pair
    groups: int


def convolve_for_training(
    maps: Maps,
    kernel: Kernel,
    window_strides: Sequence[int] = (1, 1),
    padding: Sequence[tuple[int, int]] = ((1, 1), (1, 1)),
    *,
    rhs_dilation: Sequence[int] = (1, 1),
    feature_group_count: int = 1,
    **_options: Any,
) -> Outputs:
    """Convolve for training, with gradients by input and kernel, both by forward convolutions.

    Results equal those of `lax.conv_general_dilated` and its derivative up to rounding. Inside a
    loop XLA's CPU backend runs JAX's own derivative many times more slowly.
    """
    (rows, columns), (top, left) = padding, window_strides
    geometry = _Geometry(
        (top, left), (rows, columns), (rhs_dilation[0], rhs_dilation[1]), feature_group_count
    )
    if feature_group_count > 1 and prod(kernel.shape[:2]) > MAX_POSITIONS:
        return _plain(maps, kernel, geometry)
    return _convolve_to_learn(geometry, maps, kernel)


def _plain(maps: Maps, kernel: Kernel, geometry: _Geometry) -> Outputs:
    return lax.conv_general_dilated(
        maps,
        kernel,
        geometry.stride,
        geometry.padding,
        rhs_dilation=geometry.dilation,
        dimension_numbers=LAYOUT,
        feature_group_count=geometry.groups,
    )


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _convolve_to_learn(geometry: _Geometry, maps: Maps, kernel: Kernel) -> Outputs:
    """Convolve for training; gradients, by input and kernel, are defined by hand."""
    return _plain(maps, kernel, geometry)


def _learn_forward(
    geometry: _Geometry, maps: Array, kernel: Array
) -> tuple[Array, tuple[Array, Array]]:
    return _plain(maps, kernel, geometry), (maps, kernel)


def _learn_backward(
    geometry: _Geometry, saved: tuple[Array, Array], gradient: Array
) -> tuple[Array, Array]:
    maps, kernel = saved
    by_kernel = _by_kernel if geometry.groups == 1 else _by_grouped_kernel
    # One such convolution keeps one processor busy; XLA runs two side by side.
    half = -(-len(maps) // 2)
    shares = [
        by_kernel(geometry, maps[start : start + half], gradient[start : start + half], kernel)
        for start in range(0, len(maps), half)
    ]
    return _by_maps(geometry, maps, kernel, gradient), sum(shares[1:], shares[0])


_convolve_to_learn.defvjp(_learn_forward, _learn_backward)


def _by_maps(geometry: _Geometry, maps: Maps, kernel: Kernel, gradient: Outputs) -> Maps:
    """Gradient of a training convolution by its input: with the rotated, transposed kernel."""
    padding = []
    for axis in (0, 1):
        extent = (kernel.shape[axis] - 1) * geometry.dilation[axis]
        spread = (gradient.shape[1 + axis] - 1) * geometry.stride[axis]
        low = extent - geometry.padding[axis][0]
        padding.append((low, maps.shape[1 + axis] - 1 + extent - spread - low))
    rows, columns, inputs, features = kernel.shape
    grouped = jnp.flip(kernel, (0, 1)).reshape(
        rows, columns, inputs, geometry.groups, features // geometry.groups
    )
    turned = grouped.transpose(0, 1, 4, 3, 2).reshape(rows, columns, -1, maps.shape[-1])
    return lax.conv_general_dilated(
        gradient,
        turned,
        (1, 1),
        padding,
        lhs_dilation=geometry.stride,
        rhs_dilation=geometry.dilation,
        dimension_numbers=LAYOUT,
        feature_group_count=geometry.groups,
    )


def _by_kernel(geometry: _Geometry, maps: Maps, gradient: Outputs, kernel: Kernel) -> Kernel:
    """Gradient of a training convolution by its kernel: channels and images are swapped."""
    padding = []
    for axis in (0, 1):
        low, _ = geometry.padding[axis]
        extent = (kernel.shape[axis] - 1) * geometry.dilation[axis]
        spread = (gradient.shape[1 + axis] - 1) * geometry.stride[axis]
        padding.append((low, extent + spread + 1 - maps.shape[1 + axis] - low))
    # Transposed by hand: naming the axes in their places, as JAX does, leaves XLA's CPU backend
    # without a fast way inside a loop.
    shares = lax.conv_general_dilated(
        maps.transpose(3, 1, 2, 0),
        gradient.transpose(1, 2, 0, 3),
        geometry.dilation,
        padding,
        rhs_dilation=geometry.stride,
        dimension_numbers=LAYOUT,
    )
    return shares.transpose(1, 2, 0, 3)


def _by_grouped_kernel(
    geometry: _Geometry, maps: Maps, gradient: Outputs, kernel: Kernel
) -> Kernel:
    """Gradient of a training convolution of grouped channels: a product for each position."""
    groups = geometry.groups
    padded = jnp.pad(maps, ((0, 0), *geometry.padding, (0, 0)))
    padded = padded.reshape(*padded.shape[:3], groups, -1)
    _, height, width, _ = gradient.shape
    apart = gradient.reshape(*gradient.shape[:3], groups, -1)
    (down, across), (dilation_y, dilation_x) = geometry.stride, geometry.dilation
    shares = []
    for row, column in product(range(kernel.shape[0]), range(kernel.shape[1])):
        top, left = row * dilation_y, column * dilation_x
        read = padded[
            :,
            top : top + (height - 1) * down + 1 : down,
            left : left + (width - 1) * across + 1 : across,
        ]
        shares.append(jnp.einsum("bhwgi,bhwgo->igo", read, apart).reshape(kernel.shape[2:]))
    return jnp.stack(shares).reshape(kernel.shape)
