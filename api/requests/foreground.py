"""Foreground of an image: background subtraction, polarity and bounding box.

planes -> composited grey levels -> background subtracted, foreground light -> bounding box
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

IMAGE_SIDE = 28  # pixels, of an MNIST image
MIN_CONTRAST = 32  # grey levels; less than that is the grain of an empty sheet
JPEG_NOISE = 16  # grey levels of the artifacts that JPEG leaves around a stroke
FIT_POINTS = 64  # along a side, for the fit of a background: more add time, not precision
COARSE_BLOCKS = 112  # along a side, for a first bounding box that skips single grains


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


class Box(NamedTuple):
    """Bounding box of the foreground of an image, in pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def long_side(self) -> int:
        """Longer side of the foreground's bounding box, in pixels."""
        return max(self.right - self.left, self.bottom - self.top)

    def moved(self, x: int, y: int) -> "Box":
        """Return the foreground's bounding box, translated by `x` to the right and `y` down."""
        return self._replace(
            left=self.left + x, top=self.top + y, right=self.right + x, bottom=self.bottom + y
        )


def composite(planes: Planes) -> Float32[np.ndarray, "height width"]:
    """Composite an image with alpha on a background that contrasts with its foreground.

    An opaque sheet with transparent corners is composited on its own median level.
    """
    grey = planes.grey.astype(np.float32)
    if planes.alpha is None:
        return grey
    solid = planes.grey[planes.alpha >= 128]  # noqa: PLR2004 - half
    if not solid.size:
        return np.zeros_like(grey)
    low, middle, high = np.percentile(solid, [1, 50, 99])
    # A sheet with a digit and transparent corners is mostly opaque and has two levels; strokes on a
    # transparent canvas are never both.
    sheet = 2 * solid.size > planes.grey.size and high - low > MIN_CONTRAST
    background = middle if sheet else (255 if solid.mean() < 128 else 0)  # noqa: PLR2004 - half
    return np.float32(background) + (grey - np.float32(background)) * (
        planes.alpha / np.float32(255)
    )


def extract_foreground(
    grey: Float32[np.ndarray, "height width"], loss: int
) -> tuple[Float32[np.ndarray, "height width"], bool]:
    """Extract the foreground of an image: subtract its background, and make it light on dark.

    Args:
        loss: Grey levels of compression artifacts, `JPEG_NOISE` or 0.

    Returns:
        The foreground, 0 to 255, light on 0, and whether it was darker than its background. All
        zeros where nothing stands out by `MIN_CONTRAST`.
    """
    background, grain = _background(grey)
    above = grey - background
    inverted = bool(np.square(np.minimum(above, 0)).sum() > np.square(np.maximum(above, 0)).sum())
    contrast = np.maximum(-above if inverted else above, 0)
    # Not the maximum, which in a photo is a reflection: one pixel in 5,000 may be above the level.
    rank = 1 + contrast.size // 5000
    brightest_first = np.bincount(contrast.astype(np.uint8).ravel(), minlength=256)[::-1]
    level = 255 - int(np.argmax(np.cumsum(brightest_first) >= rank))
    if level < MIN_CONTRAST:
        return np.zeros_like(contrast), False
    # A small clean drawing keeps its faintest edges; a larger one loses them with its specks; on a
    # grainy background the fit leaves shadows, removed only by a share of the foreground's level.
    share = level / 5 if grain > 1 else level / 16 if max(contrast.shape) > COARSE_BLOCKS else 0
    floor = np.float32(min(max(6 * grain, loss, share), level / 2))
    return np.minimum(np.maximum(contrast - floor, 0) * (level / (level - floor)), 255), inverted


def _background(
    grey: Float32[np.ndarray, "height width"],
) -> tuple[Float32[np.ndarray, "#height #width"], float]:
    """Estimate the background behind a foreground: level of the border, or a quadratic surface.

    Returns:
        The background in grey levels, and its grain: the median absolute deviation from it.
    """
    height, width = grey.shape
    thick = max(1, min(height, width) // IMAGE_SIDE)
    sides = (grey[:thick], grey[-thick:], grey[:, :thick], grey[:, -thick:])
    border = np.concatenate([side.ravel() for side in sides])
    level = np.median(border)
    grain = float(np.median(np.abs(border - level)))
    if grain <= 1:
        return np.full((1, 1), level, np.float32), grain
    step = int(np.ceil(np.sqrt(grey.size) / FIT_POINTS))
    y, x = np.mgrid[step // 2 : height : step, step // 2 : width : step].reshape(2, -1)
    terms, grain = _fit_surface(x / width, y / height, grey[y, x].astype(np.float64))
    u = (np.arange(width) / width).astype(np.float32)[None, :]
    v = (np.arange(height) / height).astype(np.float32)[:, None]
    c, cu, cv, cuu, cuv, cvv = terms.astype(np.float32)
    return c + (cu + cuu * u) * u + (cv + cvv * v) * v + cuv * u * v, grain


def _fit_surface(
    x: Float64[np.ndarray, " points"],
    y: Float64[np.ndarray, " points"],
    values: Float64[np.ndarray, " points"],
) -> tuple[Float64[np.ndarray, " 6"], float]:
    """Fit a quadratic surface to the background without the foreground: trimmed least squares.

    Strokes cover the smaller part of an image and are far from its background: they drop out.

    Returns:
        The six coefficients, and the median absolute residual.
    """
    design = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    near = np.ones(len(x), np.bool_)
    for _ in range(10):
        # By the normal equations, of 6 unknowns: few pixels do not determine all of them.
        kept = design * near[:, None]
        terms = np.linalg.lstsq(kept.T @ kept, kept.T @ values, rcond=None)[0]
        distance = np.abs(values - design @ terms)
        grain = float(np.median(distance))
        near = distance <= max(3 * grain, 2)
    return terms, grain


def bounds(mask: Bool[np.ndarray, "height width"]) -> Box | None:
    """Return the bounding box of a foreground mask's true values; None where there are none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def foreground_box(foreground: Float32[np.ndarray, "height width"]) -> Box | None:
    """Return the bounding box of a foreground, without single grains of a large image; or None."""
    height, width = foreground.shape
    block = int(np.ceil(np.sqrt(foreground.size) / COARSE_BLOCKS))
    if block == 1:
        return bounds(foreground > 0)
    padded = np.pad(foreground, ((0, -height % block), (0, -width % block)))
    blocks = padded.reshape(padded.shape[0] // block, block, -1, block).mean(axis=(1, 3))
    if (coarse := bounds(blocks > foreground.max() / 32)) is None:
        return None
    left, top = max(coarse.left - 1, 0) * block, max(coarse.top - 1, 0) * block
    near = foreground[top : (coarse.bottom + 1) * block, left : (coarse.right + 1) * block]
    box = bounds(near > 0)
    return box and box.moved(left, top)
