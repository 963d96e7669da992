"""Affine edits v · scale + shift of the values of a trace, for CNN and LSTM."""

from collections.abc import Callable, Sequence
from math import prod
from types import EllipsisType
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Int

from models.runtime.sparse_input import SparseInput

MAX_AMOUNT = 1e6
"""Largest magnitude of an affine edit's amount or set value: far beyond any activation."""


class PlacedEdit(NamedTuple):
    """Affine edit of values at some places.

    Attributes:
        edit: Edit with an `operation` and an `amount`.
        places: Indices of the edited values into the flattened values of all.
        replacement: Returns the new values, for all operations but `scale` and `add`.
    """

    edit: Any
    places: Int[np.ndarray, "*selected"]
    replacement: Callable[[], Any]


def composed(shape: Sequence[int], edits: Sequence[PlacedEdit]) -> tuple[SparseInput, SparseInput]:
    """Compose affine edits, in the order of application, into a scale and a shift of all values.

    Args:
        shape: Shape of all values.
        edits: Edits; none leaves every value unchanged.
    """
    if len(edits) == 1:
        # The usual edit, such as those of a sweep: whole vectors would take most of its time.
        (one,) = edits
        scale, shift = _no_edit(one.places.shape)
        _apply(one, ..., scale, shift)
        places = one.places.astype(np.int32).ravel()
        return _sparse(shape, places, scale.ravel(), shift.ravel())
    scale, shift = _no_edit((prod(shape) if edits else 0,))
    for one in edits:
        _apply(one, one.places, scale, shift)
    places = edited_places(scale, shift)
    return _sparse(shape, places, scale[places], shift[places])


def edited_places(
    scale: Float32[np.ndarray, " values"], shift: Float32[np.ndarray, " values"]
) -> Int[np.ndarray, " edited"]:
    """Return the places at which affine edits have another scale than 1 or another shift than 0."""
    # By bits: a shift of -0.0 changes the sign of a value of -0.0.
    return np.flatnonzero((scale != 1) | (shift.view(np.int32) != 0)).astype(np.int32)


def _no_edit(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    return np.ones(shape, np.float32), np.zeros(shape, np.float32)


def _sparse(
    shape: Sequence[int], places: np.ndarray, scale: np.ndarray, shift: np.ndarray
) -> tuple[SparseInput, SparseInput]:
    whole = tuple(shape)
    return SparseInput(whole, 1.0, places, scale), SparseInput(whole, 0.0, places, shift)


def _apply(
    one: PlacedEdit, at: np.ndarray | EllipsisType, scale: np.ndarray, shift: np.ndarray
) -> None:
    """Compose an affine edit with the scale and shift of the edits before it, in place.

    Args:
        one: Edit.
        at: Index of its places in scale and shift.
        scale, shift: Changed in place.
    """
    edit = one.edit
    if edit.operation not in {"scale", "add"}:
        scale[at] = 0.0
        shift[at] = one.replacement()
        return
    with np.errstate(over="ignore", invalid="ignore"):  # an overflow is visible in the result
        if edit.operation == "scale":
            # (v s + t) a = v (s a) + t a: both factors of the edits so far are scaled.
            scale[at] *= edit.amount
            # A factor of 0 makes an infinite summand 0 too, as the programs do with values.
            shift[at] = shift[at] * edit.amount if edit.amount else 0.0
        else:
            shift[at] += edit.amount
