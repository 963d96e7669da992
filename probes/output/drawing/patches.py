"""Patches of pictures: groups of marks that were painted once, as their pixels."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

MOST_BYTES, MOST_GROUPS, MOST_PIXELS = 48_000_000, 2048, 1_000_000
"""Most bytes of the patches that are kept, most groups that are known, and most pixels of one."""

USES = 3
"""Uses of a group by which it has a patch."""


class Patch(NamedTuple):
    """Patch of a picture: the pixels of a group on the ground of a theme.

    Attributes:
        left: Left side, from the pixel with the group's origin.
        top: Upper side, from there.
        rows: Bytes of its rows of pixels.
    """

    left: int
    top: int
    rows: UInt8[np.ndarray, "height bytes"]


class Patches:
    """Patches of groups by their place in a pixel, their scale and theme.

    One lives as long as the process. A group has a patch from its third use on: what depends on
    the values of a picture is used once, or twice where two pictures have the same values.

    Args:
        most_bytes: Most bytes that are kept; those that were not used for longest are dropped.

    Attributes:
        nbytes: Bytes of all patches.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._held: OrderedDict[Hashable, Patch | int] = OrderedDict()
        self._lock = Lock()
        self.nbytes = 0

    def clear(self) -> None:
        """Drop all patches: the server's memory budget gives their bytes to a request."""
        with self._lock:
            self._held.clear()
            self.nbytes = 0

    def get(self, key: Hashable, make: Callable[[], Patch | None]) -> Patch | None:
        """Return the patch of a group, made at its third use; None before, or without one."""
        with self._lock:
            known = self._held.get(key, 1)
            if isinstance(known, Patch):
                self._held.move_to_end(key)
                return known
            if known < USES:
                self._keep(key, known + 1)
                return None
        made = make()
        if made is not None:
            with self._lock:
                self._keep(key, made)
        return made

    def _keep(self, key: Hashable, held: Patch | int) -> None:
        self._drop(key)
        self._held[key] = held
        self.nbytes += _nbytes(held)
        while self.nbytes > self._most_bytes or len(self._held) > MOST_GROUPS:
            self._drop(next(iter(self._held)))

    def _drop(self, key: Hashable) -> None:
        self.nbytes -= _nbytes(self._held.pop(key, 0))


def _nbytes(held: Patch | int) -> int:
    """Return the bytes of a group's patch; 0 of its number of uses."""
    return held.rows.nbytes if isinstance(held, Patch) else 0


PATCHES = Patches()
"""Patches of all pictures."""
