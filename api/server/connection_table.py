"""Table of open HTTP connections: their number by address, the idle ones, and one timer for all."""

import asyncio
from collections import Counter
from typing import Protocol

from api.server.connection_limits import ConnectionLimits
from api.server.start_queue import StartQueue

REFUSED_FILES = 32
"""File descriptors for refused connections, whose clients read the refusal, besides all others.

Half of those that connections leave to the rest of the process.
"""


class Connection(Protocol):
    """HTTP connection as its table sees it.

    Attributes:
        address: Address of its client, as `address_of` returns it.
    """

    address: str

    def check(self, now: float) -> None:
        """Close the connection, or refuse its request, where a time has passed."""

    def drop(self) -> None:
        """Close an idle or refused connection at once."""

    @property
    def unsent(self) -> int:
        """Bytes of responses that the connection's client has not taken."""

    @property
    def unread(self) -> int:
        """Bytes that the connection's client has sent, and that were not read yet."""


class ConnectionTable:
    """Table of the open HTTP connections of a server. Of one event loop.

    One timer checks the times of all connections: a timer of each would be set twice in each
    request.

    Attributes:
        limits: Limits of connections.
        idle: Connections without a request, in the order in which they became idle, with the time
            from which each may be closed to make room.
        lingering: Connections that discard the rest of a refused request.
        refusals: Number of refusals by the kind of their problem.
        starts: Requests that wait to begin.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self.idle: dict[Connection, float] = {}
        self.lingering: dict[Connection, None] = {}
        self.refusals: Counter[str] = Counter()
        self.starts = StartQueue()
        self._open: dict[Connection, None] = {}
        self._refused: dict[Connection, None] = {}
        self._with_unsent: dict[Connection, None] = {}
        self._of_address: Counter[str] = Counter()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due = 0.0
        self._has_skipped = False

    def __len__(self) -> int:
        """Number of open connections, refused ones not counted."""
        return len(self._open)

    @property
    def unsent(self) -> int:
        """Bytes of responses that the clients of all connections have not taken."""
        found = 0
        for one in tuple(self._with_unsent):
            if nbytes := one.unsent:
                found += nbytes
            else:
                del self._with_unsent[one]
        return found

    def note_unsent(self, connection: Connection) -> None:
        """Note that a connection has bytes of a response that its client has not taken yet."""
        if connection in self._open:
            self._with_unsent[connection] = None

    def admit(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> bool:
        """Add a connection to the table, unless there are as many as are allowed.

        Idle connections make room: the oldest of the same address, or the oldest of all.

        Returns:
            Whether it was added; a refused one is checked by the timer all the same.
        """
        if self._loop is None:
            self._loop = loop
            self._arm()
        address = connection.address
        is_admitted = self._has_room_for(address) and self._has_room()
        if is_admitted:
            self._open[connection] = None
            self._of_address[address] += 1
        else:
            self._refused[connection] = None
        self._close_refused()
        return is_admitted

    def _has_room_for(self, address: str) -> bool:
        """Tell whether the address may have one more connection; drop an idle one of its own."""
        if self._of_address[address] < self.limits.of_address(address):
            return True
        return self._drop(self._oldest_idle(address))

    def _has_room(self) -> bool:
        """Tell whether there may be one more connection; drop the oldest idle one for it."""
        return len(self._open) < self.limits.connections or self._drop(self._oldest_idle())

    def _oldest_idle(self, address: str | None = None) -> Connection | None:
        """Return the connection that has been idle for longest, of one address or of all.

        One whose first request is on its way is not idle: it would be lost.
        """
        assert self._loop is not None  # noqa: S101 - set with the first connection
        now = self._loop.time()
        for one, since in self.idle.items():
            if since <= now and address in (None, one.address) and not (one.unsent or one.unread):
                return one
        return None

    def _drop(self, connection: Connection | None) -> bool:
        if connection is None:
            return False
        self.remove(connection)
        connection.drop()
        return True

    def _close_refused(self) -> None:
        """Close the oldest refused connection where all together take too many file descriptors."""
        # A reset would discard the refusal before its client has read it: only where it must be.
        if len(self._open) + len(self._refused) > self.limits.connections + REFUSED_FILES:
            self._drop(next(iter(self._refused)))

    def remove(self, connection: Connection) -> None:
        """Remove a connection from the table; one that is not in it is ignored."""
        for group in (self.idle, self.lingering, self._refused, self._with_unsent):
            group.pop(connection, None)
        if connection not in self._open:
            return
        del self._open[connection]
        address = connection.address
        self._of_address[address] -= 1
        if not self._of_address[address]:
            del self._of_address[address]

    def _arm(self) -> None:
        """Set the timer of all connections."""
        assert self._loop is not None  # noqa: S101 - set with the first connection
        self._due = self._loop.time() + self.limits.tick_s
        self._loop.call_at(self._due, self._check)

    def _check(self) -> None:
        """Check the times of all connections, while there are any."""
        assert self._loop is not None  # noqa: S101 - set with the first connection
        now, due = self._loop.time(), self._due
        if not (self._open or self._refused):
            self._loop = None
            return
        self._arm()
        # After a pause of the event loop bytes may wait that it has not read yet: they go first.
        if now - due > self.limits.tick_s and not self._has_skipped:
            self._has_skipped = True
            return
        self._has_skipped = False
        for connection in (*self._open, *self._refused):
            connection.check(now)
