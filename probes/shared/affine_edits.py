"""Edits v · scale + shift of the values of a trace, and the fields that are posted for them."""

from collections.abc import Callable
from typing import Any

import numpy as np

LARGEST = 1e6
"""No amount and no value that is set may be larger: far beyond what any layer makes."""


def apply(
    edit: Any, at: Any, both: tuple[np.ndarray, np.ndarray], replacement: Callable[[], Any]
) -> None:
    """Let an edit follow what a scale and a shift do already.

    Args:
        edit: Has an `operation` and an `amount`.
        at: The index of the values that it is about.
        both: Scale and shift, changed in place.
        replacement: Returns what stands in the place of the values, for all but `scale` and `add`.
    """
    scale, shift = both
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows shows in the answer
        match edit.operation:
            case "scale":
                scale[at] *= edit.amount
                shift[at] *= edit.amount
            case "add":
                shift[at] += edit.amount
            case _:
                scale[at] = 0.0
                shift[at] = replacement()
