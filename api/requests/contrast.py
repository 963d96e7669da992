"""Plane of an image in which its foreground has the strongest contrast: luma, a colour or alpha."""

from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, Shaped, UInt8

from api.requests.background import WINDOWS, block_means, closing
from api.requests.planes import Planes

Channel = Literal["luma", "red", "green", "blue", "alpha"]
COLOURS: tuple[Channel, ...] = ("red", "green", "blue")

OPAQUE = 0.75  # of the highest alpha: pixels with the colour of the strokes
SHEET_CONTRAST = 32  # grey levels between the strokes and the sheet of an image with clear corners
COARSE_SIDE = 96  # pixels of the longer side at which planes are compared
CONTRAST_SHARE = 98.5  # percentile of the residue: strokes cover more than the rest
MORE_CONTRAST, MIN_GAIN = 1.6, 5.0  # factor and grey levels by which a colour must exceed luma


def strongest_plane(planes: Planes) -> tuple[Shaped[np.ndarray, "height width"], Channel]:
    """Return the plane of an image in which its foreground has the strongest contrast.

    Luma, unless a colour has much more: strokes can be as bright as their background. Strokes on a
    clear canvas are their alpha, at full contrast however transparent they are.
    """
    alpha = planes.alpha
    if alpha is None:
        return _strongest(planes.grey, planes.colour)
    highest = int(alpha.max())
    if not highest:
        return np.zeros_like(planes.grey), "alpha"
    opaque = alpha >= OPAQUE * highest
    if not _is_sheet(planes, opaque):
        strokes = alpha.astype(np.float32) * np.float32(255 / highest)
        dark = planes.grey[opaque].mean() < 128  # noqa: PLR2004 - half
        return (255 - strokes if dark else strokes), "alpha"
    colour = planes.colour
    if colour is not None:
        colour = np.stack([_composited(colour[..., one], alpha, opaque) for one in range(3)], -1)
    return _strongest(_composited(planes.grey, alpha, opaque), colour)


def _is_sheet(planes: Planes, opaque: Bool[np.ndarray, "height width"]) -> bool:
    """Tell whether an image with alpha is a sheet with strokes, not strokes on a clear canvas.

    A sheet is mostly opaque within its bounds and has two levels; strokes on a clear canvas are
    never both.
    """
    rows, columns = np.flatnonzero(opaque.any(axis=1)), np.flatnonzero(opaque.any(axis=0))
    area = (rows[-1] + 1 - rows[0]) * (columns[-1] + 1 - columns[0])
    if 2 * np.count_nonzero(opaque) <= area:
        return False
    layers = [planes.grey] if planes.colour is None else [*np.moveaxis(planes.colour, -1, 0)]
    return any(np.ptp(np.percentile(one[opaque], [1, 99])) > SHEET_CONTRAST for one in layers)


def _composited(
    layer: UInt8[np.ndarray, "height width"],
    alpha: UInt8[np.ndarray, "height width"],
    opaque: Bool[np.ndarray, "height width"],
) -> Float32[np.ndarray, "height width"]:
    """Composite one layer of a sheet with alpha on its own median level."""
    level = np.float32(np.median(layer[opaque]))
    return level + (layer - level) * (alpha / np.float32(255))


def _strongest(
    grey: Shaped[np.ndarray, "height width"], colour: Shaped[np.ndarray, "height width 3"] | None
) -> tuple[Shaped[np.ndarray, "height width"], Channel]:
    if colour is None:
        return grey, "luma"
    # Every nth pixel is enough to compare, and costs no pass over three planes.
    step = max(1, max(grey.shape) // (3 * COARSE_SIDE))
    luma = _contrast(grey[::step, ::step])
    contrasts = [_contrast(colour[::step, ::step, one]) for one in range(3)]
    best = int(np.argmax(contrasts))
    if contrasts[best] > MORE_CONTRAST * luma + MIN_GAIN:
        return colour[..., best], COLOURS[best]
    return grey, "luma"


def _contrast(plane: Shaped[np.ndarray, "height width"]) -> float:
    """Return the contrast of strokes in a plane, in grey levels, over its local background."""
    raster = block_means(plane, max(1, -(-max(plane.shape) // COARSE_SIDE)))
    window = max(3, min(raster.shape) // WINDOWS[0]) | 1
    residue = np.maximum(closing(raster, window) - raster, closing(-raster, window) + raster)
    return float(np.percentile(residue, CONTRAST_SHARE))
