"""Baseline images of attributions: black, white, mean and blur."""

from typing import Literal

import numpy as np

from models.architecture import Architecture
from models.cnn.layout import layout_of
from models.data import samples
from probes.cnn.images import Image, intensities, values_of

BaselineName = Literal["black", "white", "mean", "blur"]

BLUR_DEVIATION = 3.0
"""Standard deviation of the baseline `blur` in pixels: strokes, 2 to 4 pixels wide, vanish."""

_REACH = 9
"""Radius of the kernel of the baseline `blur` in pixels: three standard deviations."""


def baseline(name: BaselineName, image: Image, architecture: Architecture) -> Image:
    """Return the baseline image of a name: black, white, mean or blur.

    Args:
        name: `black`, MNIST's background; `white`, full intensity; `mean`, the mean of MNIST's
            training images, of other networks the declared mean of each channel; `blur`, the
            image itself, blurred.
        image: Values that the network reads, as are those of the baseline.
        architecture: Architecture of the network.
    """
    match name:
        case "black":
            return values_of(architecture, np.zeros_like(image))
        case "white":
            return values_of(architecture, np.ones_like(image))
        case "mean" if layout_of(architecture).is_mnist:
            return samples.load().mean
        case "mean":
            # The mean of the intensities, which the network subtracts.
            return np.zeros_like(image)
        case "blur":
            return values_of(architecture, blurred(intensities(architecture, image)))


def blurred(image: Image) -> Image:
    """Blur an image of intensities with a Gaussian, padded with black: the baseline `blur`."""
    if image.ndim > 2:  # noqa: PLR2004 - rows, columns, channels
        return np.stack([blurred(one) for one in np.moveaxis(image, -1, 0)], axis=-1)
    offsets = np.arange(-_REACH, _REACH + 1)
    kernel = np.exp(-0.5 * (offsets / BLUR_DEVIATION) ** 2)
    kernel /= kernel.sum()
    height, width = image.shape
    # A separable kernel: two banded matrices in place of a convolution in two dimensions.
    rows, columns = (_band(kernel, size) for size in (height, width))
    found: np.ndarray = rows @ image.astype(np.float64) @ columns.T
    return found.astype(np.float32)


def _band(kernel: np.ndarray, size: int) -> np.ndarray:
    """Return the banded matrix that blurs a row of pixels of a baseline image."""
    distance = np.arange(size)[:, None] - np.arange(size)[None]
    inside = np.abs(distance) <= _REACH
    near = np.minimum(np.abs(distance), _REACH)
    found: np.ndarray = np.where(inside, kernel[_REACH + near], 0.0)
    return found
