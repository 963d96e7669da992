"""Start queue: requests that arrive together begin a few at a time, by turns of their clients."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable

STARTED_AT_ONCE = 8
"""Requests that begin in one iteration of the event loop: each takes some 0.5 ms of it."""

HEALTH_PATHS = frozenset({"/livez", "/readyz"})
"""Paths of health checks, which do not wait for requests of the same address."""


class StartQueue:
    """Start queue of the requests of all HTTP connections, of one event loop.

    Without it hundreds of requests that arrive in one iteration of the event loop would all be read
    and decoded before any other is looked at. Clients take turns; a request that arrives while none
    waits begins at once.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[Callable[[], None]]] = OrderedDict()
        self._left = STARTED_AT_ONCE
        self._is_due = False

    def add(self, address: str, path: str, start: Callable[[], None]) -> None:
        """Begin a request now, or let it wait in the start queue for those before it.

        Args:
            address: Address of its client.
            path: Its path.
            start: Begins it.
        """
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._next)
        if self._left and not self._waiting:
            self._left -= 1
            start()
            return
        client = path if path in HEALTH_PATHS else address
        self._waiting.setdefault(client, deque()).append(start)

    def _next(self) -> None:
        """Begin the next requests of the start queue, one of each client in turn."""
        self._is_due = bool(self._waiting)
        if self._is_due:
            asyncio.get_running_loop().call_soon(self._next)
        self._left = STARTED_AT_ONCE
        while self._waiting and self._left:
            self._left -= 1
            client, starts = self._waiting.popitem(last=False)
            start = starts.popleft()
            if starts:
                self._waiting[client] = starts
            start()
