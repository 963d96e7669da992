"""Planes of a decoded image: grey levels, alpha and colours, upright."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

IMAGE_SIDE = 28  # pixels, of an MNIST image


@dataclass(frozen=True)
class Planes:
    """Grey, alpha and colour planes of an upright image, from which its foreground is extracted.

    Attributes:
        grey: Luma (ITU-R 601), 0 (black) to 255 (white), not multiplied by alpha.
        alpha: 0 (transparent) to 255 (opaque); None for an opaque image.
        lossy: Whether the image was a JPEG, which has artifacts around strokes.
        colour: Red, green and blue, not multiplied by alpha; None for an image in grey.
        reduction: Source pixels per pixel of the planes, along each side: a large image is decoded
            at 1/2, 1/3, … of its size, and every other image at 1.
        unreduced: Width and height of the upright image before its reduction; None where it is not
            reduced.
    """

    grey: UInt8[np.ndarray, "height width"]
    alpha: UInt8[np.ndarray, "height width"] | None = None
    lossy: bool = False
    colour: UInt8[np.ndarray, "height width 3"] | None = None
    reduction: int = 1
    unreduced: tuple[int, int] | None = None

    @property
    def size(self) -> list[int]:
        """Width and height of the planes that a foreground is extracted from, in pixels."""
        return [self.grey.shape[1], self.grey.shape[0]]

    @property
    def source_size(self) -> list[int]:
        """Width and height of the upright image, before its reduction, in pixels."""
        return list(self.unreduced or self.size)
