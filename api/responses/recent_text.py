"""Recent text: a text that changes all the time, rendered at a limited rate."""

import time
from collections.abc import Awaitable, Callable
from typing import Final

BURST: Final = 8
"""Renderings of a recent text that may follow each other at once."""

PER_S: Final = 2.0
"""Renderings of a recent text per second, over a longer time."""


class RecentText:
    """Text that changes all the time, rendered at a limited rate. Of one event loop.

    A client that asks more often gets the last text again, which is at most 1 / `PER_S` s old.
    """

    def __init__(self) -> None:
        self._left = float(BURST)
        self._since = time.monotonic()
        self._text: bytes | str = b""

    async def get(self, render: Callable[[], Awaitable[bytes | str]]) -> bytes | str:
        """Return the text, rendered now or lately."""
        now = time.monotonic()
        self._left = min(BURST, self._left + (now - self._since) * PER_S)
        self._since = now
        if self._left >= 1 or not self._text:
            self._left -= 1
            self._text = await render()
        return self._text
