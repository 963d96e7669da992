"""Search for the digit of an image: the marks that are its strokes, and those that are left out.

raster -> residues above each estimate of the background -> marks -> the digit's -> mask
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from api.requests.background import Residue, border_of, is_darker, ranked, residues
from api.requests.main_mark import Choice, choose
from api.requests.marks import BOX, Kind, Mark, dilated

WHOLE_SIDE = 56  # pixels: an image up to this long is a cut-out digit, without anything beside it
MIN_LEVEL = 12.0  # grey levels of residue; less cannot be told from compression and grain
WHOLE_LEVEL = 32.0  # grey levels, of a cut-out digit
GRAINS = 4  # standard deviations of the grain above which a residue is a mark
SURE_SUPPORT, SURE_LEVEL = 0.95, 40  # of a digit after which no other background is tried
SURE_LENGTH = 0.15  # of the shorter side; the letters on a screen are smaller
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
GROWTH = 2.2  # length of a digit over its length without faint parts, at most
GROWTH_TO_BORDER = 1.35  # the same, of a digit with faint parts that reach the border
GROWN_AREA = 2.5  # area over that without faint parts, at most


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
        choice = choose(np.maximum(residue.values, 0), floor, bold=residue.expected)
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


def _with_parts(choice: Choice, residue: Residue, floor: float) -> FoundDigit:
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
    """Return the share of a digit's surroundings that differ clearly from its strokes.

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
    found: FoundDigit, choice: Choice, support: float, raster: Float32[np.ndarray, "height width"]
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
