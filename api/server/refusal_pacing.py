"""Pacing of refusals: the next one of a client that repeats its request at once is delayed."""

import asyncio
import random

REFUSED_STATUSES = frozenset({429, 503})

AT_ONCE_S = 0.1
"""Seconds after a refusal within which a further request does not honour its `Retry-After`."""

PAUSE_S = 1.0
"""Seconds by which the refusal of such a request is delayed: the least `Retry-After`."""


class RefusalPacing:
    """Pacing of the refusals (429, 503) of one HTTP connection.

    `Retry-After` is at least a second. A client in a loop that ignores it would take as much CPU
    time for its refusals as others for their answers; first refusals are never delayed.
    """

    __slots__ = ("_refused_at",)

    def __init__(self) -> None:
        self._refused_at = float("-inf")

    async def pause(self, arrived: float) -> None:
        """Wait before a refusal where its request came at once after the one before.

        Args:
            arrived: When the request arrived, by the event loop's time in seconds.
        """
        if arrived - self._refused_at < AT_ONCE_S:
            # Clients that were refused together come back one after another.
            await asyncio.sleep(PAUSE_S * random.uniform(0.5, 1.5))  # noqa: S311
        self._refused_at = asyncio.get_running_loop().time()
