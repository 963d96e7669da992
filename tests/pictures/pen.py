"""Pen: an MNIST digit becomes the line of a pen, which is drawn at any size and width.

28x28 -> upscaled -> threshold -> lines (Zhang and Suen) -> paths -> antialiased strokes
"""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

UPSCALING = 4  # of an MNIST image, before it is thinned
SPUR = 10  # pixels of the upscaled image: a shorter branch with a free end is a spur of thinning

INK_LEVEL = 120  # of 255
SPECK = 60  # pixels of the enlarged image: a smaller piece is no stroke
LOOP = 30  # pixels of the enlarged image: a smaller hole is not seen as a loop
LOOPS = {0: (1,), 2: (0, 1), 4: (0, 1), 6: (1,), 8: (2,), 9: (1,)}
"""Loops of a digit's line; the other digits have none."""

NEAR = np.ones((3, 3))
"""Neighbourhood of eight pixels."""

Line = tuple[np.ndarray, ...]
"""Paths of a pen, each of points (x, y); the line's longer side is 1 and its centre (0, 0)."""


def thinned(mask: np.ndarray) -> np.ndarray:
    """Thin a mask to lines one pixel wide.

    References:
        Zhang & Suen (1984), A fast parallel algorithm for thinning digital patterns.
    """
    thin = np.pad(mask, 1).astype(np.uint8)
    changed = True
    while changed:
        changed = False
        for first in (True, False):
            n, e = thin[:-2, 1:-1], thin[1:-1, 2:]
            s, w = thin[2:, 1:-1], thin[1:-1, :-2]
            ring = [n, thin[:-2, 2:], e, thin[2:, 2:], s, thin[2:, :-2], w, thin[:-2, :-2]]
            count = sum(ring)
            rises = sum((a == 0) & (b == 1) for a, b in zip(ring, ring[1:] + ring[:1], strict=True))
            sides = (
                (n * e * s == 0) & (e * s * w == 0)
                if first
                else (n * e * w == 0) & (n * s * w == 0)
            )
            gone = (thin[1:-1, 1:-1] == 1) & (count >= 2) & (count <= 6) & (rises == 1) & sides
            if gone.any():
                thin[1:-1, 1:-1][gone] = 0
                changed = True
    return thin[1:-1, 1:-1].astype(bool)


def _neighbours(pixels: set[tuple[int, int]]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Return the links of the pixels of thinned lines, without the diagonals of a corner."""
    links = {}
    for y, x in pixels:
        straight = [p for p in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)) if p in pixels]
        diagonal = [
            (y + dy, x + dx)
            for dy in (-1, 1)
            for dx in (-1, 1)
            if (y + dy, x + dx) in pixels
            and (y + dy, x) not in pixels
            and (y, x + dx) not in pixels
        ]
        links[y, x] = straight + diagonal
    return links


def _paths(mask: np.ndarray) -> list[np.ndarray]:
    """Return the paths of thinned lines between their ends and junctions, without spurs."""
    links = _neighbours({(int(y), int(x)) for y, x in zip(*np.nonzero(mask), strict=True)})
    nodes = [p for p, near in links.items() if len(near) != 2]
    walked: set[tuple[tuple[int, int], tuple[int, int]]] = set()
    paths = []
    for start in nodes + list(links):
        for step in links[start]:
            if (start, step) in walked or (start not in nodes and walked & {(step, start)}):
                continue
            path, here = [start], step
            walked |= {(start, step), (step, start)}
            while True:
                path.append(here)
                onward = [p for p in links[here] if (here, p) not in walked]
                if len(links[here]) != 2 or not onward:
                    break
                walked |= {(here, onward[0]), (onward[0], here)}
                here = onward[0]
            free = len(links[path[0]]) == 1 or len(links[path[-1]]) == 1
            alone = len(links[path[0]]) <= 1 and len(links[path[-1]]) <= 1
            if not free or alone or len(path) >= SPUR:
                paths.append(np.array(path, float)[:, ::-1])
    return paths


def _smooth(path: np.ndarray) -> np.ndarray:
    """Smooth the steps of a path's pixels, with its ends where they were."""
    closed = bool((path[0] == path[-1]).all())
    if closed:
        ring = ndimage.gaussian_filter1d(path[:-1], 3, axis=0, mode="wrap")
        return np.concatenate([ring[::2], ring[:1]])
    smooth = ndimage.gaussian_filter1d(path, 3, axis=0, mode="nearest")
    smooth[0], smooth[-1] = path[0], path[-1]
    return np.concatenate([smooth[:-1:2], smooth[-1:]])


def normalised(paths: Line) -> Line:
    """Return a pen's line moved to the centre and scaled to a longer side of 1."""
    points = np.concatenate(paths)
    low, high = points.min(axis=0), points.max(axis=0)
    return tuple((path - (low + high) / 2) / (high - low).max() for path in paths)


def _mask(digit: np.ndarray) -> np.ndarray:
    """Return the ink of an MNIST digit, enlarged, without specks."""
    mask = ndimage.zoom(digit.astype(np.float32), UPSCALING, order=3) > INK_LEVEL
    labels, count = ndimage.label(mask, NEAR)
    sizes = ndimage.sum_labels(mask, labels, range(1, count + 1))
    return np.isin(labels, 1 + np.flatnonzero(sizes > SPECK))


@lru_cache(maxsize=8192)
def _traced(pixels: bytes) -> Line:
    thin = thinned(_mask(np.frombuffer(pixels, np.uint8).reshape(28, 28)))
    return normalised(tuple(_smooth(path) for path in _paths(thin)))


def trace(digit: np.ndarray) -> Line:
    """Return the pen's line of an MNIST digit."""
    return _traced(digit.tobytes())


def is_whole(digit: np.ndarray, label: int) -> bool:
    """Return whether the line of an MNIST digit has its digit's pieces and loops.

    A loop that a thick pen filled is lost by thinning, and an 8 becomes a Y; a gap splits a 7.
    """
    thick = ndimage.binary_dilation(thinned(np.pad(_mask(digit), 4)), NEAR, iterations=2)
    pieces = ndimage.label(thick, NEAR)[1]
    holes, count = ndimage.label(~thick)
    sizes = ndimage.sum_labels(~thick, holes, range(1, count + 1))
    loops = int(np.count_nonzero(sizes >= LOOP)) - 1  # the ground round the digit is a hole too
    return (
        pieces <= (2 if label == 5 else 1)
        and loops in LOOPS.get(label, (0,))
        and count == loops + 1
    )


def turned(line: Line, degrees: float) -> Line:
    """Return a pen's line turned clockwise."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return tuple(path @ turn for path in line)


def shaken(line: Line, amount: float, random: np.random.Generator) -> Line:
    """Return a pen's line with the tremor of a hand, of `amount` of the line's length."""
    made = []
    for path in line:
        wave = random.normal(size=(len(path), 2))
        wave = ndimage.gaussian_filter1d(wave, 6, axis=0, mode="nearest")
        wave[0] = wave[-1] = 0
        made.append(path + wave * amount * 3)
    return tuple(made)


def spans(line: Line) -> tuple[float, float]:
    """Return the width and the height of a pen's line."""
    points = np.concatenate(line)
    return tuple(float(side) for side in points.max(axis=0) - points.min(axis=0))


def stroke(
    size: tuple[int, int], line: Line, centre: tuple[float, float], length: float, width: float
) -> tuple[Image.Image, tuple[int, int, int, int]]:
    """Draw a pen's line, antialiased.

    Args:
        size: Width and height of the picture.
        centre: Of the line, in pixels.
        length: Of the line's longer side, in pixels.
        width: Of the pen, in pixels.

    Returns:
        Coverage, 0 to 255, of a box of the picture, and that box.
    """
    points = np.concatenate(line) * length + centre
    margin = width / 2 + 2
    low = np.maximum(np.floor(points.min(axis=0) - margin), 0).astype(int)
    high = np.minimum(np.ceil(points.max(axis=0) + margin), size).astype(int)
    high = np.maximum(high, low + 1)
    factor = 4 if length < 400 else 2
    large = Image.new("L", tuple((high - low) * factor))
    draw = ImageDraw.Draw(large)
    radius = width * factor / 2
    for path in line:
        scaled = [tuple(point) for point in (path * length + centre - low) * factor]
        draw.line(scaled, fill=255, width=max(round(2 * radius), 1))
        for x, y in scaled:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return large.reduce(factor), (int(low[0]), int(low[1]), int(high[0]), int(high[1]))
