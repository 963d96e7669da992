"""Shared listener: accepts on a socket of all workers, so that each has as many connections."""

import asyncio
import ssl as tls
from collections.abc import Callable
from socket import IPPROTO_TCP, TCP_NODELAY, socket
from typing import Any

from api.server.listener import ACCEPTED_AT_ONCE
from api.workers.connection_counts import ABSENT, ConnectionCounts

TURN_S = 0.001
"""Time for which a worker leaves a connection to others that have fewer, in seconds."""

MAX_LEAD = 4
"""Connections of a worker more than of others, up to which it accepts those that wait at once.

One in an iteration of the event loop would let clients wait for seconds where hundreds connect.
"""

WITHOUT_FILES_S = 1.0
"""Pause of accepting where the process has no file left, as asyncio makes it, in seconds."""


class SharedListener:
    """Listener of one worker on a socket that it shares with others.

    The kernel wakes all of them for a connection, mostly in the same order, so that the first one
    would have nearly all connections of a browser or a proxy, which stay open. So a worker that has
    more than another one waits a moment.

    Args:
        factory: Creates the protocol of a connection.
        sock: Socket, bound.
        counts: Open connections of all workers.
        slot: Number of the worker.
        opened: Returns the number of its open connections.

    Attributes:
        sockets: The socket, as `asyncio.Server` has it.
    """

    def __init__(
        self,
        factory: Callable[[], asyncio.Protocol],
        sock: socket,
        counts: ConnectionCounts,
        slot: int,
        opened: Callable[[], int],
    ) -> None:
        self.sockets = (sock,)
        self._factory, self._socket = factory, sock
        self._counts, self._slot, self._opened = counts, slot, opened
        self._loop = asyncio.get_running_loop()
        self._connecting: set[asyncio.Task[Any]] = set()
        self._tls: dict[str, Any] = {}
        self._has_waited = self._is_closed = False

    def listen(
        self,
        backlog: int,
        ssl: tls.SSLContext | None = None,
        ssl_handshake_timeout: float | None = None,
    ) -> None:
        """Begin to accept connections; the arguments are those of `loop.create_server`."""
        if ssl is not None:
            self._tls = {"ssl": ssl, "ssl_handshake_timeout": ssl_handshake_timeout}
        self._socket.setblocking(False)
        self._socket.listen(backlog)
        self._counts.set(self._slot, self._open())
        self._loop.add_reader(self._socket.fileno(), self._accept)

    def _open(self) -> int:
        return self._opened() + len(self._connecting)

    def _accept(self) -> None:
        """Accept connections of the listener, or leave them to others for a moment."""
        if self._lead() > 0 and not self._has_waited:
            self._has_waited = True
            self._pause(TURN_S)
            return
        self._has_waited = False
        for _ in range(ACCEPTED_AT_ONCE):
            if not self._accept_one() or self._lead() >= MAX_LEAD:
                break

    def _lead(self) -> int:
        """Return how many more connections the worker has than the one with the fewest."""
        count = self._open()
        self._counts.set(self._slot, count)
        return count - self._counts.least()

    def _accept_one(self) -> bool:
        """Accept one connection of the listener; return whether it was there."""
        try:
            connection, _ = self._socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError:
            self._pause(WITHOUT_FILES_S)
            return False
        task = self._loop.create_task(self._connect(connection))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return True

    async def _connect(self, connection: socket) -> None:
        """Hand an accepted connection of the listener over to its protocol."""
        connection.setblocking(False)
        connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        try:
            await self._loop.connect_accepted_socket(self._factory, connection, **self._tls)
        except (OSError, TimeoutError):  # a handshake that failed, or took too long
            connection.close()

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._socket.fileno())
        self._loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        if not self._is_closed:
            self._loop.add_reader(self._socket.fileno(), self._accept)

    def close(self) -> None:
        """Stop accepting: other workers with the socket, and connections, go on."""
        if not self._is_closed:
            self._is_closed = True
            self._counts.set(self._slot, ABSENT)
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    async def wait_closed(self) -> None:
        """Wait for the connections that the listener has accepted before it was closed."""
        await asyncio.gather(*self._connecting, return_exceptions=True)
