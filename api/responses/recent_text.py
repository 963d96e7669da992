"""Recent text: a text that changes all the time, rendered at a limited rate."""

import time
from collections.abc import Awaitable, Callable
from typing import Final

from api.access.rates import Rates

BURST: Final = 8
"""Renderings of a recent text that may follow each other at once."""

PER_S: Final = 2.0
"""Renderings of a recent text per second, over a longer time."""


class RecentText:
    """Text that changes all the time, rendered at a limited rate. Of one event loop.

    A client that asks more often gets the last text again, which is at most 1 / `PER_S` s old.

    Args:
        clock: Seconds; monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._rates = Rates(PER_S, BURST, clock)
        self._text: bytes | str = b""

    async def get(self, render: Callable[[], Awaitable[bytes | str]]) -> bytes | str:
        """Return the text, rendered now or lately."""
        if not self._rates.wait("") or not self._text:
            self._text = await render()
        return self._text
