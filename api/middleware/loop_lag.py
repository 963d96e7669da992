"""Lag of the event loop: how late its timers run, for the metrics."""

import asyncio
from collections.abc import Callable

INTERVAL_S = 0.05
"""Seconds between two timers whose lag is observed."""


class LoopLag:
    """Timer that observes the lag of the event loop twenty times a second.

    A callback that takes long on the event loop delays every other connection by as much.

    Args:
        observe: Takes each lag, in seconds.
    """

    def __init__(self, observe: Callable[[float], None]) -> None:
        self._observe = observe
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start to observe the lag of the running event loop."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(INTERVAL_S, self._tick, loop, loop.time() + INTERVAL_S)

    def stop(self) -> None:
        """Stop to observe the lag of the event loop."""
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        """Observe the lag of one timer of the event loop, and set the next."""
        # uvloop's clock has milliseconds, so that a timer may seem to be early.
        self._observe(max(loop.time() - due, 0.0))
        self.start()
