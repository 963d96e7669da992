"""Rates: requests of each client by a token bucket."""

import time
from collections import OrderedDict
from collections.abc import Callable

DEFAULT_RATE = 50.0
"""Requests a second of a client that is not on this machine, where the setting says nothing."""

MAX_CLIENTS = 10_000
"""Clients whose rate is known; the one that was silent for longest is forgotten first."""


class Rates:
    """Rates of clients: each has a bucket of `burst` requests, refilled by `rate` a second.

    Args:
        rate: Requests a second, in the long run.
        burst: Requests at once.
        clock: Seconds; monotonic.
    """

    def __init__(
        self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """Count a request of a client; return 0, or the seconds until its rate allows one."""
        now = self._clock()
        left = self._left(client, now)
        is_allowed = left >= 1.0
        self._buckets[client] = (left - 1.0 if is_allowed else left, now)
        self._buckets.move_to_end(client)
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        return 0.0 if is_allowed else (1.0 - left) / self._rate

    def missing(self, client: str) -> float:
        """Return 0, or the seconds until a client's rate allows a request, and count none."""
        return max(0.0, 1.0 - self._left(client, self._clock())) / self._rate

    def _left(self, client: str, now: float) -> float:
        """Return the requests that the rate of a client allows at a time."""
        left, since = self._buckets.get(client) or (self._burst, now)
        return min(self._burst, left + (now - since) * self._rate)
