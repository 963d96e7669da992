"""What takes the place of ink that an attribution imagines away."""

from typing import Literal

import numpy as np
from jaxtyping import Float32

from models.data import samples

BaselineName = Literal["black", "white", "mean", "blur"]

BLUR_DEVIATION = 3.0
"""Of the Gaussian that blurs, in pixels: strokes of a digit, 2 to 4 pixels wide, are lost."""

_REACH = 9
"""Pixels on either side that it takes into account: three deviations."""

Image = Float32[np.ndarray, "height width"]


def baseline(name: BaselineName, image: Image) -> Image:
    """Return the picture that stands for nothing.

    Args:
        name: `black`, the ground of MNIST; `white`, full ink; `mean`, the mean of the training
            images; `blur`, the picture itself without its details.
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
    """Blur a picture by a Gaussian; beyond its border it is ground."""
    offsets = np.arange(-_REACH, _REACH + 1)
    kernel = np.exp(-0.5 * (offsets / BLUR_DEVIATION) ** 2)
    kernel /= kernel.sum()
    height, width = image.shape
    rows, columns = (_band(kernel, size) for size in (height, width))
    found: np.ndarray = rows @ image.astype(np.float64) @ columns.T
    return found.astype(np.float32)


def _band(kernel: np.ndarray, size: int) -> np.ndarray:
    """Return the matrix that convolves a line of so many pixels with a kernel."""
    distance = np.arange(size)[:, None] - np.arange(size)[None]
    inside = np.abs(distance) <= _REACH
    near = np.minimum(np.abs(distance), _REACH)
    found: np.ndarray = np.where(inside, kernel[_REACH + near], 0.0)
    return found
