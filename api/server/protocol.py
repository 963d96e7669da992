"""HTTP/1.1 protocol: one write for each response, no upgrades, a problem for bad syntax."""

import asyncio
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import httptools
import uvicorn.server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.errors.problem import Problem, problem_response

LINGER_S = 30.0
"""Seconds for which bytes of a refused request are discarded before its connection is closed."""


class WriteCoalescingTransport:
    """Transport of the HTTP protocol that joins the writes of one event-loop iteration.

    Head and body of a response are written one after the other. Sent separately, they would cost
    two system calls, and wake the client twice.

    It closes in two steps while a client sends: TCP discards a response that the client has not
    read when bytes arrive at a closed connection (RFC 9112, section 9.6).

    Args:
        transport: Sends the bytes; has every attribute that is not about writing.
        loop: Event loop of the transport.
        is_receiving: Tells whether the client is still sending a request that was answered.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        is_receiving: Callable[[], bool] = bool,
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._is_receiving = is_receiving
        self._pending: list[bytes] = []
        self.is_lingering = False

    def __getattr__(self, name: str) -> Any:
        """Attribute of the transport under an HTTP connection that joins its writes."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send bytes of an HTTP response with the other writes of this event-loop iteration."""
        if not self._pending:
            self._loop.call_soon(self._flush)
        self._pending.append(data)

    def writelines(self, parts: Iterable[bytes]) -> None:
        """Send several buffers of an HTTP response in order, with the writes of this iteration."""
        for part in parts:
            self.write(part)

    def is_closing(self) -> bool:
        """Tell whether no more of an HTTP response can be sent."""
        return self.is_lingering or self._transport.is_closing()

    def close(self) -> None:
        """Send pending bytes of an HTTP response, then close the connection.

        While the client is sending, only this side is closed at first, for at most `LINGER_S`.
        """
        self._flush()
        if self.is_lingering or not (self._is_receiving() and self._transport.can_write_eof()):
            self._transport.close()
            return
        self.is_lingering = True
        self._transport.write_eof()
        self._transport.resume_reading()
        self._loop.call_later(LINGER_S, self._transport.close)

    def _flush(self) -> None:
        pending, self._pending = self._pending, []
        if pending and not self.is_closing():
            self._transport.writelines(pending)


class ServerState(uvicorn.server.ServerState):
    """State of the HTTP protocol that all connections of a server share.

    Attributes:
        draining: Whether the listener will be closed soon: each response ends its connection, so
            that no client sends its next request on a connection that is being closed.
    """

    draining = False


class Protocol(HttpToolsProtocol):
    """Uvicorn's httptools protocol that ignores offers to upgrade and answers bad HTTP with a 400.

    A client may offer another protocol with any request, body included; a server that does not
    want to switch answers as if the offer was not there (RFC 9110, section 7.8). llhttp, under
    httptools, takes the bytes after such a head for the other protocol instead, so that a POST
    loses its body, and a body in a later packet is executed as the next request. So a head with an
    offer is parsed a second time without its `Upgrade` header.
    """

    _offer: bytes | None = None  # the head of a request that offers an upgrade, without the offer

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin an HTTP connection whose writes are joined."""
        coalescing = WriteCoalescingTransport(transport, self.loop, self._is_receiving)
        super().connection_made(coalescing)  # type: ignore[arg-type]

    def _is_receiving(self) -> bool:
        """Tell whether the body of the HTTP request that was answered last is still arriving."""
        cycle = self.cycle
        return cycle is not None and cycle.response_complete and cycle.more_body

    def data_received(self, data: bytes) -> None:
        """Parse received HTTP bytes, also those that follow an ignored offer to upgrade."""
        if self.transport.is_closing():
            return  # the rest of a body that was refused
        self._unset_keepalive_if_required()
        while data:
            self._offer = None
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                if self._offer is None:
                    self.handle_websocket_upgrade()
                    return
                data = self._offer + data[upgrade.args[0] :]
            except httptools.HttpParserError:
                self.send_400_response("Invalid HTTP request received.")
                return
            else:
                return

    def on_headers_complete(self) -> None:
        """Begin the response to an HTTP request, or keep its head where it offers an upgrade."""
        method = self.parser.get_method()
        is_offer = self.parser.should_upgrade() and method != b"CONNECT"
        if not is_offer or self._should_upgrade():
            super().on_headers_complete()
            if getattr(self.server_state, "draining", False):
                self.cycle.keep_alive = False
            return
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s\r\n" % (method, self.url, version)]
        lines += [b"%s: %s\r\n" % each for each in self.headers if each[0] != b"upgrade"]
        self._offer = b"".join((*lines, b"\r\n"))

    def on_message_complete(self) -> None:
        """End the body of an HTTP request; one that offers an upgrade has none yet."""
        if self._offer is None:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the message is uvicorn's own
        """Answer bytes that are not HTTP/1.1 by the problem of a 400, and close the connection."""
        problem = Problem(
            "invalid-request",
            "This is not HTTP/1.1, or its line or headers are too long.",
            headers={"Connection": "close"},
        )
        # By hand: without a parsed request there is no application call that could respond.
        response = problem_response(problem, str(uuid.uuid4()))
        headers = b"".join(b"%s: %s\r\n" % each for each in response.raw_headers)
        body = bytes(response.body)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + headers + b"\r\n" + body)
        self.transport.close()
