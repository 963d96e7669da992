"""SimpleCNN: a small convolutional network for 28x28 digits, with every intermediate value."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from models.anatomy import CLASSES


class CNNTrace(NamedTuple):
    """Every value that one forward pass makes, in the order in which it makes them."""

    conv1: Float[Array, "*batch 28 28 32"]
    relu1: Float[Array, "*batch 28 28 32"]
    pool1: Float[Array, "*batch 14 14 32"]
    conv2: Float[Array, "*batch 14 14 64"]
    relu2: Float[Array, "*batch 14 14 64"]
    pool2: Float[Array, "*batch 7 7 64"]
    conv3: Float[Array, "*batch 7 7 64"]
    relu3: Float[Array, "*batch 7 7 64"]
    dense1: Float[Array, "*batch 128"]
    relu4: Float[Array, "*batch 128"]
    logits: Float[Array, "*batch 10"]


@jax.custom_jvp
def max_pool(
    maps: Float[Array, "*batch height width channels"],
) -> Float[Array, "*batch rows columns channels"]:
    """Keep the largest value of every 2x2 window; windows do not overlap."""
    # Not `windows.max`: XLA's CPU backend compares faster than it reduces over two inner axes.
    windows = _windows(maps)
    rows = jnp.maximum(windows[..., 0, :, :, :], windows[..., 1, :, :, :])
    return jnp.maximum(rows[..., 0, :], rows[..., 1, :])


@max_pool.defjvp
def _max_pool_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    """Differentiate as a reduction, whose gradient costs a third less than that of comparisons."""
    return jax.jvp(lambda maps: _windows(maps).max(axis=(-4, -2)), primals, tangents)


def _windows(
    maps: Float[Array, "*batch height width channels"],
) -> Float[Array, "*batch rows 2 columns 2 channels"]:
    """Cut maps into 2x2 windows."""
    *batch, height, width, channels = maps.shape
    return maps.reshape(*batch, height // 2, 2, width // 2, 2, channels)


@jax.custom_vjp
def _convolve(
    maps: Float[Array, "batch height width channels"], kernel: Float[Array, "3 3 channels features"]
) -> Float[Array, "batch height width features"]:
    """Convolve 3x3 with SAME padding."""
    return jax.lax.conv_general_dilated(
        maps, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _convolve_forward(maps: Array, kernel: Array) -> tuple[Array, Array]:
    return _convolve(maps, kernel), kernel


def _convolve_backward(kernel: Array, gradient: Array) -> tuple[Array, Array]:
    """Convolve with the kernel turned by half a turn and transposed; weights get no gradient.

    For a single input channel that convolution makes poor use of the processor: there each weight's
    share is one product for all places, and nine shifted sums put them where they belong.
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
    """Convolve so that only inputs are differentiated, by a convolution like the one forward.

    What JAX derives itself is a dilated convolution in another layout, for which XLA's CPU backend
    is slower.
    """
    return _convolve(maps, kernel)


@jax.custom_vjp
def _convolve_to_learn(
    maps: Float[Array, "batch height width channels"], kernel: Float[Array, "3 3 channels features"]
) -> Float[Array, "batch height width features"]:
    """Convolve 3x3 with SAME padding."""
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
    """Convolve maps with a gradient: channels stand for images, and images for channels."""
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
    """Convolve so that both gradients are convolutions like the one forward.

    The same numbers as `lax.conv_general_dilated` and its derivative, up to rounding. Inside a loop
    XLA's CPU backend runs what JAX derives itself many times slower.
    """
    return _convolve_to_learn(maps, kernel)


@jax.custom_vjp
def pool_for_inputs(
    maps: Float[Array, "*batch height width channels"],
) -> Float[Array, "*batch rows columns channels"]:
    """Do as `max_pool`, but let the gradient of equal values go to the first of them.

    So PyTorch does, row by row; and on a CPU it costs less than to share it out.
    """
    return max_pool(maps)


def _pool_forward(maps: Array) -> tuple[Array, Array]:
    return max_pool(maps), maps


def _pool_backward(maps: Array, gradient: Array) -> tuple[Array]:
    """Send the gradient up or down, then left or right, to where the largest value stands."""
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


Through = Callable[[str, Array], Array]
"""What each value of a trace goes through on its way: its name, itself, and what goes on."""


class SimpleCNN(nnx.Module):
    """Three 3x3 convolutions, two 2x2 max-pools, two dense layers: 458,570 parameters.

    Args:
        rngs: Where the initial parameters are drawn from.
        convolve: The convolution to use, with the signature of `jax.lax.conv_general_dilated`.
        pool: The pooling to use.
    """

    def __init__(
        self,
        rngs: nnx.Rngs,
        convolve: Callable[..., Any] = jax.lax.conv_general_dilated,
        pool: Callable[[Array], Array] = max_pool,
    ) -> None:
        def conv(inputs: int, outputs: int) -> nnx.Conv:
            return nnx.Conv(inputs, outputs, (3, 3), conv_general_dilated=convolve, rngs=rngs)

        self.conv1 = conv(1, 32)
        self.conv2 = conv(32, 64)
        self.conv3 = conv(64, 64)
        self.dense1 = nnx.Linear(7 * 7 * 64, 128, rngs=rngs)
        self.output = nnx.Linear(128, CLASSES, rngs=rngs)
        self.pool = pool

    def trace(
        self,
        image: Float[Array, "batch 28 28 1"],
        through: Through = lambda _, value: value,
    ) -> CNNTrace:
        """Classify images and keep every intermediate value.

        Args:
            image: Intensities in [0, 1]: 0 is ground, 1 is full ink.
            through: Called with the name of each value and the value; what it returns goes on, and
                is kept. An intervention, or a place to differentiate at.

        Returns:
            Values before and after every nonlinearity; maps are channel last.
        """
        conv1 = through("conv1", self.conv1(image))
        relu1 = through("relu1", nnx.relu(conv1))
        pool1 = through("pool1", self.pool(relu1))
        conv2 = through("conv2", self.conv2(pool1))
        relu2 = through("relu2", nnx.relu(conv2))
        pool2 = through("pool2", self.pool(relu2))
        conv3 = through("conv3", self.conv3(pool2))
        relu3 = through("relu3", nnx.relu(conv3))
        dense1 = through("dense1", self.dense1(relu3.reshape(len(image), -1)))
        relu4 = through("relu4", nnx.relu(dense1))
        logits = through("logits", self.output(relu4))
        return CNNTrace(
            conv1, relu1, pool1, conv2, relu2, pool2, conv3, relu3, dense1, relu4, logits
        )

    def __call__(self, image: Float[Array, "batch 28 28 1"]) -> Float[Array, "batch 10"]:
        """Return the logits of the ten digits."""
        return self.trace(image).logits
