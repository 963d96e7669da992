"""Patience: requests that arrive too slowly, or nobody waits for any more, are ended.

One timer looks after all of them: timers of their own would take longer than many an answer does.
"""

import asyncio
import time
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from api.errors.problem import Problem

LOOK_S = 0.02
"""How often it is looked which requests have taken long."""

UNWATCHED_S = 0.1
"""How long an answer may take before it is looked whether anybody still waits for it."""


class Patience:
    """Looks after the requests of one app, on its event loop."""

    def __init__(self) -> None:
        self._stays: set[Stay] = set()
        self._looking = False

    def stay(self, seconds: float) -> "Stay":
        """Look after the request of this task: `with patience.stay(10) as stay:`.

        Args:
            seconds: Within which it must have arrived.
        """
        return Stay(self, seconds)

    def begin(self, stay: "Stay") -> None:
        """Look after a request from now on."""
        self._stays.add(stay)
        self._look_soon()

    def end(self, stay: "Stay") -> None:
        """Look after it no longer."""
        self._stays.discard(stay)

    def _look_soon(self) -> None:
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def _look(self) -> None:
        """Look at all; look again while any goes on."""
        now = time.monotonic()
        for stay in self._stays:
            stay.look(now)
        self._looking = False
        if self._stays:
            self._look_soon()


class Stay:
    """One request, first while it arrives, then while its answer is worked on.

    Raises:
        Problem: On leaving, `request-timeout`: it did not arrive in time.
        ClientDisconnect: On leaving: its client has gone.
    """

    def __init__(self, patience: Patience, seconds: float) -> None:
        self._patience, self._seconds = patience, seconds
        self._due = time.monotonic() + seconds
        self._receive: Receive | None = None
        self._watching: asyncio.Task[None] | None = None
        self._ended = False

    def __enter__(self) -> "Stay":
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine of the event loop runs in a task
        self._task: asyncio.Task[Any] = task
        self._patience.begin(self)
        return self

    def arrived(self, receive: Receive) -> None:
        """Say that it has arrived; from now on its client may go."""
        self._receive = receive
        self._due = time.monotonic() + UNWATCHED_S

    def look(self, now: float) -> None:
        """End it, or begin to watch its client, where it is time to."""
        if now < self._due or self._ended or self._watching is not None:
            return
        if self._receive is None:
            self._end()
        else:
            self._watching = asyncio.get_running_loop().create_task(self._watch(self._receive))

    async def _watch(self, receive: Receive) -> None:
        """Wait until the client closes the connection."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self._end()

    def _end(self) -> None:
        self._ended = True
        self._task.cancel()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._patience.end(self)
        if self._watching is not None:
            self._watching.cancel()
        if kind is not asyncio.CancelledError or not self._ended or self._task.uncancel():
            return  # nobody ended it, or somebody else did as well
        if self._receive is not None:
            raise ClientDisconnect from None
        detail = f"The body did not arrive within {self._seconds:g} s."
        raise Problem("request-timeout", detail, headers={"Connection": "close"}) from None
