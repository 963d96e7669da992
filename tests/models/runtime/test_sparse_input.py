"""Sparse inputs hold the values at a few places alone, and are whole arrays in a batch."""

import numpy as np
import pytest

from models.runtime.sparse_input import SparseInput, stack_sparse

PLACES = np.array([1, 4, 5], np.int32)
VALUES = np.array([np.nan, -0.0, 1e-40], np.float32)
ONE = SparseInput((2, 3), 1.0, PLACES, VALUES)


def test_a_sparse_input_is_equal_to_its_array_bit_by_bit() -> None:
    """NaN, a negative zero and a subnormal value come back as they were given."""
    expected = np.array([[1, np.nan, 1], [1, -0.0, 1e-40]], np.float32)

    assert np.asarray(ONE).tobytes() == expected.tobytes()


def test_a_sparse_input_is_an_array_only_as_a_copy() -> None:
    """NumPy may not be told that there is an array to share."""
    with pytest.raises(ValueError, match="copy"):
        np.array(ONE, copy=False)


def test_rows_are_stacked_and_padded() -> None:
    """Each row has its own places; rows of the padding have none."""
    other = SparseInput((2, 3), 1.0, np.array([0], np.int32), np.array([7], np.float32))

    found = stack_sparse([ONE, other], 4)

    assert (found.shape, found.dtype) == ((4, 2, 3), np.float32)
    assert found[0].tobytes() == np.asarray(ONE).tobytes()
    assert found[1:].reshape(3, 6).tolist() == [[7, 1, 1, 1, 1, 1], [1] * 6, [1] * 6]
