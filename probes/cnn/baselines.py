"""Baseline images of attributions: black, white, mean and blur."""

from typing import Literal

import numpy as np
from jaxtyping import Float32

from models.data import samples

BaselineName = Literal["black", "white", "mean", "blur"]

BLUR_DEVIATION = 3.0
"""Standard deviation of the baseline `blur` in pixels: strokes, 2 to 4 pixels wide, vanish."""

_REACH = 9
"""Radius of the kernel of the baseline `blur` in pixels: three standard deviations."""

Image = Float32[np.ndarray, "height width"]


def baseline(name: BaselineName, image: Image) -> Image:
    """Return the baseline image of a name: black, white, mean or blur.

    Args:
        name: `black`, MNIST's background; `white`, full intensity; `mean`, the mean of the
            training images; `blur`, the image itself, blurred.
        image: Intensities in [0, 1].
    """
    match name:
        case "black":
            return np.zeros_like(image)
        case "white":
            return np.ones_like(image)
        case "mean":
            return samples.load().mean
        case "blur":
            return blurred(image)


def blurred(image: Image) -> Image:
    """Blur an image with a Gaussian, padded with zeros: the baseline `blur`."""
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
