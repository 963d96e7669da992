"""Transport of an HTTP connection: one write for each response, and a close in two steps."""

import asyncio
import socket
import struct
import sys
from collections.abc import Callable, Iterable
from typing import Any

LARGE_WRITE = 65_536
"""Bytes of a write that are sent at once: joining it with others would gain nothing."""

RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""SO_LINGER without time: a close discards bytes that the client has not taken."""

UNREAD = UNACKNOWLEDGED = 0
"""Numbers by which the system is asked for the bytes in a socket's queues; 0 where it has none."""

if sys.platform == "linux":
    import fcntl
    import termios

    UNREAD, UNACKNOWLEDGED = termios.FIONREAD, termios.TIOCOUTQ


class WriteCoalescingTransport:
    """Transport of the HTTP protocol that joins the writes of one event-loop iteration.

    Head and body of a response are written one after the other. Sent separately, they would cost
    two system calls, and wake the client twice.

    Args:
        transport: Sends the bytes; has every attribute that is not about writing.
        loop: Event loop of the transport.
        note_unsent: Called when the system has not taken all bytes.

    Attributes:
        is_lingering: Whether this side is closed, and bytes of the client are discarded.
        note_unsent: As above.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        note_unsent: Callable[[], object] = bool,
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._pending: list[bytes | memoryview] = []
        self._written = 0
        self.is_lingering = False
        self.note_unsent = note_unsent

    def __getattr__(self, name: str) -> Any:
        """Attribute of the transport under an HTTP connection that joins its writes."""
        return getattr(self._transport, name)

    def write(self, data: bytes | memoryview) -> None:
        """Send bytes of an HTTP response with the other writes of this event-loop iteration."""
        if not self._pending:
            self._loop.call_soon(self.flush)
        self._pending.append(data)
        if len(data) >= LARGE_WRITE:
            self.flush()  # so that a client that does not read pauses the writer at once

    def writelines(self, parts: Iterable[bytes | memoryview]) -> None:
        """Send several buffers of an HTTP response in order, with the writes of this iteration."""
        for part in parts:
            self.write(part)

    def flush(self) -> None:
        """Hand pending bytes of HTTP responses to the system."""
        pending, self._pending = self._pending, []
        if pending and not self.is_closing():
            self._written += sum(map(len, pending))
            self._transport.writelines(pending)
            if self.unsent:
                self.note_unsent()

    def is_closing(self) -> bool:
        """Tell whether no more of an HTTP response can be sent."""
        return self.is_lingering or self._transport.is_closing()

    @property
    def unsent(self) -> int:
        """Bytes of HTTP responses that the system has not taken."""
        return self._transport.get_write_buffer_size()

    @property
    def unread(self) -> int:
        """Bytes of HTTP requests that wait in the system; 0 where it does not say."""
        return self._in_system(UNREAD)

    @property
    def taken(self) -> int:
        """Bytes of HTTP responses that the client's system has acknowledged."""
        return self._written - self.unsent - self._in_system(UNACKNOWLEDGED)

    def _in_system(self, queue: int) -> int:
        """Bytes in one of the system's queues of the socket; 0 where the system does not say."""
        connection = self._transport.get_extra_info("socket")
        if connection is None or sys.platform != "linux":
            return 0
        try:
            found = fcntl.ioctl(connection.fileno(), queue, bytes(4))
        except OSError:
            return 0
        return int.from_bytes(found, sys.byteorder)

    def linger(self) -> None:
        """Send pending bytes of an HTTP response, then close this side of the connection only.

        TCP discards a response that the client has not read when bytes arrive at a closed
        connection (RFC 9112, section 9.6). So they are read until the client closes its side.
        """
        self.flush()
        if self.is_closing():
            return
        self.is_lingering = True
        # TLS has no such half-closed state: its client closes when it has the whole response.
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def close(self) -> None:
        """Send pending bytes of an HTTP response, then close the connection."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close the HTTP connection at once, and discard bytes that its client has not taken."""
        connection = self._transport.get_extra_info("socket")
        # Without this the system would keep its part of a response until the client takes it.
        if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._transport.abort()
