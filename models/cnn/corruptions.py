"""Corruptions of digit images for training: Gaussian noise, impulse noise and pixelation."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from models.data.mnist import HEIGHT, WIDTH

Images = Float[Array, "batch 28 28"]

NOISE = 0.4  # largest standard deviation of Gaussian noise
THRESHOLD = 0.4  # largest level below which noise is removed, as by background subtraction
IMPULSES = 0.16  # largest share of pixels that become black or white
CELL = (1.8, 4.6)  # pixels: sides of the cells of a pixelated image


def corrupt(key: PRNGKeyArray, images: Images) -> Images:
    """Corrupt digit images for training: each by noise, by impulses or by pixelation.

    Args:
        key: Random key; equal keys give equal results.
        images: Intensities in [0, 1].

    Returns:
        Intensities in [0, 1].

    References:
        Hendrycks & Dietterich (2019), Benchmarking neural network robustness to common corruptions
        and perturbations, of which MNIST-C (Mu & Gilmer, 2019) is the version for digits.
    """
    choosing, *keys = jax.random.split(key, 4)
    kinds = (add_noise, add_impulses, pixelate)
    corrupted = jnp.stack([kind(one, images) for kind, one in zip(kinds, keys, strict=True)])
    chosen = jax.random.randint(choosing, (len(images),), 0, len(kinds))
    return corrupted[chosen, jnp.arange(len(images))]


def add_noise(key: PRNGKeyArray, images: Images) -> Images:
    """Corrupt digit images by Gaussian noise, of half of which the faint part is removed."""
    drawing, spreading, cutting, choosing = jax.random.split(key, 4)
    shape = (len(images), 1, 1)
    spread = jax.random.uniform(spreading, shape, maxval=NOISE)
    noisy = jnp.clip(images + spread * jax.random.normal(drawing, images.shape), 0.0, 1.0)
    level = jax.random.uniform(cutting, shape, maxval=THRESHOLD)
    cut = jnp.maximum(noisy - level, 0.0) / (1.0 - level)
    return jnp.where(jax.random.bernoulli(choosing, 0.5, shape), cut, noisy)


def add_impulses(key: PRNGKeyArray, images: Images) -> Images:
    """Corrupt digit images by impulse noise: a share of the pixels becomes black or white."""
    sharing, hitting, colouring = jax.random.split(key, 3)
    share = jax.random.uniform(sharing, (len(images), 1, 1), maxval=IMPULSES)
    hit = jax.random.uniform(hitting, images.shape) < share
    white = jax.random.bernoulli(colouring, 0.5, images.shape)
    return jnp.where(hit, white.astype(jnp.float32), images)


def pixelate(key: PRNGKeyArray, images: Images) -> Images:
    """Corrupt digit images by large cells of equal intensity, half of them interpolated."""
    sizing, placing, choosing = jax.random.split(key, 3)
    batch = len(images)
    side = jax.random.uniform(sizing, (batch, 1, 1), minval=CELL[0], maxval=CELL[1])
    smooth = jax.random.bernoulli(choosing, 0.5, (batch, 1, 1))
    down, right = jax.random.uniform(placing, (2, batch, 1, 1))
    rows = _cells(side, down * side, HEIGHT, smooth)
    columns = _cells(side, right * side, WIDTH, smooth)
    return jnp.clip(jnp.einsum("byi,bij,bxj->byx", rows, images, columns), 0.0, 1.0)


def _cells(
    side: Float[Array, "batch 1 1"],
    offset: Float[Array, "batch 1 1"],
    length: int,
    smooth: Array,
) -> Float[Array, "batch pixels pixels"]:
    """Return the matrix that averages cells of pixels along one axis, interpolated if `smooth`."""
    at = jnp.arange(float(length))
    cell = jnp.floor((at[None, :, None] + offset) / side)
    means = _average((cell == cell.swapaxes(1, 2)).astype(jnp.float32))
    # A moving average as wide as a cell turns its steps into linear interpolation.
    near = jnp.clip((side + 1.0) / 2.0 - jnp.abs(at[:, None] - at[None])[None], 0.0, 1.0)
    return jnp.where(smooth, _average(near) @ means, means)


def _average(weights: Float[Array, "batch pixels pixels"]) -> Float[Array, "batch pixels pixels"]:
    return weights / weights.sum(axis=2, keepdims=True)
