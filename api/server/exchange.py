"""Exchange of an HTTP connection: one request and its response, between socket and application."""

import asyncio
import logging
from typing import Protocol

from starlette.types import ASGIApp, Message, Scope
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.server import ServerState

from api.server.connection_limits import ConnectionLimits
from api.server.refusal_pacing import REFUSED_STATUSES, RefusalPacing
from api.server.request_head import WITHOUT_BODY, RequestHead
from api.server.response_head import Framing, encode_head
from api.server.transport import WriteCoalescingTransport

logger = logging.getLogger("uvicorn.error")

HIGH_WATER = 65_536
"""Bytes of a body that wait for the application before the connection is not read further."""

SLICE = 262_144
"""Bytes of a body that are handed to the system at once: others are served between two slices."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Owner(Protocol):
    """HTTP connection of an exchange, as the exchange sees it."""

    transport: WriteCoalescingTransport
    flow: FlowControl
    limits: ConnectionLimits
    refusals: RefusalPacing
    server_state: ServerState

    def end_exchange(self) -> None:
        """Go on to the next request: this one has its whole response."""


class Exchange:
    """Exchange of one HTTP request and its response, as an ASGI application reads and sends them.

    Args:
        owner: Connection that the request came on.
        head: Head of the request.
        keep_alive: Whether the connection goes on after the response.

    Attributes:
        body: Bytes of the request's body that the application has not read.
        more_body: Whether the body is still arriving.
        disconnected: Whether no response is sent any more.
        response_started: Whether the head of the response was sent.
        response_complete: Whether all of the response was sent.
    """

    def __init__(self, owner: Owner, head: RequestHead, scope: Scope, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.body = bytearray()
        self.more_body = True
        self.disconnected = self.response_started = self.response_complete = False
        self._owner, self._scope = owner, scope
        self._is_head, self._is_old = head.method == b"HEAD", head.version == "1.0"
        self._expects_continue = head.expects_continue and not self._is_old
        self._is_read = head.method not in WITHOUT_BODY
        self._missing = head.content_length  # bytes of the body that have not arrived
        self._has_news = asyncio.Event()
        self._arrived = asyncio.get_running_loop().time()
        self._framing, self._unsent = Framing.NONE, 0
        self._sliced = 0

    @property
    def rest(self) -> int:
        """Bytes of the response's body that wait for those before them."""
        # The application may hold buffers of a body with a Content-Length that it has not sent.
        return self._unsent if self._framing is Framing.LENGTH else self._sliced

    def start(self, app: ASGIApp, tasks: set["asyncio.Task[None]"]) -> None:
        """Start the application for the request of this exchange, unless its client is gone.

        Args:
            tasks: Tasks of the server's requests, which has it until its end.
        """
        if self.disconnected:
            return
        task = asyncio.get_running_loop().create_task(self.run(app))
        task.add_done_callback(tasks.discard)
        tasks.add(task)

    async def run(self, app: ASGIApp) -> None:
        """Run the application for the request of this exchange, and see to it that it responds."""
        try:
            await app(self._scope, self.receive, self.send)
        except Exception:
            logger.exception("Exception in ASGI application")
        finally:
            await self._finish()

    async def _finish(self) -> None:
        """Respond with a 500 where the application did not; cut a response that is not whole."""
        if self.disconnected or self.response_complete:
            return
        if self.response_started:
            self._cut()
            return
        body = b"Internal Server Error"
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    def _cut(self) -> None:
        """End the connection within a response, at once where its client takes none of it."""
        self.disconnect()
        if self._owner.flow.write_paused:
            self._owner.transport.abort()  # a close would wait for the client to take the rest
        else:
            self._owner.transport.close()

    @property
    def path(self) -> str:
        """Path of the request of this exchange, decoded."""
        path: str = self._scope["path"]
        return path

    def arrived(self, data: bytes) -> None:
        """Take bytes of the request's body, and let the connection pause if too many wait."""
        self._expects_continue = False
        if self._missing is not None:
            self._missing -= len(data)
        if self.response_complete or not self._is_read:
            return
        self.body += data
        if len(self.body) > HIGH_WATER:
            self._owner.flow.pause_reading()
        self._has_news.set()

    def arrived_whole(self) -> None:
        """Take the end of the request's body."""
        self.more_body = False
        self._has_news.set()

    def disconnect(self) -> None:
        """Tell the application that its client is gone, and send nothing more."""
        self.disconnected = True
        self._has_news.set()

    async def receive(self) -> Message:
        """Receive the next part of the request's body, or its client's disconnection (ASGI)."""
        if self._expects_continue:
            self._expects_continue = False
            if not self._owner.transport.is_closing():
                self._owner.transport.write(CONTINUE)
        if not self.disconnected and not self.response_complete:
            self._owner.flow.resume_reading()
            await self._has_news.wait()
            self._has_news.clear()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def send(self, message: Message) -> None:
        """Send a part of the response (ASGI), and wait while its client takes too little of it.

        It returns when the client has taken all but some 64 KiB, or is gone: as long as it waits,
        so does whatever the application holds for the response.
        """
        flow = self._owner.flow
        if message.get("status") in REFUSED_STATUSES:
            await self._owner.refusals.pause(self._arrived)
        if flow.write_paused and not self.disconnected:
            await flow.drain()
        if self.disconnected:
            return
        if self.response_complete:
            msg = "the response is complete already"
            raise RuntimeError(msg)
        if not self.response_started:
            self._send_head(message)
        else:
            rest = await self._send_slices(message.get("body", b""))
            if not self.disconnected:
                self._send_body(rest, more=message.get("more_body", False))
        if flow.write_paused:
            await flow.drain()

    async def _send_slices(self, body: bytes) -> bytes | memoryview:
        """Send a large body but for its last slice, which is returned; others run in between."""
        if len(body) <= SLICE:
            return body
        rest, flow = memoryview(body), self._owner.flow
        self._owner.transport.note_unsent()
        while len(rest) > SLICE and not self.disconnected:
            self._send_body(rest[:SLICE], more=True)
            rest = rest[SLICE:]
            self._sliced = len(rest)
            await (flow.drain() if flow.write_paused else asyncio.sleep(0))
        self._sliced = 0
        return rest

    def _send_head(self, message: Message) -> None:
        """Send the head of the response."""
        headers = [*self._owner.server_state.default_headers, *message.get("headers", ())]
        head = encode_head(
            message["status"],
            headers,
            is_head=self._is_head,
            is_old=self._is_old,
            keep_alive=self.keep_alive and self._has_small_rest,
        )
        self.response_started, self._expects_continue = True, False
        self.keep_alive, self._framing, self._unsent = head.keep_alive, head.framing, head.length
        self._owner.transport.write(head.content)

    @property
    def _has_small_rest(self) -> bool:
        """Whether so little of the request's body is missing that it is read after the response."""
        if not self.more_body or self._missing == 0:
            return True
        # A client that waits for 100 Continue may send its body after the response, or may not.
        if self._expects_continue or self._missing is None:
            return False
        return self._missing <= self._owner.limits.small_rest

    def _send_body(self, body: bytes | memoryview, *, more: bool) -> None:
        """Send a part of the response's body; after its last one the exchange is complete."""
        transport = self._owner.transport
        match self._framing:
            case Framing.CHUNKED:
                chunk = b"%x\r\n%b\r\n" % (len(body), bytes(body)) if body else b""
                transport.write(chunk if more else chunk + b"0\r\n\r\n")
            case Framing.LENGTH:
                self._count(len(body), more=more)
                transport.write(body)
            case Framing.CLOSE:
                transport.write(body)
        if not more:
            self.response_complete = True
            self._has_news.set()
            self._owner.end_exchange()

    def _count(self, sent: int, *, more: bool) -> None:
        """Compare the bytes of the response's body with its Content-Length.

        Raises:
            RuntimeError: There are more, or fewer at its end.
        """
        self._unsent -= sent
        if self._unsent < 0 or (self._unsent and not more):
            msg = "the body of the response is not as long as its Content-Length"
            raise RuntimeError(msg)
