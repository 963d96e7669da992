"""Sparse input of a program's row: one value everywhere but at a few places."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from jaxtyping import Float32, Int


@dataclass(frozen=True, eq=False, slots=True)
class SparseInput:
    """Sparse input of a row, which is a whole array only in a batch.

    A sweep queues a row for each channel. Scale and shift of all values take 800 KB for the shipped
    network, those of one channel a hundredth of it.

    Attributes:
        shape: Shape of the whole array.
        fill: Value at all other places.
        places: Indices into the flattened array, each once.
        values: Values at these places.
    """

    shape: tuple[int, ...]
    fill: float
    places: Int[np.ndarray, " places"]
    values: Float32[np.ndarray, " places"]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return a sparse input as a whole array, for NumPy."""
        if copy is False:
            msg = "a sparse input is an array only as a copy"
            raise ValueError(msg)
        return np.asarray(stack_sparse([self], 1)[0], dtype)


def stack_sparse(rows: Sequence[SparseInput], bucket: int) -> Float32[np.ndarray, "bucket *shape"]:
    """Stack sparse inputs of equal shape and fill, in one array for the whole batch.

    Args:
        rows: Inputs of the batch's rows, at least one.
        bucket: Rows of the array; the last ones have no other values than `fill`.
    """
    first = rows[0]
    size = prod(first.shape)
    found = np.full(bucket * size, first.fill, np.float32)
    # In one assignment: one for each row would take twice the time.
    starts = np.repeat(np.arange(len(rows)) * size, [len(row.places) for row in rows])
    places = np.concatenate([row.places for row in rows]) + starts
    found[places] = np.concatenate([row.values for row in rows])
    return found.reshape(bucket, *first.shape)
