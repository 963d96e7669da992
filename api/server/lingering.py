"""Lingering close of an HTTP connection: a client that still sends reads its response first."""

import asyncio
from typing import Protocol

from uvicorn.protocols.http.flow_control import FlowControl

from api.server.connection_table import ConnectionTable
from api.server.transport import WriteCoalescingTransport

PACE_S = 0.002
"""Seconds between two reads of a lingering connection, times the number of those that linger.

Together they read some 100 MB a second, which leaves the event loop to others.
"""


class Closing(Protocol):
    """HTTP connection that is closed in two steps."""

    address: str
    transport: WriteCoalescingTransport
    flow: FlowControl

    def check(self, now: float) -> None:
        """Close the connection where a time has passed."""

    def drop(self) -> None:
        """Close the connection at once."""

    @property
    def unsent(self) -> int:
        """Bytes of responses that the client has not taken."""

    @property
    def unread(self) -> int:
        """Bytes that the client has sent, and that were not read yet."""


class Lingering:
    """Lingering close: this side is closed, and bytes that the client sends are discarded.

    Args:
        connection: Its responses were written.
    """

    def __init__(
        self, connection: Closing, table: ConnectionTable, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._connection, self._table, self._loop = connection, table, loop
        self._until = loop.time() + table.limits.linger_s
        self._idle_until = loop.time() + table.limits.linger_idle_s
        self._left = table.limits.linger_bytes
        table.lingering[connection] = None
        connection.transport.linger()
        connection.flow.resume_reading()

    def discard(self, size: int) -> None:
        """Discard bytes that the client of a lingering connection has sent, a few at a time."""
        self._idle_until = self._loop.time() + self._table.limits.linger_idle_s
        self._left -= size
        if self._left < 0:
            self._connection.transport.abort()
            return
        self._connection.flow.pause_reading()
        self._loop.call_later(PACE_S * len(self._table.lingering), self._resume)

    def _resume(self) -> None:
        if self._connection in self._table.lingering:  # else it is closed
            self._connection.flow.resume_reading()

    def check(self, now: float) -> None:
        """Close a lingering connection whose client sends too long, or nothing."""
        if now > min(self._until, self._idle_until):
            self._connection.transport.abort()
