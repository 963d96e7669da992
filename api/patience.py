"""Patience: what takes too long, or nobody waits for any more, is ended; one timer serves all.

Timers of their own, two for each request, would take longer than many a request takes to answer.
"""

import asyncio
import time
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

Result = TypeVar("Result")

LOOK_S = 0.02
"""How often it is looked which requests have taken long."""

UNWATCHED_S = 0.1
"""How long an answer may take before it is looked whether anybody still waits for it."""


class _Stretch:
    """A part of a request's work: until when it may go on unseen, and what is to happen then.

    Attributes:
        receive: Tells when the client has gone; None where the work is ended once it is due.
        ended: Whether it was ended before its time.
    """

    __slots__ = ("due", "ended", "receive", "task", "watching")

    def __init__(self, seconds: float, receive: Receive | None) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine of the event loop runs in a task
        self.task: asyncio.Task[Any] = task
        self.due = time.monotonic() + seconds
        self.receive = receive
        self.ended = False
        self.watching: asyncio.Task[None] | None = None

    def end(self) -> None:
        """Cancel the work."""
        self.ended = True
        self.task.cancel()

    def was_ended(self) -> bool:
        """Tell whether a cancellation was this one, and nobody else's as well."""
        return self.ended and not self.task.uncancel()

    async def watch(self, receive: Receive) -> None:
        """Cancel the work when the client closes the connection."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self.end()


class Patience:
    """Looks after the requests of one app, on its event loop."""

    def __init__(self) -> None:
        self._stretches: set[_Stretch] = set()
        self._looking = False

    async def within(self, seconds: float, work: Awaitable[Result]) -> Result:
        """Do the work, or drop it once so much time, and up to `LOOK_S` more, has passed.

        Raises:
            TimeoutError: It was dropped.
        """
        stretch = self._begin(_Stretch(seconds, None))
        try:
            return await work
        except asyncio.CancelledError:
            if stretch.was_ended():
                raise TimeoutError from None
            raise
        finally:
            self._stretches.discard(stretch)

    async def unless_gone(self, receive: Receive, work: Coroutine[Any, Any, bytes]) -> bytes:
        """Do the work, or drop it when the client closes the connection before it is done.

        Returns:
            What came of the work; nothing where it was dropped.
        """
        stretch = self._begin(_Stretch(UNWATCHED_S, receive))
        try:
            return await work
        except asyncio.CancelledError:
            if stretch.was_ended():
                return b""  # nobody reads it
            raise
        finally:
            self._stretches.discard(stretch)
            if stretch.watching is not None:
                stretch.watching.cancel()

    def _begin(self, stretch: _Stretch) -> _Stretch:
        self._stretches.add(stretch)
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_later(LOOK_S, self._look)
        return stretch

    def _look(self) -> None:
        """End what is due, or begin to watch its client; look again while anything goes on."""
        now = time.monotonic()
        for stretch in self._stretches:
            if stretch.due > now or stretch.ended:
                continue
            if stretch.receive is None:
                stretch.end()
            elif stretch.watching is None:
                watching = stretch.watch(stretch.receive)
                stretch.watching = asyncio.get_running_loop().create_task(watching)
        self._looking = bool(self._stretches)
        if self._looking:
            asyncio.get_running_loop().call_later(LOOK_S, self._look)
