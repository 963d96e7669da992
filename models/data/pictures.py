"""Pictures at the size of a network's images, for training and for the server alike."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from models.declaration.declaration import ImageSpec


def fit_pixels(
    pixels: UInt8[np.ndarray, "rows columns *channels"], image: ImageSpec
) -> UInt8[np.ndarray, "height width *channels"]:
    """Scale a picture to cover the size of a network's images, and crop it about its centre.

    Training data and the pictures that a server is sent are fitted alike. Fine patterns are
    averaged where it shrinks (cubic interpolation over all pixels of the source); a picture of the
    network's size is not changed.
    """
    if pixels.shape[:2] == (image.height, image.width):
        return pixels
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    size = image.width, image.height
    return np.asarray(ImageOps.fit(picture, size, Image.Resampling.BICUBIC))
