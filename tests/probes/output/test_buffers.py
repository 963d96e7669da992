"""Buffers of an encoded answer: all bytes in order, few copies, no memory of other requests."""

import numpy as np
import pytest

from probes.output.buffers import JOINED_BYTES, LEAST_BUFFER, buffers_of, nbytes_of

SIZES = (0, 1, 40_000, LEAST_BUFFER, 3 * JOINED_BYTES + 5)


def batch(count: int, nbytes: int) -> np.ndarray:
    """Rows of a batch, each with other bytes."""
    return np.arange(count * nbytes, dtype=np.uint64).astype(np.uint8).reshape(count, nbytes)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("other", SIZES)
@pytest.mark.parametrize("taken", [2, 3])
def test_buffers_are_the_bytes_in_order(size: int, other: int, taken: int) -> None:
    """Arrays of any size, of a part of a batch or of all of it, follow the head unchanged."""
    rows, alone = batch(3, size), batch(1, other)[0]
    arrays = [rows[0], alone, *rows[1:taken]]

    found = buffers_of(b"head", arrays)

    assert b"".join(found) == b"head" + b"".join(one.tobytes() for one in arrays)
    assert nbytes_of(found) == 4 + sum(one.nbytes for one in arrays)
    assert all(found)


def test_large_arrays_are_not_copied() -> None:
    """All rows of a batch, and an array of its own, are views; what is copied has a bound."""
    rows, alone = batch(4, LEAST_BUFFER), batch(1, JOINED_BYTES)[0]

    found = buffers_of(b"head", [*rows, alone])

    views = [one for one in found if isinstance(one, memoryview)]
    assert [np.shares_memory(np.asarray(view), rows) for view in views] == [True] * 4 + [False]
    assert np.shares_memory(np.asarray(views[-1]), alone)
    assert [one for one in found if isinstance(one, bytes)] == [b"head"]


def test_rows_of_others_are_not_kept() -> None:
    """Rows of a batch that has more of them are copied, in pieces of a bounded size."""
    rows = batch(4, 2 * JOINED_BYTES)

    found = buffers_of(b"head", list(rows[:3]))

    assert all(isinstance(one, bytes) for one in found)
    assert max(map(len, found)) <= JOINED_BYTES


def test_a_small_answer_is_one_buffer() -> None:
    """It leaves in one write with its head."""
    assert len(buffers_of(b"head", list(batch(4, 60_000)))) == 1
