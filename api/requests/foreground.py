"""A decoded picture -> its ink on a ground of 0, whatever ground and ink were.

planes -> opaque grey -> less its ground, ink made light -> the box around the ink
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

IMAGE_SIDE = 28  # pixels: MNIST's side
FAINTEST = 32  # grey levels between ground and ink; below it is the grain of an empty sheet
LOSS = 16  # grey levels that JPEG may put beside a stroke
SAMPLE = 64  # points along a side that a ground is fitted to: more add time, not precision
COARSE = 112  # blocks along a side when looking for ink, so that single grains are not found


@dataclass(frozen=True)
class Planes:
    """A decoded picture, the right way up.

    Attributes:
        grey: Luma, 0 (black) to 255 (white), whatever the alpha.
        alpha: 0 (transparent) to 255 (opaque); None where all is opaque.
        lossy: Whether it came through JPEG, which leaves traces beside strokes.
    """

    grey: UInt8[np.ndarray, "height width"]
    alpha: UInt8[np.ndarray, "height width"] | None = None
    lossy: bool = False

    @property
    def size(self) -> list[int]:
        """Width and height in pixels, in that order."""
        return [self.grey.shape[1], self.grey.shape[0]]


class Box(NamedTuple):
    """Half-open bounds in pixels."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def long_side(self) -> int:
        """The longer of width and height, in pixels."""
        return max(self.right - self.left, self.bottom - self.top)

    def moved(self, x: int, y: int) -> "Box":
        """Return the same box elsewhere."""
        return self._replace(
            left=self.left + x, top=self.top + y, right=self.right + x, bottom=self.bottom + y
        )


def opaque(planes: Planes) -> Float32[np.ndarray, "height width"]:
    """Lay the picture on a ground: the one its ink stands out from, or the one it shows itself."""
    grey = planes.grey.astype(np.float32)
    if planes.alpha is None:
        return grey
    solid = planes.grey[planes.alpha >= 128]  # noqa: PLR2004 - half
    if not solid.size:
        return np.zeros_like(grey)
    low, middle, high = np.percentile(solid, [1, 50, 99])
    # A sheet with a digit on it, its corners cut off, is mostly solid and of two levels; strokes
    # on a transparent canvas are not both.
    sheet = 2 * solid.size > planes.grey.size and high - low > FAINTEST
    ground = middle if sheet else (255 if solid.mean() < 128 else 0)  # noqa: PLR2004 - half
    return np.float32(ground) + (grey - np.float32(ground)) * (planes.alpha / np.float32(255))


def ink_of(
    grey: Float32[np.ndarray, "height width"], loss: int
) -> tuple[Float32[np.ndarray, "height width"], bool]:
    """Return how far each pixel stands out from the ground, and whether it does so darkly."""
    ground, grain = _ground(grey)
    above = grey - ground
    inverted = bool(np.square(np.minimum(above, 0)).sum() > np.square(np.maximum(above, 0)).sum())
    ink = np.maximum(-above if inverted else above, 0)
    # Not the very highest value, which in a photo is a glint: one pixel in 5,000 may lie above.
    rank = 1 + ink.size // 5000
    brightest_first = np.bincount(ink.astype(np.uint8).ravel(), minlength=256)[::-1]
    level = 255 - int(np.argmax(np.cumsum(brightest_first) >= rank))
    if level < FAINTEST:
        return np.zeros_like(ink), False
    # A small clean drawing keeps its faintest edge, a larger one can spare it for its specks, and
    # on a grainy ground the fit leaves shadows that only a share of the ink's own level clears.
    share = level / 5 if grain > 1 else level / 16 if max(ink.shape) > COARSE else 0
    floor = np.float32(min(max(6 * grain, loss, share), level / 2))
    return np.minimum(np.maximum(ink - floor, 0) * (level / (level - floor)), 255), inverted


def _ground(
    grey: Float32[np.ndarray, "height width"],
) -> tuple[Float32[np.ndarray, "#height #width"], float]:
    """Find the ground: the border's level, or a surface of second degree where that is a bad fit.

    Returns:
        The ground in grey levels, and its grain: the median distance of what is ground from it.
    """
    height, width = grey.shape
    thick = max(1, min(height, width) // IMAGE_SIDE)
    sides = (grey[:thick], grey[-thick:], grey[:, :thick], grey[:, -thick:])
    border = np.concatenate([side.ravel() for side in sides])
    level = np.median(border)
    grain = float(np.median(np.abs(border - level)))
    if grain <= 1:
        return np.full((1, 1), level, np.float32), grain
    step = int(np.ceil(np.sqrt(grey.size) / SAMPLE))
    y, x = np.mgrid[step // 2 : height : step, step // 2 : width : step].reshape(2, -1)
    terms, grain = _surface(x / width, y / height, grey[y, x].astype(np.float64))
    u = (np.arange(width) / width).astype(np.float32)[None, :]
    v = (np.arange(height) / height).astype(np.float32)[:, None]
    c, cu, cv, cuu, cuv, cvv = terms.astype(np.float32)
    return c + (cu + cuu * u) * u + (cv + cvv * v) * v + cuv * u * v, grain


def _surface(
    x: Float64[np.ndarray, " points"],
    y: Float64[np.ndarray, " points"],
    values: Float64[np.ndarray, " points"],
) -> tuple[Float64[np.ndarray, " 6"], float]:
    """Fit 1, x, y, x², xy, y² by least squares, time and again to what lay near the last fit.

    Strokes are the smaller part of a picture and far from its ground, so that they drop out.
    """
    design = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    near = np.ones(len(x), np.bool_)
    for _ in range(10):
        # By the normal equations, of 6 unknowns: a picture of few pixels leaves some of them open.
        kept = design * near[:, None]
        terms = np.linalg.lstsq(kept.T @ kept, kept.T @ values, rcond=None)[0]
        distance = np.abs(values - design @ terms)
        grain = float(np.median(distance))
        near = distance <= max(3 * grain, 2)
    return terms, grain


def bounds(mask: Bool[np.ndarray, "height width"]) -> Box | None:
    """Return the smallest box around what is true, or None."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def ink_box(ink: Float32[np.ndarray, "height width"]) -> Box | None:
    """Return the box around the ink, grains of a large picture left out, or None."""
    height, width = ink.shape
    block = int(np.ceil(np.sqrt(ink.size) / COARSE))
    if block == 1:
        return bounds(ink > 0)
    padded = np.pad(ink, ((0, -height % block), (0, -width % block)))
    blocks = padded.reshape(padded.shape[0] // block, block, -1, block).mean(axis=(1, 3))
    if (coarse := bounds(blocks > ink.max() / 32)) is None:
        return None
    left, top = max(coarse.left - 1, 0) * block, max(coarse.top - 1, 0) * block
    near = ink[top : (coarse.bottom + 1) * block, left : (coarse.right + 1) * block]
    box = bounds(near > 0)
    return box and box.moved(left, top)
