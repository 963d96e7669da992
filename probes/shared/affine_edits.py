"""Affine edits v · scale + shift of the values of a trace, for CNN and LSTM."""

from collections.abc import Callable
from typing import Any

import numpy as np

MAX_AMOUNT = 1e6
"""Largest magnitude of an affine edit's amount or set value: far beyond any activation."""


def apply_edit(
    edit: Any, at: Any, both: tuple[np.ndarray, np.ndarray], replacement: Callable[[], Any]
) -> None:
    """Compose an affine edit with the scale and shift of the edits before it.

    Args:
        edit: Edit with an `operation` and an `amount`.
        at: Index of the edited values.
        both: Scale and shift, changed in place.
        replacement: Returns the new values, for all operations but `scale` and `add`.
    """
    scale, shift = both
    with np.errstate(over="ignore", invalid="ignore"):  # an overflow is visible in the result
        match edit.operation:
            case "scale":
                # (v s + t) a = v (s a) + t a: both factors of the edits so far are scaled.
                scale[at] *= edit.amount
                shift[at] *= edit.amount
            case "add":
                shift[at] += edit.amount
            case _:
                scale[at] = 0.0
                shift[at] = replacement()
