"""Paddings of imported layers, in the shortest words of a layer line."""

from dataclasses import replace
from typing import Literal

from models.declaration.operations import Conv, LayerError, Padding, Pool
from models.importers.errors import ConversionError
from models.windows import windows


def whole_padding(
    operation: Conv | Pool, zeros: tuple[int, int, int, int], sides: tuple[int, ...]
) -> Padding:
    """Return the padding of an imported layer, with the zeros that were put around its maps before.

    Args:
        zeros: Zeros at top, bottom, left and right.
        sides: Rows and columns of the maps without these.

    Raises:
        ConversionError: The zeros count in the means of a pool, and its own padding does not.
    """
    if not any(zeros):
        return _simplest(operation, operation.padding, sides)
    top, bottom, left, right = zeros
    own = _numbers(operation, (sides[0] + top + bottom, sides[1] + left + right))
    is_counted = not isinstance(operation, Pool) or operation.count_padding
    is_mean = isinstance(operation, Pool) and operation.kind == "avg"
    if any(own) and is_mean and not is_counted:
        msg = (
            "zeros around maps count in the means of a pool whose own padding does not, which "
            "cannot be declared"
        )
        raise ConversionError(msg)
    whole = (top + own[0], bottom + own[1], left + own[2], right + own[3])
    return _simplest(operation, whole, sides)


def _simplest(operation: Conv | Pool, padding: Padding, sides: tuple[int, ...]) -> Padding:
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


def _numbers(operation: Conv | Pool, sides: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return the padding of an imported layer at top, bottom, left and right."""
    # What a last window has beyond the padding is none, and counts in no mean.
    bare = replace(operation, ceil=False) if isinstance(operation, Pool) else operation
    rows, columns = (windows(bare, axis, side) for axis, side in enumerate(sides))
    return rows.before, rows.after, columns.before, columns.after
