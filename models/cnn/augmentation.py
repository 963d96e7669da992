"""Data augmentation of digit images on the device: drawn digits, corruptions, warps, strokes."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Array, Float, Integer, PRNGKeyArray

from models.cnn.corruptions import corrupt
from models.cnn.strokes import draw_digits
from models.data.mnist import HEIGHT, WIDTH

Images = Float[Array, "batch 28 28"]
Coordinates = Float[Array, "batch 2 28 28"]

ROTATION = 0.22  # radians either way
TURN = 0.85  # radians either way, of the images that are turned further
UPRIGHT = 7  # label that is not turned further: it would become a one with an upstroke
SHRINK = 1.45  # largest reduction of a corrupted image, whose noise can set its bounding box
SCALE = 0.14  # each side, either way
SHEAR = 0.16
SHIFT = 2.5  # pixels either way
BEND = 1.0  # pixels: largest standard deviation of the elastic displacement field
BEND_REACH = 4.0  # pixels: standard deviation of its Gaussian smoothing
KNOTS = 8  # knots of the displacement field a side
REDRAWN = 0.5  # share of the images whose strokes are changed


class Shares(NamedTuple):
    """Shares of a training batch that are drawn, corrupted, or rotated further than others.

    The remaining images are augmented by `augment` alone.
    """

    drawn: float
    corrupted: float
    turned: float


def augment_batch(
    key: PRNGKeyArray, images: Images, labels: Integer[Array, " batch"], shares: Shares
) -> tuple[Images, Integer[Array, " batch"]]:
    """Augment a training batch: replace some images by drawn digits, and vary all of them.

    Args:
        key: Random key; equal keys give equal results.
        images: Intensities in [0, 1], in random order.
        labels: Digit of each image.
        shares: Shares of the batch, of which those drawn come first in the result.

    Returns:
        Images with intensities in [0, 1], and labels.
    """
    drawing, varying, corrupting = jax.random.split(key, 3)
    drawn, corrupted, turned = (round(share * len(images)) for share in shares)
    digits, names = draw_digits(drawing, drawn)
    images = jnp.concatenate([digits, images[drawn:]])
    labels = jnp.concatenate([names.astype(labels.dtype), labels[drawn:]])
    place = jnp.arange(len(images))
    further = (place >= len(images) - turned) & (labels != UPRIGHT)
    varied = augment(varying, images, jnp.where(further, TURN, ROTATION))
    end = drawn + corrupted
    noisy = _corrupt_and_shrink(corrupting, varied[drawn:end])
    return jnp.concatenate([varied[:drawn], noisy, varied[end:]]), labels


def _corrupt_and_shrink(key: PRNGKeyArray, images: Images) -> Images:
    """Augmentation: corrupt digit images, then make half of them smaller.

    Preprocessing does so where the bounding box of an image is that of its noise.
    """
    corrupting, choosing, sizing = jax.random.split(key, 3)
    batch = len(images)
    smaller = jax.random.uniform(sizing, (batch,), minval=1.0, maxval=SHRINK)
    size = jnp.where(jax.random.bernoulli(choosing, 0.5, (batch,)), smaller, 1.0)
    middle = (HEIGHT - 1) / 2
    grid = jnp.indices((HEIGHT, WIDTH)).astype(jnp.float32) - middle
    return resample(corrupt(corrupting, images), grid[None] * size[:, None, None, None] + middle)


def augment(
    key: PRNGKeyArray, images: Images, rotation: float | Float[Array, " batch"] = ROTATION
) -> Images:
    """Augment each digit image independently, as handwriting and drawing by mouse or finger vary.

    Args:
        key: Random key; equal keys give equal results.
        images: Intensities in [0, 1].
        rotation: Largest rotation in radians, either way.

    Returns:
        Intensities in [0, 1].
    """
    moving, bending, drawing = jax.random.split(key, 3)
    batch = len(images)
    coordinates = _affine(moving, batch, rotation) + _bend(bending, batch)
    return redraw(drawing, resample(images, coordinates))


def resample(images: Images, coordinates: Coordinates) -> Images:
    """Augmentation: sample each digit image at given coordinates by bilinear interpolation.

    Outside of the image values are zero.
    """

    def one(image: Float[Array, "28 28"], at: Float[Array, "2 28 28"]) -> Float[Array, "28 28"]:
        read: Array = map_coordinates(image, [at[0], at[1]], order=1, mode="constant", cval=0.0)
        return read

    return jnp.clip(jax.vmap(one)(images, coordinates), 0.0, 1.0)


def _affine(key: PRNGKeyArray, batch: int, rotation: float | Float[Array, " batch"]) -> Coordinates:
    """Augmentation: draw the source coordinates of a random rotation, scale, shear and shift."""
    spread = jnp.array([1.0, SCALE, SCALE, SHEAR, SHIFT, SHIFT])
    drawn = jax.random.uniform(key, (6, batch), minval=-1.0) * spread[:, None]
    angle, tall, wide, shear, down, right = drawn
    angle = angle * rotation
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    rows = jnp.stack([cos * (1 + tall), (shear * cos - sin) * (1 + tall)], axis=-1)
    columns = jnp.stack([sin * (1 + wide), (shear * sin + cos) * (1 + wide)], axis=-1)
    matrix = jnp.stack([rows, columns], axis=1)
    centre = jnp.array([(HEIGHT - 1) / 2, (WIDTH - 1) / 2])
    grid = jnp.indices((HEIGHT, WIDTH)).astype(jnp.float32) - centre[:, None, None]
    offset = jnp.stack([down, right], axis=-1) + centre[None]
    return jnp.einsum("bij,jyx->biyx", matrix, grid) + offset[:, :, None, None]


def _bend(key: PRNGKeyArray, batch: int) -> Coordinates:
    """Augmentation: draw an elastic displacement field, Gaussian-smoothed noise on a few knots.

    References:
        Simard, Steinkraus & Platt (2003), Best practices for convolutional neural networks applied
        to visual document analysis, section 2.
    """
    strength, noise = jax.random.split(key)
    knots = jnp.linspace(0.0, HEIGHT - 1.0, KNOTS)
    distance = jnp.arange(float(HEIGHT))[:, None] - knots[None]
    spread = jnp.exp(-0.5 * (distance / BEND_REACH) ** 2)
    spread = spread / jnp.sqrt((spread**2).sum(axis=1, keepdims=True))  # unit variance everywhere
    field = jnp.einsum(
        "yk,bckl,xl->bcyx", spread, jax.random.normal(noise, (batch, 2, KNOTS, KNOTS)), spread
    )
    return field * jax.random.uniform(strength, (batch, 1, 1, 1), maxval=BEND)


def redraw(key: PRNGKeyArray, images: Images) -> Images:
    """Augmentation: change stroke width, then edge sharpness, in half of the digit images.

    Returns:
        Intensities in [0, 1].
    """
    chosen, width, edge = jax.random.split(key, 3)
    shape = (len(images), 1, 1)
    width_change = jax.random.uniform(width, shape, minval=-0.6)  # beyond -0.6 thin strokes vanish
    thick = images + jnp.maximum(width_change, 0.0) * (_widest(images) - images)
    drawn = thick + jnp.maximum(-width_change, 0.0) * (-_widest(-images) - images)
    sharpness = jax.random.uniform(edge, shape, minval=-1.0)
    soft = drawn + jnp.maximum(-sharpness, 0.0) * (_blur(drawn) - drawn)
    hard = jnp.clip((soft - 0.5) * (1.0 + 2.0 * jnp.maximum(sharpness, 0.0)) + 0.5, 0.0, 1.0)
    return jnp.where(jax.random.bernoulli(chosen, REDRAWN, shape), hard, images)


def _neighbours(images: Images) -> Float[Array, "5 batch 28 28"]:
    """Augmentation of strokes: stack each pixel with its four neighbours, repeating the border."""
    padded = jnp.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge")
    shifts = ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2))
    return jnp.stack([padded[:, y : y + HEIGHT, x : x + WIDTH] for y, x in shifts])


def _widest(images: Images) -> Images:
    """Augmentation to thicker strokes: maximum of each pixel and its four neighbours.

    This is grey dilation by a cross.
    """
    return _neighbours(images).max(axis=0)


def _blur(images: Images) -> Images:
    """Augmentation to softer strokes: mean of each pixel, weighted by 3, and four neighbours."""
    return (_neighbours(images).sum(axis=0) + 2.0 * images) / 7.0
