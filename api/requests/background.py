"""Background of an image, and its residues: the distance of every pixel from the background.

    grey levels -> block means -> border level, or grey closing -> residues, foreground positive

Grey closing (the maximum over a square window, then the minimum) removes dark strokes narrower than
the window and keeps borders of shadows, sheets and desks as sharp as they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Shaped
from scipy import ndimage

RASTER_SIDE = 256  # pixels: the longer side of block means; a stroke of a digit is 2 or more wide
WINDOWS = (
    4,
    9,
)  # shorter side over the window of a closing: for thick strokes, then for narrow light
MIN_WINDOWED_SIDE = 60  # pixels of the shorter side; in fewer a ninth is no wider than a stroke
FLAT_SHARE = (
    0.4  # of the border within `FLAT_SPREAD` of its median: one level may be the background
)
FLAT_SPREAD = 0.12  # of the range of the image
CLEAN_SHARE, CLEAN_LEVELS = 0.45, 2.0  # of the border within these grey levels: a drawing or scan
STRONGEST = 0.005  # share of the pixels; a small digit covers as much
MAD_TO_DEVIATION = (
    1.48  # standard deviation over median absolute deviation, of a normal distribution
)


@dataclass(frozen=True)
class Residue:
    """Residue of an image: how far its pixels are from one estimate of the background.

    Attributes:
        values: Residue in grey levels, positive towards the foreground.
        background: Estimated background in grey levels.
        dark: Whether the foreground is darker than the background.
        guessed: Whether `dark` agrees with the sign of most of the contrast in the image.
        window: Side of the closing's window in pixels of the raster; None for one border level.
        grain: Standard deviation of the residue without a foreground, in grey levels.
        clean: Whether the border has one level, as in drawings and screenshots.
    """

    values: Float32[np.ndarray, "height width"]
    background: Float32[np.ndarray, "height width"]
    dark: bool
    guessed: bool
    window: int | None
    grain: float
    clean: bool

    @property
    def expected(self) -> bool:
        """Whether nothing speaks against the residue: one clean level, and the guessed sign."""
        return self.clean and self.guessed

    @property
    def sign(self) -> int:
        """Sign that turns grey levels of the residue's image into levels of a light background."""
        return 1 if self.dark else -1


def block_means(
    plane: Shaped[np.ndarray, "height width"], block: int
) -> Float32[np.ndarray, "rows columns"]:
    """Return means of square blocks of an image; the last row and column fill the last blocks."""
    if block == 1:
        return plane.astype(np.float32)
    height, width = plane.shape
    missing = (0, -height % block), (0, -width % block)
    whole = np.pad(plane, missing, mode="edge") if any(map(any, missing)) else plane
    # Rows first, of integers, and a sum of slices: many times as fast as sums along short axes.
    rows = whole[::block].astype(_sums_in(plane))
    for at in range(1, block):
        rows += whole[at::block]
    blocks = rows[:, ::block].astype(np.float32)
    for at in range(1, block):
        blocks += rows[:, at::block]
    return np.asarray(blocks * np.float32(1 / block**2))


def _sums_in(plane: Shaped[np.ndarray, "height width"]) -> type[np.generic]:
    return np.uint16 if plane.dtype == np.uint8 else np.float32


def raster_block(shape: tuple[int, ...]) -> int:
    """Return the side of the blocks whose means make the raster of an image, in pixels."""
    return max(1, -(-max(shape) // RASTER_SIDE))


def closing(
    grey: Float32[np.ndarray, "height width"], window: int
) -> Float32[np.ndarray, "height width"]:
    """Return the grey closing of an image by a square window: the background of dark strokes.

    Light and dark regions that reach the border are continued beyond it, so that a strip of shadow
    or of a desk at the border is background however narrow it is.

    References:
        Serra (1982), Image analysis and mathematical morphology, chapter XII.
    """
    margin = window // 2
    found = np.pad(grey, margin, mode="edge")
    for filtered in (ndimage.maximum_filter1d, ndimage.minimum_filter1d):
        for axis in (0, 1):
            found = filtered(found, window, axis=axis, mode="nearest")
    return found[margin:-margin, margin:-margin]


def residues(raster: Float32[np.ndarray, "height width"]) -> Iterator[Residue]:
    """Yield the residues of an image for each estimate of its background, the likeliest first.

    The estimates are the median level of the border, where the border has one level, then grey
    closings by a wide and a narrow window; each for a dark and for a light foreground.
    """
    border = border_of(raster)
    middle = np.float32(ranked(border, 0.5))
    distance = np.abs(border - middle)
    dark = is_darker(raster, middle)
    clean = bool(np.mean(distance <= CLEAN_LEVELS) > CLEAN_SHARE)
    if np.mean(distance <= max(CLEAN_LEVELS, FLAT_SPREAD * np.ptp(raster))) > FLAT_SHARE:
        grain = MAD_TO_DEVIATION * ranked(distance, 0.5)
        level = np.full_like(raster, middle)
        for towards in (dark, not dark):
            values = level - raster if towards else raster - level
            yield Residue(values, level, towards, towards == dark, None, grain, clean)
    for window in _windows(raster.shape):
        for towards in (dark, not dark):
            yield _windowed(raster, window, dark=towards, guessed=towards == dark)


def _windows(shape: tuple[int, ...]) -> list[int]:
    """Return the odd windows of the closings of an image, in pixels of the raster."""
    side = min(shape)
    parts = WINDOWS if side >= MIN_WINDOWED_SIDE else WINDOWS[:1]
    return [max(3, side // part) | 1 for part in parts]


def _windowed(
    raster: Float32[np.ndarray, "height width"], window: int, *, dark: bool, guessed: bool
) -> Residue:
    """Return the residue of an image above its grey closing, or below its opening."""
    light = raster if dark else -raster
    background = closing(light, window)
    values = background - light
    # The closing follows the highest of the grain, so that an empty sheet has a residue too.
    sample = values[::2, ::2]
    middle = np.float32(ranked(sample, 0.5))
    grain = MAD_TO_DEVIATION * ranked(np.abs(sample - middle), 0.5)
    values -= middle
    signed = background if dark else -background
    return Residue(values, signed, dark, guessed, window, grain, clean=False)


def ranked(values: Float32[np.ndarray, "..."], share: float) -> float:
    """Return the value below which a share of the values are: a quantile without interpolation.

    A tenth of the time of `np.percentile`, which matters for small images.
    """
    rank = rank_of(values, share)
    return float(np.partition(values, rank, axis=None)[rank])


def rank_of(values: Float32[np.ndarray, "..."], share: float) -> int:
    """Return the index of a quantile, as of `ranked`, among the ordered values."""
    return min(int(share * values.size), values.size - 1)


def border_of(raster: Float32[np.ndarray, "height width"]) -> Float32[np.ndarray, " pixels"]:
    """Return the pixels within a 28th of the shorter side from the border of an image."""
    thick = max(1, min(raster.shape) // 28)
    sides = (raster[:thick], raster[-thick:], raster[:, :thick], raster[:, -thick:])
    return np.concatenate([side.ravel() for side in sides])


def is_darker(raster: Float32[np.ndarray, "height width"], level: np.floating) -> bool:
    """Tell whether an image differs more from a level towards black than towards white.

    By the strongest contrast, of which a two-hundredth is enough; where both are similar, by the
    sum of squares. A glare is large, but fainter than strokes.
    """
    above = raster - level
    ranks = [rank_of(above, share) for share in (STRONGEST, 1 - STRONGEST)]
    ordered = np.partition(above, ranks, axis=None)  # both at once, as each is a pass over all
    dark, light = -float(ordered[ranks[0]]), float(ordered[ranks[1]])
    if max(light, dark) > 1.5 * min(light, dark):
        return dark > light
    return bool(np.square(np.minimum(above, 0)).sum() > np.square(np.maximum(above, 0)).sum())
