"""Large work: decoding, drawing or encoding of which only one takes memory at a time."""

from contextlib import AbstractContextManager, nullcontext
from threading import Lock

LARGE_BYTES = 16 * 2**20
"""Bytes from which on work is large. Other threads may do smaller work meanwhile."""

_TURN = Lock()


def large_work(nbytes: int) -> AbstractContextManager[object]:
    """Return a context manager that waits until no other large work runs; small work never waits.

    Two of the engine's threads decode, draw and encode; the memory budget has a reserve for one
    large picture. Never call it on the event loop.

    Args:
        nbytes: Bytes that the work takes beyond its result.
    """
    return _TURN if nbytes >= LARGE_BYTES else nullcontext()
