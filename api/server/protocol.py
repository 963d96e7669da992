"""HTTP on the wire: an answer leaves in one piece, and what is not HTTP is refused as a problem."""

import asyncio
import uuid
from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.errors.problem import Problem, problem_response


class WriteCoalescingTransport:
    """A transport that sends what is written in one go of the event loop as one piece.

    An answer's head and body are written one after the other. Sent so, they would be two calls of
    the system, and wake whoever waits for them twice.

    Args:
        transport: Sends; whatever is not about writing is asked of it.
        loop: The event loop of both.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        """Return whatever the transport itself has by this name."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send bytes, together with what else is written before the event loop goes on."""
        if not self._held:
            self._loop.call_soon(self._send)
        self._held.append(data)

    def writelines(self, parts: Iterable[bytes]) -> None:
        """Send some bytes after others, as `write` does."""
        for part in parts:
            self.write(part)

    def close(self) -> None:
        """Send what is held, then close."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        held, self._held = self._held, []
        if held and not self._transport.is_closing():
            self._transport.writelines(held)


class Protocol(HttpToolsProtocol):
    """Uvicorn's protocol, but for the one answer that it writes itself, and how all are sent."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin with a new connection."""
        super().connection_made(WriteCoalescingTransport(transport, self.loop))  # type: ignore[arg-type]

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the message is uvicorn's own
        """Answer what cannot be parsed with a problem, and close the connection."""
        problem = Problem(
            "invalid-request",
            "This is not HTTP/1.1, or its line or headers are too long.",
            headers={"Connection": "close"},
        )
        response = problem_response(problem, str(uuid.uuid4()))
        headers = b"".join(b"%s: %s\r\n" % each for each in response.raw_headers)
        body = bytes(response.body)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + headers + b"\r\n" + body)
        self.transport.close()
