"""Choice of the main mark of a digit: the mark most like strokes, of those above a threshold."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from api.requests.background import ranked
from api.requests.marks import Kind, Mark, dilated, marks_in

BINS = 64  # of the histogram of residues
ROUNDS = 4  # of leaving out what is no digit and searching at a lower level
MIN_LENGTH = 0.05  # of the shorter side: shorter marks are no digits
SURE_WEIGHT = 0.15  # below it the best mark is doubtful, and the rest is searched again
SLENDER = 0.09  # elongation of a bar: a pen, a ruler, or a 1
BAR_LENGTH = 0.2  # of the shorter side
BAR_OTHER, BAR_STROKES = 0.25, 0.4  # of a bar's length and contrast, of the digit next to it

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


class Choice(NamedTuple):
    """Choice of a digit's main mark: its reliability, 0 to 1, and all marks found with it."""

    main: Mark
    weight: float
    marks: list[Mark]
    values: Float32[np.ndarray, "height width"]

    @property
    def score(self) -> float:
        """Length of the strokes times their contrast, of a choice; doubtful marks count less."""
        return self.weight * self.main.mass / self.main.thickness


def choose(
    values: Float32[np.ndarray, "height width"], floor: float, *, bold: bool
) -> Choice | None:
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


def _choice(marks: list[Mark], values: Float32[np.ndarray, "height width"]) -> Choice | None:
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
    return Choice(main, weight(main), marks, values)


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
