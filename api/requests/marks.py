"""Marks of an image: connected parts of its foreground, and the kind of each by its form.

A digit is a mark of strokes. Rules, frames, panels and the rest of a desk at the border are marks
of other forms, which are known by their length, thickness and place.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, Int
from scipy import ndimage

from api.requests.background import ranked

Kind = Literal[
    "stroke", "speck", "line", "rule", "frame", "panel", "inside", "border", "bar", "blob"
]
"""Kind of a mark: `stroke` may be a digit; `inside` is an opening of a panel; `blob` is thick."""

BOX = np.ones((3, 3), np.bool_)  # neighbourhood of eight
MIN_BRIDGED_SIDE = 60  # pixels of the shorter side from which gaps of two pixels are bridged
MAX_MARKS = 24  # of which the form is measured, those of most contrast
SPECK = 0.03  # of the shorter side: shorter marks are specks
STRAIGHT = 0.1  # width over length of a straight line
THIN, SPARSE = 0.03, 0.16  # thickness over the shorter side, share of the box: a net of thin lines
RULE_LENGTH = 0.2  # of the shorter side, of an underline
RULE_ASPECT, RULE_HEIGHT = 3.5, 0.12  # width over height of a rule; its thickness over its width
FRAME_SIDE, FRAME_BAND, FRAME_SHARE = 0.15, 0.1, 0.93  # nearly all of a frame is next to its box
MIN_FILLED = 0.4  # of the box: panels are fuller
PANEL, PANEL_SPANNING = (0.33, 0.8), (0.5, 0.85)  # breadth over length, share that is no hole
UPRIGHT, UPRIGHT_COVERED = 0.93, 0.55  # of the box of an upright rectangle; share that is no hole
BARE = 0.995  # share that is no hole, of a panel with nothing on it; a narrow one may be a 1
CONVEX, DIRECTIONS = 0.9, 32  # area over that of the convex hull; directions of its corners
SLIM = 3.5  # length over thickness of the boldest digits; the counter of a 0 has less
CORNER = 0.3  # of the shorter side: shorter marks at two sides are a corner of something else


@dataclass
class Mark:
    """Mark of an image: one connected part of its foreground.

    Attributes:
        left, top, right, bottom: Box in pixels of the raster; right and bottom are exclusive.
        mask: Pixels of the mark within its box.
        mass: Sum of the residue, in grey levels.
        peak: Residue that a tenth of the mark exceeds, in grey levels.
        sides: Number of sides of the image that the mark touches, 0 to 4.
        across: Whether the mark reaches from one side of the image to the opposite side.
        kind: Form of the mark.
    """

    left: int
    top: int
    right: int
    bottom: int
    mask: Bool[np.ndarray, "height width"] = field(repr=False)
    mass: float
    peak: float
    sides: int
    across: bool
    kind: Kind = "speck"

    @property
    def width(self) -> int:
        """Width of the mark's box in pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Height of the mark's box in pixels."""
        return self.bottom - self.top

    @property
    def length(self) -> int:
        """Longer side of the mark's box in pixels."""
        return max(self.width, self.height)

    @property
    def breadth(self) -> int:
        """Shorter side of the mark's box in pixels."""
        return min(self.width, self.height)

    @cached_property
    def area(self) -> int:
        """Number of pixels of the mark."""
        return int(np.count_nonzero(self.mask))

    @cached_property
    def thickness(self) -> float:
        """Mean thickness of the mark's strokes in pixels: twice its area over its outline."""
        mask = np.pad(self.mask, 1)
        inner = mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:] & self.mask
        return 2 * self.area / max(1, self.area - int(np.count_nonzero(inner)))

    @cached_property
    def elongation(self) -> float:
        """Spread of the mark across its long axis over the spread along it; small for a bar."""
        points = np.stack(np.nonzero(self.mask))
        if points.shape[1] < 4:  # noqa: PLR2004 - fewer have no axis
            return 1.0
        spreads = np.sqrt(np.maximum(np.linalg.eigvalsh(np.cov(points)), 0.05))
        return float(spreads[0] / spreads[1])

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the mark's box."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def contains(self, other: "Mark", margin: float = 0) -> bool:
        """Tell whether the box of another mark is inside this one's.

        Args:
            margin: Distance of the two at each side, as a share of this box.
        """
        across, down = margin * self.width, margin * self.height
        return (
            other.left >= self.left + across
            and other.right <= self.right - across
            and other.top >= self.top + down
            and other.bottom <= self.bottom - down
        )

    def gap(self, other: "Mark") -> int:
        """Distance of the boxes of two marks in pixels, the larger of both directions."""
        across = max(self.left - other.right, other.left - self.right)
        return max(across, self.top - other.bottom, other.top - self.bottom, 0)


def dilated(
    mask: Bool[np.ndarray, "height width"], distance: int = 1
) -> Bool[np.ndarray, "height width"]:
    """Dilate a mask by a square that reaches `distance` pixels to each side.

    A shifted copy a step, which doubles: many times as fast as SciPy's binary dilation.
    """
    grown = mask
    for _ in range(2):
        grown, reach = grown.T, 0
        while reach < distance:
            step = min(reach + 1, distance - reach)
            wider = grown.copy()
            wider[step:] |= grown[:-step]
            wider[:-step] |= grown[step:]
            grown, reach = wider, reach + step
    return grown


def marks_in(values: Float32[np.ndarray, "height width"], level: float) -> list[Mark]:
    """Return the marks of an image where its residue is above a level, each with its kind."""
    above = values > level
    # A thin stroke that was scaled down has gaps.
    joined = dilated(above) if min(above.shape) > MIN_BRIDGED_SIDE else above
    labels, _ = ndimage.label(joined, BOX)
    labels *= above
    marks = [
        _mark(values, labels, number, place)
        for number, place in enumerate(ndimage.find_objects(labels), 1)
        if place is not None
    ]
    long = [mark for mark in marks if mark.length >= SPECK * min(above.shape)]
    measured = sorted(long, key=lambda mark: -mark.mass)[:MAX_MARKS]
    for mark in measured:
        mark.kind = _kind(mark, above.shape)
    _find_insides(measured)
    return marks


def _mark(
    values: Float32[np.ndarray, "height width"],
    labels: Int[np.ndarray, "height width"],
    number: int,
    place: tuple[slice, slice],
) -> Mark:
    rows, columns = place
    mask = labels[place] == number
    residue = values[place][mask]
    height, width = labels.shape
    touched = (rows.start == 0, columns.start == 0, rows.stop == height, columns.stop == width)
    return Mark(
        columns.start,
        rows.start,
        columns.stop,
        rows.stop,
        mask,
        float(residue.sum()),
        ranked(residue, 0.9),
        sum(touched),
        across=(touched[0] and touched[2]) or (touched[1] and touched[3]),
    )


def _kind(mark: Mark, shape: tuple[int, ...]) -> Kind:
    """Return the kind of a mark by its form, as far as one mark shows it."""
    side = min(shape)
    filled = mark.area / (mark.width * mark.height)
    if _is_line(mark, side, filled):
        return "line"
    if _is_rule(mark, side):
        return "rule"
    if mark.breadth > FRAME_SIDE * side and _share_near_box(mark) > FRAME_SHARE:
        return "frame"
    if filled > MIN_FILLED and _is_panel(mark, spans=mark.length >= 0.9 * max(shape)):
        return "panel"
    if _is_border(mark, shape):
        return "border"
    return "stroke" if mark.length >= SLIM * mark.thickness else "blob"


def _is_line(mark: Mark, side: int, filled: float) -> bool:
    """Tell whether a mark is a line from side to side of an image, or a net of them."""
    straight = mark.breadth <= max(STRAIGHT * mark.length, 1.6 * mark.thickness)
    net = mark.thickness < THIN * side and filled < SPARSE
    return (mark.across and (straight or net)) or (mark.sides > 2 and net)  # noqa: PLR2004 - a net


def _is_rule(mark: Mark, side: int) -> bool:
    """Tell whether a mark is a horizontal line, such as an underline."""
    if mark.width < RULE_LENGTH * side or mark.width <= RULE_ASPECT * mark.height:
        return False
    return bool(np.median(mark.mask.sum(axis=0)) < RULE_HEIGHT * mark.width)


def _share_near_box(mark: Mark) -> float:
    """Return the share of a mark that is within a tenth of its breadth from its box."""
    band = max(1, round(FRAME_BAND * mark.breadth))
    inner = mark.mask[band : mark.height - band, band : mark.width - band]
    return 1 - int(np.count_nonzero(inner)) / mark.area


def _is_panel(mark: Mark, *, spans: bool) -> bool:
    """Tell whether a mark is a filled convex shape, such as a card or a window.

    Args:
        spans: Whether the mark is as long as the image: thick strokes of a cut-out digit are too.
    """
    slim, covered = PANEL_SPANNING if spans else PANEL
    whole = ndimage.binary_fill_holes(mark.mask)
    area = int(np.count_nonzero(whole))
    full = mark.area / area
    if area > UPRIGHT * whole.size and mark.breadth >= slim * mark.length:
        return full > UPRIGHT_COVERED
    if full <= covered or (full > BARE and mark.breadth < slim * mark.length):
        return False
    # A digit on a card leaves more of it than the counters of a bold digit leave of the digit.
    return area > CONVEX * _hull_area(whole)


def _hull_area(mask: Bool[np.ndarray, "height width"]) -> float:
    """Return the area of a mask's convex hull in pixels, from its extremes in 32 directions."""
    rows = np.arange(mask.shape[0])
    first, last = mask.argmax(axis=1), mask.shape[1] - mask[:, ::-1].argmax(axis=1)
    corners = np.concatenate(
        [np.stack([x, y], axis=1) for x in (first, last) for y in (rows, rows + 1)]
    )
    angles = np.arange(DIRECTIONS) * (2 * np.pi / DIRECTIONS)
    furthest = (corners @ np.stack([np.cos(angles), np.sin(angles)])).argmax(axis=0)
    x, y = corners[furthest].T
    return float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2


def _is_border(mark: Mark, shape: tuple[int, ...]) -> bool:
    """Tell whether a mark is a part of something at the border of an image, not a cut digit."""
    if mark.sides == 2 and not mark.across:  # noqa: PLR2004
        return mark.length < CORNER * min(shape)
    if mark.sides != 1:
        return False
    if mark.left == 0 or mark.right == shape[1]:
        edge, depth = mark.mask[:, 0 if mark.left == 0 else -1], mark.width
    else:
        edge, depth = mark.mask[0 if mark.top == 0 else -1], mark.height
    contact = int(np.count_nonzero(edge))
    # A stroke that runs out of the image touches its border by little more than its thickness.
    return contact > 2 * depth or (contact > 0.6 * depth and contact > 2.5 * mark.thickness)


def _find_insides(marks: Sequence[Mark]) -> None:
    """Mark the parts within a panel: of the same sign as the panel, they are no strokes on it."""
    for panel in [mark for mark in marks if mark.kind == "panel"]:
        for mark in marks:
            if mark is not panel and mark.kind != "panel" and panel.contains(mark):
                mark.kind = "inside"
