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


def in_8_bits(picture: Image.Image) -> Image.Image:
    """Convert a decoded picture to grey or colours of 8 bits, with or without alpha.

    Pillow itself would clip 16-bit grey at 255, so that nearly all levels were white.
    """
    if picture.mode.startswith("I"):
        return _in_8_bits_from_16(picture)
    if picture.mode in {"L", "RGB"} and "transparency" not in picture.info:
        return picture
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _in_8_bits_from_16(picture: Image.Image) -> Image.Image:
    """Convert a 16-bit grey picture: 65535 is 255, and one level perhaps transparent."""
    deep = np.asarray(picture).astype(np.int64).clip(0, 65_535)
    grey = Image.fromarray(((deep + 128) // 257).astype(np.uint8))
    if (transparent := picture.info.get("transparency")) is None:
        return grey
    alpha = Image.fromarray(np.where(deep == transparent, 0, 255).astype(np.uint8))
    return Image.merge("LA", (grey, alpha))
