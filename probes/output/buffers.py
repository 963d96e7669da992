"""Buffers of an encoded answer: its bytes in order, large arrays without a copy."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

Buffer = bytes | memoryview
"""Part of an encoded answer."""

JOINED_BYTES = 524_288
"""Most bytes of an encoded answer that are joined at once: a copy of some 60 µs.

All layers of the shipped CNN are fewer: cutting them into two buffers would take longer.

A copy holds the interpreter's lock. One of 13 MB takes milliseconds, in which the event loop and
the device wait.
"""

LEAST_BUFFER = 65_536
"""Bytes from which on an array is a buffer of its own in an encoded answer."""


def nbytes_of(buffers: Iterable[Buffer]) -> int:
    """Return the length of an encoded answer, given as its buffers."""
    return sum(map(len, buffers))


def buffers_of(head: bytes, arrays: Sequence[np.ndarray]) -> list[Buffer]:
    """Return an encoded answer's buffers: a head, then the bytes of contiguous arrays in order."""
    views = [_bytes_of(array) for array in arrays]
    if len(head) + nbytes_of(views) <= JOINED_BYTES:
        return [b"".join((head, *views))]
    found: list[Buffer] = []
    small: list[Buffer] = [head]
    size, owned = len(head), _owned(arrays)
    for array, view in zip(arrays, views, strict=True):
        is_kept = len(view) >= LEAST_BUFFER and id(_owner(array)) in owned
        for piece in [view] if is_kept else _pieces(view):
            if is_kept or size + len(piece) > JOINED_BYTES:
                found.append(b"".join(small))
                small, size = [], 0
            if is_kept:
                found.append(piece)
            else:
                small.append(piece)
                size += len(piece)
    return [one for one in (*found, b"".join(small)) if one]


def _bytes_of(array: np.ndarray) -> memoryview:
    # `memoryview.cast` refuses arrays without values.
    return array.reshape(-1).view(np.uint8).data


def _pieces(view: memoryview) -> Iterator[memoryview]:
    for start in range(0, len(view), JOINED_BYTES):
        yield view[start : start + JOINED_BYTES]


def _owned(arrays: Iterable[np.ndarray]) -> frozenset[int]:
    """Return the IDs of the arrays whose memory is an encoded answer's alone.

    A row of a batch would keep the rows of other requests until a slow client has taken the answer.
    """
    left: dict[int, int] = {}
    for array in arrays:
        owner = _owner(array)
        left[id(owner)] = left.get(id(owner), owner.nbytes) - array.nbytes
    return frozenset(name for name, nbytes in left.items() if nbytes <= 0)


def _owner(array: np.ndarray) -> np.ndarray:
    """Return the array whose memory a view keeps; the array itself where it is no view."""
    return array.base if isinstance(array.base, np.ndarray) else array
