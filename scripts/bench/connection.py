"""Connection of the load generator: a raw socket that reads status and length of a response."""

import re
import socket
import time

# One buffer for all connections, as a single thread reads from one at a time.
BUFFER = bytearray(1 << 20)
VIEW = memoryview(BUFFER)
LENGTH = re.compile(rb"(?i)\r\ncontent-length:[ \t]*(\d+)")
CLOSE = re.compile(rb"(?i)\r\nconnection:[ \t]*close\b")
HEAD_END = b"\r\n\r\n"


class Connection:
    """Load generator's keep-alive connection with at most one request in flight.

    Attributes:
        since: When that request was sent, or should have been, by `time.perf_counter`.
        sent: When it was sent.
        free_since: When the connection was opened, or the last answer was whole.
        closes: Whether the last answer ends the connection.
        status: Of the last answer.
        received: Bytes of the answer so far, head included.
        body: The answer's body, where it is kept.
    """

    __slots__ = (
        *("_head", "_keep", "_left", "body", "busy", "closes"),
        *("free_since", "received", "sent", "since", "socket", "status"),
    )

    def __init__(self, port: int, *, keep: bool = False, source: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), source_address=(source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.busy = self.closes = False
        self.since = self.sent = 0.0
        self.free_since = time.perf_counter()
        self.status = self.received = self._left = 0
        self._keep, self._head, self.body = keep, b"", bytearray()

    def send(self, request: bytes, since: float) -> None:
        """Send a request of the load generator, whole; it fits into a socket's buffer.

        Raises:
            OSError: The server has closed the connection.
        """
        self.busy, self.since, self.sent = True, since, time.perf_counter()
        self.received, self._left, self._head = 0, -1, b""
        self.body.clear()
        if self.socket.send(request) != len(request):
            raise BlockingIOError

    def receive(self) -> bool:
        """Read bytes that the load generator's connection has received; return whether that is all.

        Raises:
            OSError: The server has closed the connection, or sends no Content-Length, or bytes
                that were not asked for.
        """
        # MSG_TRUNC makes the kernel discard and count a body that is not kept, without a copy.
        dropped = self._left > 0 and not self._keep
        count = self.socket.recv_into(BUFFER, 0, socket.MSG_TRUNC if dropped else 0)
        # A 408 to a connection without a request ends it like its close.
        if count == 0 or not self.busy:
            raise ConnectionResetError
        self.received += count
        if self._left >= 0:
            self._left -= count
            if self._keep:
                self.body += VIEW[:count]
        else:
            self._read_head(count)
        self.busy = self._left != 0
        if not self.busy:
            self.free_since = time.perf_counter()
        return not self.busy

    def _read_head(self, count: int) -> None:
        self._head += VIEW[:count]
        end = self._head.find(HEAD_END)
        if end < 0:
            return
        length = LENGTH.search(self._head, 0, end)
        if length is None:
            raise ConnectionAbortedError
        self.status = int(self._head[9:12])
        self.closes = CLOSE.search(self._head, 0, end) is not None
        self._left = end + len(HEAD_END) + int(length[1]) - len(self._head)
        if self._keep:
            self.body += self._head[end + len(HEAD_END) :]
