"""Request timeout: cancel requests whose body is late, whose client or whose time has gone."""

import asyncio
import time
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from api.errors.problem import Problem

BODY_S = 20.0
"""Time of a request's body to arrive, in seconds."""

BYTES_PER_FURTHER_S = 65_536
"""Bytes of a body for which it has a second more."""

GRACE_S = 0.05
"""Seconds after its deadline at which a request timeout cancels a request that is still in work.

Work ends at its deadline by itself, with an error that names it; this one names none.
"""

UNWATCHED_S = 0.1
"""Seconds of work before a request timeout watches the connection; most responses take less."""


class RequestTimeout:
    """Request timeout that cancels a task when its body is late, or it is not wanted any more.

    That is when its client disconnects, or its deadline has passed.

    Use it as `with RequestTimeout(10) as timeout:`, and call `body_received` within. Two
    `asyncio.timeout` would do the same in four times the time, a few percent of a small request.

    Args:
        seconds: Time for the body to arrive, before a second more for each 64 KiB of it. Servers
            other than `api.server` have no limit of their own.

    Raises:
        Problem: On leaving, `request-timeout`: the body did not arrive in time; or `deadline`.
        ClientDisconnect: On leaving: the client has closed the connection.
    """

    def __init__(self, seconds: float = BODY_S) -> None:
        self._seconds = self._allowed = seconds
        self._receive: Receive | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._has_cancelled = self._is_past = False
        self._deadline = 0.0

    def __enter__(self) -> "RequestTimeout":
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task(self._loop)
        assert task is not None  # noqa: S101 - a coroutine of the event loop runs in a task
        self._task: asyncio.Task[Any] = task
        self._timer = self._loop.call_later(self._seconds, self._end)
        return self

    def add(self, nbytes: int) -> None:
        """Prolong the request timeout by bytes of the body that have arrived."""
        self._allowed += nbytes / BYTES_PER_FURTHER_S

    def _end(self) -> None:
        """Cancel a request whose body is late; wait further where enough of it has arrived."""
        if self._allowed > self._seconds:
            further, self._seconds = self._allowed - self._seconds, self._allowed
            self._timer = self._loop.call_later(further, self._end)
        else:
            self._cancel()

    def body_received(self, receive: Receive, deadline: float) -> None:
        """Stop the request timeout; from now on `receive` waits for the client to disconnect.

        Args:
            receive: Receives the messages of the connection.
            deadline: End of the request's work, by `time.monotonic`, in seconds.
        """
        self._timer.cancel()
        self._receive, self._deadline = receive, deadline
        self._timer = self._loop.call_later(UNWATCHED_S, self._watch)

    def _watch(self) -> None:
        assert self._receive is not None  # noqa: S101 - the timer was set with it
        self._watcher = self._loop.create_task(self._wait_for_disconnect(self._receive))
        left_s = max(self._deadline - time.monotonic(), 0.0)
        self._timer = self._loop.call_later(left_s, self._end_soon)

    def _end_soon(self) -> None:
        # Counted from here: an event loop that is late must not cancel work that has just ended.
        self._timer = self._loop.call_later(GRACE_S, self._expire)

    def _expire(self) -> None:
        self._is_past = True
        self._cancel()

    async def _wait_for_disconnect(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._cancel()

    def _cancel(self) -> None:
        self._has_cancelled = True
        self._task.cancel()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
        # A cancellation from elsewhere goes on, also where it came together with this one.
        if kind is not asyncio.CancelledError or not self._has_cancelled or self._task.uncancel():
            return
        if self._is_past:
            raise Problem("deadline", "The request was not computed before its deadline.") from None
        if self._receive is not None:
            raise ClientDisconnect from None
        detail = f"The body did not arrive within {self._seconds:g} s."
        raise Problem("request-timeout", detail, headers={"Connection": "close"}) from None
