"""Paddings of imported layers, in the shortest words of a layer line."""

from dataclasses import replace
from typing import Literal

from models.declaration.operations import Conv, LayerError, Padding, Pool
from models.windows import windows


def simplest(operation: Conv | Pool, padding: Padding, sides: tuple[int, ...]) -> Padding:
    """Return the shortest way to write a padding of an imported layer for maps of a size."""
    wanted = _numbers(replace(operation, padding=padding), sides)
    # The default of each is written as nothing.
    rules: tuple[Literal["same", "valid"], ...] = ("same", "valid")
    for rule in rules if isinstance(operation, Conv) else rules[::-1]:
        try:
            if _numbers(replace(operation, padding=rule), sides) == wanted:
                return rule
        except LayerError:
            continue
    return padding


def _numbers(operation: Conv | Pool, sides: tuple[int, ...]) -> tuple[object, ...]:
    """Return the windows of an imported layer along rows and columns."""
    return tuple(windows(operation, axis, side) for axis, side in enumerate(sides))
