"""Shapes: ones, sevens and fours by strokes, as they are written in different countries."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from tests.pictures import pen
from tests.pictures.kind import kind
from tests.pictures.photo import shoot
from tests.pictures.scene import Scene, ink, png
from tests.pictures.sheets import Random, blank, pen_width

Path = list[tuple[float, float]]


def curve(points: Path, bend: float, random: Random) -> np.ndarray:
    """Return a path through points, each segment slightly bent, as a hand draws it."""
    made = []
    for (x0, y0), (x1, y1) in pairwise(points):
        t = np.linspace(0, 1, 12)
        off = random.normal(0, bend) * 4 * t * (1 - t)
        made.append(
            np.stack(
                [x0 + (x1 - x0) * t - (y1 - y0) * off, y0 + (y1 - y0) * t + (x1 - x0) * off], 1
            )
        )
    return np.concatenate(made)


def draw(paths: list[Path], random: Random) -> bytes:
    """Draw strokes on a clean canvas or on a photographed sheet, slanted as by a hand."""
    slant = random.normal(0.06, 0.07)
    line = tuple(curve(path, 0.03, random) for path in paths)
    line = tuple(np.stack([p[:, 0] - slant * p[:, 1], p[:, 1]], 1) for p in line)
    line = pen.shaken(pen.normalised(line), 0.003, random)
    if random.random() < 0.5:
        dark = random.random() < 0.3
        side = int(random.choice([200, 280, 280, 400]))
        scene = Scene((side, side), (0, 0, 0) if dark else (255, 255, 255), random)
        length = random.uniform(0.5, 0.75) * side
        colour = (255, 255, 255) if dark else (0, 0, 0)
        return png(scene.write(line, colour, length, length * random.uniform(0.05, 0.12)).image)
    scene = blank(random)
    length = random.uniform(0.32, 0.6) * scene.short
    return shoot(scene.write(line, ink(random), length, pen_width(length, random)))


def one(upstroke: float, base: bool) -> Callable[[np.ndarray, Random], bytes]:
    """Return the drawing of a 1 with an upstroke of a share of its height, with a base or not."""

    def drawn(digit: np.ndarray, random: Random) -> bytes:
        angle = np.deg2rad(random.uniform(35, 55))  # from the stem
        end = (-upstroke * np.sin(angle), upstroke * np.cos(angle))
        paths: list[Path] = [[end, (0, 0), (random.normal(0, 0.015), 1)]]
        if base:
            half = random.uniform(0.2, 0.32)
            paths.append([(-half, 1), (half, 1 + random.normal(0, 0.015))])
        return draw(paths, random)

    drawn.__doc__ = f"1 with an upstroke of {upstroke} of its height, base: {base}."
    return drawn


for share in (0.15, 0.25, 0.35, 0.42, 0.50):
    kind(f"one-upstroke-{share:.2f}", label=1)(one(share, base=False))
    kind(f"one-upstroke-{share:.2f}-with-base", label=1)(one(share, base=True))


@kind("one-stick", label=1)
def one_stick(digit: np.ndarray, random: Random) -> bytes:
    """1 as a single stroke."""
    return draw([[(0, 0), (random.normal(0, 0.03), 1)]], random)


@kind("seven-plain", label=7)
def seven_plain(digit: np.ndarray, random: Random) -> bytes:
    """7 without a bar, with or without a serif at the left."""
    wide, foot = random.uniform(0.5, 0.7), random.uniform(0.12, 0.3)
    top: Path = [(0, 0), (wide, random.normal(0, 0.02)), (foot, 1)]
    if random.random() < 0.3:
        top.insert(0, (-0.01, random.uniform(0.06, 0.14)))
    return draw([top], random)


@kind("seven-with-bar", label=7)
def seven_with_bar(digit: np.ndarray, random: Random) -> bytes:
    """7 with a bar across its stem."""
    wide, foot = random.uniform(0.5, 0.7), random.uniform(0.12, 0.3)
    at = random.uniform(0.42, 0.56)
    stem = wide + (foot - wide) * at
    half = random.uniform(0.16, 0.26)
    bar: Path = [
        (stem - half, at + random.normal(0, 0.02)),
        (stem + half, at - random.uniform(0, 0.05)),
    ]
    return draw([[(0, 0), (wide, random.normal(0, 0.02)), (foot, 1)], bar], random)


@kind("four-open", label=4)
def four_open(digit: np.ndarray, random: Random) -> bytes:
    """4 open at the top: an angle, and a stem across it."""
    low, stem = random.uniform(0.52, 0.66), random.uniform(0.38, 0.5)
    over = stem + random.uniform(0.1, 0.2)
    angle: Path = [(random.uniform(0.05, 0.16), 0), (0, low), (over, low + random.normal(0, 0.02))]
    return draw([angle, [(stem, random.uniform(0.05, 0.25)), (stem - 0.02, 1)]], random)


@kind("four-closed", label=4)
def four_closed(digit: np.ndarray, random: Random) -> bytes:
    """4 closed at the top, as it is printed."""
    low, stem = random.uniform(0.62, 0.74), random.uniform(0.44, 0.56)
    over = stem + random.uniform(0.1, 0.2)
    angle: Path = [(stem, 0), (0, low), (over, low + random.normal(0, 0.015))]
    return draw([angle, [(stem, 0), (stem + random.normal(0, 0.015), 1)]], random)
