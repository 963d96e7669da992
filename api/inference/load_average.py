"""Load average: share of the last seconds in which something was busy."""

import math
import time

WINDOW_S = 2.0
"""Time constant of the exponential decay of a load average, in seconds."""


class LoadAverage:
    """Exponentially weighted share of time that is spent on something. One thread adds to it."""

    def __init__(self) -> None:
        self._average = 0.0
        self._since = time.monotonic()

    def add(self, seconds: float) -> None:
        """Add time that has just been spent to the load average."""
        self._average = self.now() + seconds / WINDOW_S
        self._since = time.monotonic()

    def now(self) -> float:
        """Return the load average: 0 for idle, about 1 for always busy."""
        return self._average * math.exp((self._since - time.monotonic()) / WINDOW_S)
