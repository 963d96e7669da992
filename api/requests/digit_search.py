"""Search for the digit of an image: the marks that are its strokes, and those that are left out.

raster -> residues above each estimate of the background -> marks -> the digit's -> mask
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from api.requests.background import Residue, border_of, is_darker, ranked, residues
from api.requests.marks import BOX, Kind, Mark, dilated, marks_in

WHOLE_SIDE = 56  # pixels: an image up to this long is a cut-out digit, without anything beside it
MIN_LEVEL = 12.0  # grey levels of residue; less cannot be told from compression and grain
WHOLE_LEVEL = 32.0  # grey levels, of a cut-out digit
GRAINS = 4  # standard deviations of the grain above which a residue is a mark
BINS = 64  # of the histogram of residues
ROUNDS = 4  # of leaving out what is no digit and searching at a lower level
MIN_LENGTH = 0.05  # of the shorter side: shorter marks are no digits
SURE_WEIGHT = 0.15  # below it the best mark is doubtful, and the rest is searched again
SURE_SUPPORT, SURE_LEVEL = 0.95, 40  # of a digit after which no other background is tried
SURE_LENGTH = 0.15  # of the shorter side; the letters on a screen are smaller
SLENDER = 0.09  # elongation of a bar: a pen, a ruler, or a 1
BAR_LENGTH = 0.2  # of the shorter side
BAR_OTHER, BAR_STROKES = 0.25, 0.4  # of a bar's length and contrast, of the digit next to it
NEAR = 0.28  # of the digit's length: a detached part, such as the top of a 5, is no further away
FLAT, TOP_LENGTH = 2, 1.5  # width over height of the top of a 5; its length over the main mark's
PART_MASS, PART_PEAK, PART_LENGTH = 0.01, 0.45, 0.9  # of the main mark's: detached parts
OTHER_LENGTH, OTHER_MASS, OTHER_PEAK = 0.35, 0.2, 0.4  # of the main mark's: a second mark
TEXTURE = 5  # pixels of the raster: the period of the texture that is smoothed away
PIECE = 0.8  # share of a mark within one that is clear of the border level: it is a piece of it
CRISP = 0.65  # of a digit's level: its surroundings differ from the core of its strokes by it
SOFTEST = 4  # pixels of the raster: the soft edge of a stroke; glare and shadows have wider ones
SIMILAR = 1.6  # factor between the thicknesses of strokes of one pen, at most
FAINT = 0.35  # of the digit's level: on grainy paper its strokes are kept down to it
GROWTH, GROWTH_TO_BORDER = (
    2.2,
    1.35,
)  # length of a digit over its length without faint parts, at most
GROWN_AREA = 2.5  # area over that without faint parts, at most

# By how much a mark of each kind counts as the digit, where there is nothing better.
WEIGHTS: dict[Kind, float] = {
    "stroke": 1.0,
    "rule": 0.05,
    "border": 0.05,
    "bar": 0.05,
    "line": 0.02,
    "frame": 0.02,
    "panel": 0.05,
    "blob": 0.1,
    "inside": 0.02,
    "speck": 0.0,
}
# By the number of sides of the image that the mark touches.
TOUCHING = (1.0, 0.4, 0.15, 0.03, 0.03)


@dataclass(frozen=True)
class FoundDigit:
    """Digit found in an image: its pixels in the raster, and the marks that were left out.

    Attributes:
        mask: Pixels of the digit's strokes.
        residue: Residue of the image above the background in which the digit was found.
        level: Residue that a tenth of the strokes exceed, in grey levels.
        left_out: Kinds of the marks that were left out, each once.
        others: Marks about as large as the digit that were left out.
        cropped: Whether the digit is a part of the image; of a small image it is all.
    """

    mask: Bool[np.ndarray, "height width"]
    residue: Residue
    level: float
    left_out: tuple[Kind, ...] = ()
    others: int = 0
    cropped: bool = True


class _Choice(NamedTuple):
    """Choice of a digit's main mark: its reliability, 0 to 1, and all marks found with it."""

    main: Mark
    weight: float
    marks: list[Mark]
    values: Float32[np.ndarray, "height width"]

    @property
    def score(self) -> float:
        """Length of the strokes times their contrast, of a choice; doubtful marks count less."""
        return self.weight * self.main.mass / self.main.thickness


def find_digit(raster: Float32[np.ndarray, "height width"]) -> FoundDigit | None:
    """Find the digit of an image: try each background until one shows a reliable digit.

    Returns:
        None where nothing differs from the background by `MIN_LEVEL`.
    """
    if max(raster.shape) <= WHOLE_SIDE:
        return _whole(raster)
    best, highest = None, 0.0
    whole: dict[bool, Bool[np.ndarray, "height width"]] = {}
    for residue in chain(residues(raster), _smoothed_residues(raster)):
        floor = max(MIN_LEVEL, GRAINS * residue.grain)
        choice = _choose(np.maximum(residue.values, 0), floor, bold=residue.expected)
        if choice is None:
            continue
        found = _with_parts(choice, residue, floor)
        if residue.clean and not choice.main.sides:
            whole[residue.dark] = found.mask
        elif residue.dark in whole and np.mean(whole[residue.dark][found.mask]) > PIECE:
            # A narrow window leaves pieces of strokes that are wider than it.
            continue
        support = _support(raster * residue.sign, found, choice.main.thickness)
        if _is_sure(found, choice, support, raster):
            return found
        score = choice.score * _fitting(choice.main, residue) * support**4
        # One sign of the foreground, then the other: a later window must be clearly better.
        same = best is not None and best.residue.dark == residue.dark
        if best is None or score > highest * (1.15 if same else 1):
            best, highest = found, score
    return best


def _smoothed_residues(raster: Float32[np.ndarray, "height width"]) -> Iterator[Residue]:
    """Yield the residues of an image without its fine texture, such as a halftone."""
    yield from residues(ndimage.uniform_filter(raster, TEXTURE))


def _whole(raster: Float32[np.ndarray, "height width"]) -> FoundDigit | None:
    """Return everything in a small image that differs from the level of its border."""
    border = border_of(raster)
    middle = np.float32(np.median(border))
    distance = np.median(np.abs(border - middle))
    dark = is_darker(raster, middle)
    values = middle - raster if dark else raster - middle
    level = float(values.max())
    if level < WHOLE_LEVEL:
        return None
    background = np.full_like(raster, middle)
    residue = Residue(values, background, dark, True, None, float(distance), bool(distance <= 1))
    return FoundDigit(values > 0, residue, level, cropped=False)


def _choose(
    values: Float32[np.ndarray, "height width"], floor: float, *, bold: bool
) -> _Choice | None:
    """Choose the main mark of a digit: leave out rules and frames, and search the rest again.

    Args:
        bold: Whether thick marks may be digits; in other residues they are spaces between strokes.
    """
    best = None
    for _ in range(ROUNDS):
        level = _threshold(values, floor)
        if level is None:
            break
        marks = marks_in(values, level)
        for mark in marks if bold else ():
            mark.kind = "stroke" if mark.kind == "blob" else mark.kind
        if (choice := _choice(marks, values)) is not None:
            if best is None or choice.score > best.score:
                best = choice
            if choice.weight > SURE_WEIGHT:
                break
        known = [mark for mark in marks if mark.kind not in {"stroke", "speck", "blob"}]
        if not known:
            break
        values = _without(values, known)
    return best


def _threshold(values: Float32[np.ndarray, "height width"], floor: float) -> float | None:
    """Return the residue that separates strokes from paler rules and shadows: Otsu's threshold.

    References:
        Otsu (1979), A threshold selection method from gray-level histograms.
    """
    above = values[values > floor]
    if above.size < 12:  # noqa: PLR2004 - pixels; a digit has more
        return None
    lowest, highest = float(above.min()), float(above.max())
    width = max(highest - lowest, 1) / BINS
    counts = np.bincount(((above - lowest) * (1 / width)).astype(np.uint8), minlength=BINS + 1)
    sums = np.cumsum(counts * (np.arange(BINS + 1) + 0.5))
    below = np.cumsum(counts)
    between = (sums[-1] * below - above.size * sums) ** 2 / np.maximum(
        below * (above.size - below), 1
    )
    otsu = lowest + (int(between.argmax()) + 1) * width
    # Where all strokes have one level, Otsu's threshold is within their edges.
    return max(floor, min(otsu, 0.6 * ranked(above, 0.98)))


def _choice(marks: list[Mark], values: Float32[np.ndarray, "height width"]) -> _Choice | None:
    """Choose the mark that is most like a digit, of those of one residue."""
    side = min(values.shape)
    long = [mark for mark in marks if mark.kind != "speck" and mark.length >= MIN_LENGTH * side]
    if not long:
        return None
    _find_bars(long, side)

    def weight(mark: Mark) -> float:
        flat = 0.5 if mark.height < mark.width / 4 else 1.0
        return WEIGHTS[mark.kind] * TOUCHING[mark.sides] * flat

    def score(mark: Mark) -> float:
        return weight(mark) * mark.mass / mark.thickness

    main = max(long, key=score)
    framed = [
        mark
        for mark in long
        if mark.kind in {"stroke", "bar"}
        and main.contains(mark, 0.08)
        and mark.height > 0.3 * main.height
    ]
    if framed:
        main.kind, main = "frame", max(framed, key=score)
    return _Choice(main, weight(main), marks, values)


def _find_bars(marks: list[Mark], side: int) -> None:
    """Find the bars among marks: straight strokes next to a mark that is none, such as a pen."""
    strokes = [mark for mark in marks if mark.kind == "stroke"]
    if len(strokes) < 2:  # noqa: PLR2004 - a single one is no bar, and measuring it takes time
        return
    slender = [
        mark for mark in strokes if mark.length > BAR_LENGTH * side and mark.elongation < SLENDER
    ]
    for bar in slender:
        if any(
            mark.length > BAR_OTHER * bar.length
            and mark.elongation >= SLENDER
            and mark.mass / mark.thickness > BAR_STROKES * bar.mass / bar.thickness
            for mark in strokes
            if mark is not bar
        ):
            bar.kind = "bar"


def _without(
    values: Float32[np.ndarray, "height width"], marks: list[Mark]
) -> Float32[np.ndarray, "height width"]:
    """Return a residue without some marks; of a panel its whole box is left out."""
    dropped = np.zeros(values.shape, np.bool_)
    for mark in marks:
        dropped[mark.slices] |= True if mark.kind == "panel" else mark.mask
    return np.where(dilated(dropped, 2), np.float32(0), values)


def _with_parts(choice: _Choice, residue: Residue, floor: float) -> FoundDigit:
    """Complete a digit by the detached parts near its main mark and by its faint parts."""
    main, group = choice.main, [choice.main]
    rest = [mark for mark in choice.marks if mark is not main and _is_free(mark, main)]
    possible = [mark for mark in rest if _may_be_part(mark, main)]
    while near := [mark for mark in possible if _is_near(mark, group)]:
        group += near
        possible = [mark for mark in possible if mark not in near]
    mask = np.zeros(choice.values.shape, np.bool_)
    for mark in group:
        mask[mark.slices] |= mark.mask
    level = ranked(residue.values[mask], 0.9)
    faint = floor if residue.clean else max(floor, FAINT * level)
    mask = _with_faint(mask, choice.values > faint)
    left_out = {mark.kind for mark in choice.marks} - {
        "stroke",
        "speck",
        "blob",
        "inside",
        main.kind,
    }
    others = [mark for mark in choice.marks if mark not in group and _is_second(mark, main)]
    return FoundDigit(mask, residue, level, tuple(sorted(left_out)), len(others))


def _is_free(mark: Mark, main: Mark) -> bool:
    """Tell whether a mark may be a part of the digit, or a second digit, by its kind."""
    return mark.kind in {"stroke", "speck", "blob"} or _is_top(mark, main)


def _is_top(mark: Mark, main: Mark) -> bool:
    """Tell whether a mark is a flat stroke above the middle of another one: the top of a 5."""
    above = mark.top + mark.bottom < main.top + main.bottom
    return mark.kind in {"rule", "stroke"} and mark.width > FLAT * mark.height and above


def _may_be_part(mark: Mark, main: Mark) -> bool:
    longest = TOP_LENGTH if _is_top(mark, main) else PART_LENGTH
    return (
        mark.mass > PART_MASS * main.mass
        and mark.peak > PART_PEAK * main.peak
        and mark.length < longest * main.length
    )


def _is_near(mark: Mark, group: list[Mark]) -> bool:
    """Tell whether a mark is next to the marks of a digit."""
    width = max(one.right for one in group) - min(one.left for one in group)
    height = max(one.bottom for one in group) - min(one.top for one in group)
    return min(mark.gap(one) for one in group) <= NEAR * max(width, height)


def _is_second(mark: Mark, main: Mark) -> bool:
    """Tell whether a mark is large and strong enough to be a second digit, a 1 among others."""
    by_one_pen = max(mark.thickness, main.thickness) < SIMILAR * min(mark.thickness, main.thickness)
    digit = mark.kind == "stroke" or (mark.kind == "bar" and by_one_pen and not mark.sides)
    return (
        digit
        and mark.length > OTHER_LENGTH * main.length
        and mark.mass > OTHER_MASS * main.mass
        and mark.peak > OTHER_PEAK * main.peak
    )


def _with_faint(
    mask: Bool[np.ndarray, "height width"], faint: Bool[np.ndarray, "height width"]
) -> Bool[np.ndarray, "height width"]:
    """Add the faint parts of a digit's strokes, unless they lead far away, as along a rule."""
    labels, count = ndimage.label(faint, BOX)
    joined = np.zeros(count + 1, np.bool_)
    joined[labels[mask]] = True
    joined[0] = False
    grown: Bool[np.ndarray, "height width"] = np.logical_or(joined[labels], mask)
    if np.count_nonzero(grown) >= GROWN_AREA * np.count_nonzero(mask):
        return mask
    # Strokes in shadow are fainter than those in light; rules lead to the border of the image.
    apart = not any(edge.any() for edge in (grown[0], grown[-1], grown[:, 0], grown[:, -1]))
    most = GROWTH if apart else GROWTH_TO_BORDER
    return grown if _extent(grown) <= most * _extent(mask) else mask


def _extent(mask: Bool[np.ndarray, "height width"]) -> int:
    """Return the longer side of a mask's box in pixels."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(max(np.ptp(rows), np.ptp(columns))) + 1


def _support(
    light: Float32[np.ndarray, "height width"], found: FoundDigit, thickness: float
) -> float:
    """Return the share of a digit's surroundings that differ from its strokes by half its level.

    The surroundings of a stroke do all around; those of the space between two strokes do not.

    Args:
        light: Grey levels, the foreground darker than the background.
        thickness: Mean thickness of the strokes in pixels: soft strokes fade over a part of it.
    """
    distance = 2 + int(min(thickness / 2.5, SOFTEST))
    rows, columns = np.flatnonzero(found.mask.any(axis=1)), np.flatnonzero(found.mask.any(axis=0))
    margin = distance + 2
    near = (
        slice(max(rows[0] - margin, 0), rows[-1] + margin + 1),
        slice(max(columns[0] - margin, 0), columns[-1] + margin + 1),
    )
    grey, contrast = light[near], found.level * (0.5 if found.residue.expected else CRISP)
    mask = found.mask[near] & (found.residue.values[near] > found.level / 2)
    inner = dilated(mask, distance)
    ring = dilated(inner) & ~inner
    if not ring.any():
        return 1.0
    return float(np.mean(grey[ring] - ranked(grey[mask], 0.1) > contrast))


def _fitting(main: Mark, residue: Residue) -> float:
    """Return how reliable a closing is for strokes of a thickness: wide ones it would cut."""
    return min(1.0, residue.window / (2 * main.thickness)) ** 2 if residue.window else 1.0


def _is_sure(
    found: FoundDigit, choice: _Choice, support: float, raster: Float32[np.ndarray, "height width"]
) -> bool:
    """Tell whether a digit is reliable enough to try no other background."""
    residue, main = found.residue, choice.main
    fits = residue.window is None or 2 * main.thickness <= residue.window
    known = residue.clean or residue.window is not None
    fits = fits and main.length > SURE_LENGTH * min(raster.shape)
    weight = choice.weight * _fitting(main, residue)
    least = MIN_LEVEL if residue.expected else SURE_LEVEL
    if known and fits and support > SURE_SUPPORT and weight > 0.9 and found.level > least:  # noqa: PLR2004
        return True
    return residue.window is None and residue.guessed and _is_cut_out(found, main, raster)


def _is_cut_out(found: FoundDigit, main: Mark, raster: Float32[np.ndarray, "height width"]) -> bool:
    """Tell whether an image is cut out around one digit of thick strokes, up to its border."""
    border = border_of(raster)
    touching = np.abs(border - np.median(border)) > found.level / 2
    return bool(
        main.kind == "stroke"
        and main.thickness > 0.07 * min(raster.shape)
        and main.length > 0.8 * max(raster.shape)
        and np.mean(found.mask) > 0.12  # noqa: PLR2004
        and np.mean(touching) < 0.3  # noqa: PLR2004 - a shadow over a corner touches more
    )
