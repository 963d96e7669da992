"""Patches of pictures: groups of marks that were painted once, as their pixels."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

MOST_BYTES, MOST_GROUPS, MOST_PIXELS = 48_000_000, 2048, 1_000_000
"""Most bytes of the patches that are kept, most groups that are known, and most pixels of one."""


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

    One lives as long as the process. A group has a patch from its second use on: what depends on
    the values of a picture is not used again.

    Args:
        most_bytes: Most bytes that are kept; those that were not used for longest are dropped.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._held: OrderedDict[Hashable, Patch | None] = OrderedDict()
        self._lock = Lock()
        self.nbytes = 0

    def get(self, key: Hashable, make: Callable[[], Patch | None]) -> Patch | None:
        """Return the patch of a group, made at its second use; None at the first or without one."""
        with self._lock:
            if key not in self._held:
                self._keep(key, None)
                return None
            self._held.move_to_end(key)
            known = self._held[key]
        if known is not None:
            return known
        made = make()
        if made is not None:
            with self._lock:
                self._keep(key, made)
        return made

    def _keep(self, key: Hashable, patch: Patch | None) -> None:
        self._drop(key)
        self._held[key] = patch
        self.nbytes += 0 if patch is None else patch.rows.nbytes
        while self.nbytes > self._most_bytes or len(self._held) > MOST_GROUPS:
            self._drop(next(iter(self._held)))

    def _drop(self, key: Hashable) -> None:
        patch = self._held.pop(key, None)
        self.nbytes -= 0 if patch is None else patch.rows.nbytes


PATCHES = Patches()
"""Patches of all pictures."""
