"""Retry times of refused requests, spread so that clients do not return together."""

import math
import time
from collections import OrderedDict, deque

MAX_RETRY_S = 60.0
"""Longest time in `Retry-After`, in seconds."""

EARLY_S = 0.25
"""Seconds before its time at which a request that comes back is known as one."""

MAX_CLIENTS = 1024
MAX_OF_CLIENT = 64


class Retries:
    """Times for refused requests to come back: one after another, as there will be room for them.

    They are kept by client, so that one that comes back at its time goes before new ones.
    """

    def __init__(self) -> None:
        self._next = 0.0
        self._due: OrderedDict[str, deque[float]] = OrderedDict()

    def give(self, client: str, wait_s: float, cost_s: float) -> float:
        """Give a refused request a time to come back, and return the seconds until then.

        Args:
            client: Client of the request.
            wait_s: Estimated seconds until there is room for one request.
            cost_s: Estimated seconds for which the next refused request waits longer.
        """
        now = time.monotonic()
        due = min(max(now + wait_s, self._next), now + MAX_RETRY_S)
        self._next = due + cost_s
        retry_s = max(1.0, float(math.ceil(due - now)))
        times = self._due.setdefault(client, deque(maxlen=MAX_OF_CLIENT))
        times.append(now + retry_s)
        self._due.move_to_end(client)
        if len(self._due) > MAX_CLIENTS:
            self._due.popitem(last=False)
        return retry_s

    def is_back(self, client: str) -> bool:
        """Return whether a retry time of a client has come."""
        times = self._due.get(client)
        return times is not None and times[0] <= time.monotonic() + EARLY_S

    def admitted(self, client: str, cost_s: float) -> None:
        """Count a request that was admitted: one that came back, or one in front of others."""
        if self.is_back(client):
            self._due[client].popleft()
            if not self._due[client]:
                del self._due[client]
        else:
            # There was room now: those that were told to come back have not all done so.
            self._next -= cost_s
