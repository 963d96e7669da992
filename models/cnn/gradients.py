"""Convolution and max pooling with gradients that XLA's CPU backend runs fast."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


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
    kernel: Float[Array, "3 3 channels features"],
    *_args: Any,
    **_options: Any,
) -> Float[Array, "batch height width features"]:
    """Convolve with a gradient by the input only, computed by a forward convolution.

    JAX's own derivative is a dilated convolution in another layout, which XLA's CPU backend runs
    more slowly.
    """
    return _convolve(maps, kernel)


@jax.custom_vjp
def _convolve_to_learn(
    maps: Float[Array, "batch height width channels"], kernel: Float[Array, "3 3 channels features"]
) -> Float[Array, "batch height width features"]:
    """Convolve 3x3 with SAME padding; gradients, by input and kernel, are defined by hand."""
    return _convolve(maps, kernel)


def _learn_forward(maps: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return _convolve(maps, kernel), (maps, kernel)


def _learn_backward(saved: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    maps, kernel = saved
    by_maps, _ = _convolve_backward(kernel, gradient)
    # One such convolution keeps one processor busy; XLA runs two side by side.
    half = -(-len(maps) // 2)
    shares = [
        _by_kernel(maps[start : start + half], gradient[start : start + half])
        for start in range(0, len(maps), half)
    ]
    return by_maps, sum(shares[1:], shares[0])


def _by_kernel(
    maps: Float[Array, "batch height width channels"],
    gradient: Float[Array, "batch height width features"],
) -> Float[Array, "3 3 channels features"]:
    """Gradient of a convolution by its kernel: a convolution with channels and images swapped."""
    # Transposed by hand: naming the axes in their places, as JAX does, leaves XLA's CPU backend
    # without a fast way inside a loop.
    shares = jax.lax.conv_general_dilated(
        maps.transpose(3, 1, 2, 0),
        gradient.transpose(1, 2, 0, 3),
        (1, 1),
        ((1, 1), (1, 1)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    return shares.transpose(1, 2, 0, 3)


_convolve_to_learn.defvjp(_learn_forward, _learn_backward)


def convolve_for_training(
    maps: Float[Array, "batch height width channels"],
    kernel: Float[Array, "3 3 channels features"],
    *_args: Any,
    **_options: Any,
) -> Float[Array, "batch height width features"]:
    """Convolve for training, with gradients by input and kernel, both by forward convolutions.

    Results equal those of `lax.conv_general_dilated` and its derivative up to rounding. Inside a
    loop XLA's CPU backend runs JAX's own derivative many times more slowly.
    """
    return _convolve_to_learn(maps, kernel)


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
