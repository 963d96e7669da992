"""A small application behind the real protocol on loopback, and clients that misbehave."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import uvicorn

from api.server.connection_limits import ConnectionLimits
from api.server.protocol import Protocol
from api.server.server_state import ServerState

TENTH = 0.1
WAIT_S = 20.0
"""Longest wait for anything; limits of the server are a tenth of its own, or less."""

IN_TENTHS = replace(
    ConnectionLimits(),
    **{
        one.name: getattr(ConnectionLimits(), one.name) * TENTH  # type: ignore[arg-type]
        for one in fields(ConnectionLimits)
        if one.name.endswith("_s") and one.name != "bytes_per_further_s"
    },
)


class Application:
    """ASGI application that echoes bodies, and has routes that read none, wait or answer large.

    Attributes:
        requests: Method, path and body of each request that was read to its end.
        disconnects: Requests whose client was gone before their body, or their response, ended.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, bytes]] = []
        self.disconnects = 0
        self.started = 0
        self.finished = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise NotImplementedError
        self.started += 1
        try:
            await self._answer(scope, receive, send)
        finally:
            self.finished += 1

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        if path == "/refuse":
            await respond(send, 413, b"too large", close=True)
        elif path == "/busy":
            await respond(send, 503, b"busy", (b"retry-after", b"1"))
        elif path == "/unread":
            await respond(send, 200, b"unread")
        elif path == "/large":
            size = int(scope["query_string"])
            await respond(send, 200, bytes(range(256)) * (size // 256) + bytes(range(size % 256)))
        elif path == "/buffers":
            await self._buffers(send, int(scope["query_string"]))
        elif path == "/stream":
            await self._stream(send)
        elif path == "/fail":
            msg = "a bug"
            raise RuntimeError(msg)
        elif (body := await self._read(receive)) is not None:
            if path == "/slow":
                await asyncio.sleep(0.2)
            self.requests.append((scope["method"], path, body))
            headers = b"&".join(b"%b=%b" % each for each in scope["headers"])
            await respond(send, 200, body or path.encode(), (b"x-fields", headers))

    async def _read(self, receive: Any) -> bytes | None:
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.disconnects += 1
                return None
            body += message["body"]
            if not message["more_body"]:
                return body

    async def _buffers(self, send: Any, size: int) -> None:
        """Send a body of known length in eleven views of one array."""
        headers = [(b"content-length", b"%d" % size)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        view = memoryview(bytes(range(256)) * (size // 256) + bytes(range(size % 256)))
        for number in range(11):
            part = view[number * size // 11 : (number + 1) * size // 11]
            await send({"type": "http.response.body", "body": part, "more_body": number < 10})

    async def _stream(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(3):
            await send(
                {"type": "http.response.body", "body": b"line %d\n" % number, "more_body": True}
            )
        await send({"type": "http.response.body", "body": b""})


async def respond(
    send: Any, status: int, body: bytes, *headers: tuple[bytes, bytes], close: bool = False
) -> None:
    """Send a whole response."""
    given = [(b"content-length", b"%d" % len(body)), *headers]
    if close:
        given.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": given})
    await send({"type": "http.response.body", "body": body})


class Served:
    """Server of the small application in a thread, with limits of connections.

    Attributes:
        state: State that all its connections share.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self.application = Application()
        config = uvicorn.Config(
            self.application,
            http=Protocol,
            ws="none",
            lifespan="off",
            log_level="critical",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._server.server_state = self.state = ServerState(limits)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],))
        self._thread.start()

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        """Open a connection from an address of loopback."""
        return socket.create_connection(
            ("127.0.0.1", self.port), WAIT_S, source_address=(source, 0)
        )

    def stop(self) -> None:
        """Stop the server, and wait for the end of its thread."""
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()

    def ask(self, data: bytes, source: str = "127.0.0.1") -> bytes:
        """Send bytes on a connection of their own; return all that comes back until its end."""
        with self.connect(source) as client:
            client.sendall(data)
            return until_end(client)

    def is_served(self, source: str = "127.0.0.1") -> bool:
        """Tell whether a well-behaved client gets its response."""
        answer = self.ask(get("/echo", b"Connection: close\r\n"), source)
        return answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"/echo")


@contextlib.contextmanager
def served(**limits: Any) -> Iterator[Served]:
    """Serve the small application with limits in tenths, and with those that are given."""
    server = Served(replace(IN_TENTHS, **limits))
    try:
        yield server
    finally:
        server.stop()


def get(path: str, fields: bytes = b"") -> bytes:
    """Bytes of a GET."""
    return b"GET %b HTTP/1.1\r\nHost: x\r\n%b\r\n" % (path.encode(), fields)


def post(path: str, body: bytes, fields: bytes = b"") -> bytes:
    """Bytes of a POST."""
    length = b"Content-Length: %d\r\n" % len(body)
    return b"POST %b HTTP/1.1\r\nHost: x\r\n%b%b\r\n" % (path.encode(), length, fields) + body


def until_end(client: socket.socket) -> bytes:
    """Receive until the server closes the connection, or resets it."""
    received = b""
    client.settimeout(WAIT_S)
    with contextlib.suppress(ConnectionError):
        while part := client.recv(65_536):
            received += part
    return received


def until(client: socket.socket, end: bytes) -> bytes:
    """Receive until the bytes end in some way."""
    received = b""
    client.settimeout(WAIT_S)
    while not received.endswith(end):
        part = client.recv(65_536)
        assert part, received
        received += part
    return received


def wait_for(condition: Any) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


def status(answer: bytes) -> int:
    """Status of the first response in some bytes; 0 where there is none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0
