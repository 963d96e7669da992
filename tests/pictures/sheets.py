"""Sheets: plain paper with one digit, which most kinds of photos begin with."""

import numpy as np

from tests.pictures import pen
from tests.pictures.scene import Colour, Scene, ink, size, white

Random = np.random.Generator


def hand(digit: np.ndarray, random: Random) -> pen.Line:
    """Return the pen's line of a digit with a small turn and tremor."""
    return pen.shaken(pen.turned(pen.trace(digit), random.uniform(-4, 4)), 0.003, random)


def pen_width(length: float, random: Random) -> float:
    """Return the width of a pen for a digit of a length in pixels: ballpoint to felt tip."""
    return max(length * random.uniform(0.03, 0.085), 3)


def blank(random: Random, colour: Colour | None = None) -> Scene:
    """Return a scene of blank paper."""
    return Scene(size(random), colour or white(random), random)


def written(scene: Scene, digit: np.ndarray, share: tuple[float, float] = (0.32, 0.6)) -> Scene:
    """Write a digit on a sheet, near its middle, `share` of the shorter side long."""
    length = scene.random.uniform(*share) * scene.short
    line = hand(digit, scene.random)
    return scene.write(line, ink(scene.random), length, pen_width(length, scene.random))


def note(digit: np.ndarray, random: Random, share: tuple[float, float] = (0.32, 0.6)) -> Scene:
    """Return a sheet of white paper with a digit near its middle."""
    return written(blank(random), digit, share)
