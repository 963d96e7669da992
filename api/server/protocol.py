"""HTTP/1.1 protocol: requests within the limits of their connection, answered one by one."""

import asyncio
from collections import deque
from functools import partial
from typing import Any

import httptools
import uvicorn.server
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl

from api.access.addresses import address_of
from api.errors.problem import Problem
from api.server.arrival import BODY, HEAD, REST, Arrival
from api.server.exchange import Exchange
from api.server.lingering import Lingering
from api.server.refusal import encode_refusal, too_many_connections
from api.server.refusal_pacing import RefusalPacing
from api.server.request_head import (
    Fields,
    RequestHead,
    bad_request,
    head_too_large,
    url_too_long,
)
from api.server.server_state import table_of
from api.server.transport import WriteCoalescingTransport
from api.server.write_progress import WriteProgress

NOT_HTTP = "This is not HTTP/1.1, or its line or headers are not valid."


class _RefusedError(Exception):
    """Refusal of a request by a callback of the parser."""


class Protocol(asyncio.Protocol):
    """HTTP/1.1 protocol of one connection, with limits of its bytes, times and rates.

    A client may offer another protocol with any request, body included; a server that does not
    want to switch answers as if the offer was not there (RFC 9110, section 7.8). llhttp, under
    httptools, takes the bytes after such a head for the other protocol instead, so that a POST
    loses its body, and a body in a later packet is executed as the next request. So a head with an
    offer is parsed a second time without its `Upgrade` header.

    Args:
        config: Of uvicorn's server; names the application.
        server_state: State that all connections share.
        app_state: State of the application's lifespan.
        _loop: Event loop of the connection.

    Attributes:
        address: Address of the client that limits of connections count.
        limits: Limits of connections.
    """

    transport: WriteCoalescingTransport
    flow: FlowControl
    address = ""

    def __init__(
        self,
        config: Config,
        server_state: uvicorn.server.ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        self._app, self._config, self._app_state = config.loaded_app, config, app_state
        self._loop = _loop or asyncio.get_event_loop()
        self.server_state, self._table = server_state, table_of(server_state)
        self.limits = self._table.limits
        self._parser = httptools.HttpRequestParser(self)
        # Bytes after a request that ends the connection are ignored: it is answered all the same.
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._running: Exchange | None = None  # whose response is being made
        self._last: Exchange | None = None  # whose head has arrived last
        self._waiting: deque[Exchange] = deque()
        self._url, self._fields = b"", Fields()
        self._offer: bytes | None = None  # head with an offer to upgrade, without the offer
        self._fault: Problem | None = None  # of the request that is being parsed
        self._refusal: Problem | None = None  # sent after the responses before it
        self._has_stopped = False  # whether no more requests are parsed
        self._lingering: Lingering | None = None
        self._progress = WriteProgress()
        self.refusals = RefusalPacing()

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin an HTTP connection, or refuse it where too many are open."""
        self.transport = WriteCoalescingTransport(
            transport, self._loop, partial(self._table.note_unsent, self)
        )
        self.flow = FlowControl(self.transport)  # type: ignore[arg-type]
        client = get_remote_addr(transport)
        self.address = address_of(client[0]) if client else ""
        self._connection_scope = {
            "type": "http",
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.3"},
            "server": get_local_addr(transport),
            "client": client,
            "scheme": "https" if is_ssl(transport) else "http",
            "root_path": self._config.root_path,
        }
        self._arrival = Arrival(self._loop.time())
        self.server_state.connections.add(self)  # type: ignore[arg-type]
        if self._table.admit(self, self._loop):
            self._table.idle[self] = self._loop.time() + self.limits.fresh_s
        else:
            self._has_stopped = True
            self._refusal = too_many_connections(self.limits, self.address)
            self._send_refusal()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the HTTP connection, and the requests that were not answered."""
        self.server_state.connections.discard(self)
        self._table.remove(self)
        if self._running is not None:
            self._running.disconnect()
        if self._last is not None:
            self._last.disconnect()
        self._waiting.clear()
        self.flow.resume_writing()
        if exc is None:
            self.transport.close()
        del self._parser  # it and this protocol hold each other, as do the next two
        self.transport.note_unsent = bool

    def pause_writing(self) -> None:
        """Pause the response on this HTTP connection: its client takes too little of it."""
        self.flow.pause_writing()

    def resume_writing(self) -> None:
        """Go on with the response on this HTTP connection."""
        self.flow.resume_writing()

    @property
    def unsent(self) -> int:
        """Bytes of responses that the client of this HTTP connection has not taken."""
        return self.transport.unsent + (self._running.rest if self._running else 0)

    @property
    def unread(self) -> int:
        """Bytes that the client of this HTTP connection has sent, and that were not read yet."""
        return self.transport.unread

    def shutdown(self) -> None:
        """End the HTTP connection of a server that stops: now, or after its last response."""
        if self._running is None:
            self.transport.close()
        elif self._last is not None:
            self._last.keep_alive = False

    def drop(self) -> None:
        """Close an HTTP connection without a request, or a refused one, at once."""
        if self.transport.is_lingering or self.transport.unsent:
            self.transport.abort()
        else:
            self.transport.close()

    # Bytes of requests

    def data_received(self, data: bytes) -> None:
        """Parse received HTTP bytes, no further than the limits of a head."""
        if self._lingering is not None:
            self._lingering.discard(len(data))
            return
        if self._has_stopped:
            self.flow.pause_reading()  # until the responses before the refused request are sent
            return
        arrival = self._arrival
        if arrival.phase == REST:
            self._table.idle.pop(self, None)
            arrival.begin_head(self._loop.time(), is_first=self._last is None)
        room = self.limits.head_bytes - arrival.head_bytes
        if arrival.phase == HEAD and len(data) <= room:
            self._parse(data)
            return
        view = memoryview(data)
        while view and not self._has_stopped:
            room = self.limits.head_bytes - arrival.head_bytes
            piece = view if arrival.phase == BODY else view[:room]
            self._parse(piece)
            view = view[len(piece) :]
            if arrival.phase != BODY and arrival.head_bytes >= self.limits.head_bytes:
                self._refuse(head_too_large(self.limits))

    def _parse(self, data: bytes | memoryview) -> None:
        """Parse HTTP bytes, also those that follow an ignored offer to upgrade."""
        arrival, last, arrived = self._arrival, self._last, self._arrival.body_bytes
        phase = arrival.phase
        size, self._offer = len(data), None
        try:
            while (rest := self._parse_to_offer(data)) is not None:
                data, self._offer = rest, None
        except httptools.HttpParserError:
            self._refuse(self._fault or bad_request(NOT_HTTP))
            return
        # In packets in which one message ended and the next began, its first bytes do not count.
        if arrival.phase == HEAD and phase != BODY and self._last is last:
            arrival.head_bytes += size
        elif arrival.phase == BODY and self._last is last:
            arrival.count_framing(size, arrival.body_bytes - arrived)
            if arrival.quiet_bytes > self.limits.head_bytes:
                self._refuse(head_too_large(self.limits))

    def _parse_to_offer(self, data: bytes | memoryview) -> bytes | None:
        """Parse HTTP bytes as far as an offer to upgrade; return them from its head on, if any.

        Raises:
            httptools.HttpParserError: The bytes are not valid, or a callback refused them.
        """
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._offer is None:
                raise httptools.HttpParserError from upgrade  # CONNECT
            return self._offer + data[upgrade.args[0] :]
        return None

    # Callbacks of the parser

    def on_message_begin(self) -> None:
        """Begin to collect the head of an HTTP request."""
        if self._arrival.phase == REST:  # after another request in the same packet
            self._table.idle.pop(self, None)
            self._arrival.begin_head(self._loop.time(), is_first=False)
        self._url, self._fields = b"", []

    def on_url(self, url: bytes) -> None:
        """Take a part of the URL of an HTTP request."""
        self._url += url
        if len(self._url) > self.limits.url_bytes:
            self._fail(url_too_long(self.limits))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field of an HTTP request; blanks around the value are no part of it."""
        self._fields.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """Begin the response to an HTTP request, or keep its head where it offers an upgrade."""
        parser = self._parser
        head = RequestHead.of(
            parser.get_method(), self._url, parser.get_http_version(), self._fields
        )
        if (fault := head.fault(self.limits)) is not None:
            self._fail(fault)
        self._fields = []  # of trailers, which are no header fields of this request
        if parser.should_upgrade() and head.method != b"CONNECT":
            self._offer = head.without_upgrade()
            return
        if len(self._waiting) >= self.limits.pipelined:
            # What follows is not parsed; its client sends it again on another connection.
            self._waiting[-1].keep_alive, self._has_stopped = False, True
            raise _RefusedError
        keep_alive = parser.should_keep_alive() and not getattr(
            self.server_state, "draining", False
        )
        scope = self._connection_scope | head.scope(self._config.root_path)
        scope["state"] = self._app_state.copy()
        self._arrival.begin_body(self._loop.time())
        self._begin(Exchange(self, head, scope, keep_alive=keep_alive))

    def on_body(self, body: bytes) -> None:
        """Take a part of the body of an HTTP request."""
        assert self._last is not None  # noqa: S101 - a head came before
        self._arrival.body_bytes += len(body)
        self._last.arrived(body)

    def on_message_complete(self) -> None:
        """End the body of an HTTP request; one that offers an upgrade has none yet."""
        if self._offer is not None:
            return
        assert self._last is not None  # noqa: S101 - a head came before
        self._arrival.end(self._loop.time())
        self._last.arrived_whole()
        if self._running is None:
            self._table.idle[self] = 0.0

    def _fail(self, problem: Problem) -> None:
        """Let the parser fail with a problem of the request that it parses."""
        self._fault = problem
        raise _RefusedError

    # Requests and their responses

    def _begin(self, exchange: Exchange) -> None:
        """Begin the response to an HTTP request, or let it wait for those before it."""
        self._last = exchange
        if self._running is None:
            self._run(exchange)
        else:
            self.flow.pause_reading()
            self._waiting.append(exchange)

    def _run(self, exchange: Exchange) -> None:
        """Run the application for an HTTP request, when it is the turn of its client."""
        self._running = exchange
        start = partial(exchange.start, self._app, self.server_state.tasks)
        self._table.starts.add(self.address, exchange.path, start)

    def end_exchange(self) -> None:
        """Go on to the next request of the HTTP connection, or close it."""
        exchange, self._running = self._running, None
        assert exchange is not None  # noqa: S101 - it calls this
        self.server_state.total_requests += 1
        if not exchange.keep_alive:
            self._waiting.clear()
            self._end(is_receiving=exchange.more_body or self._has_stopped)
            return
        self.flow.resume_reading()
        if self._waiting:
            self._run(self._waiting.popleft())
        elif self._refusal is not None:
            self._send_refusal()
        elif self._arrival.phase == REST:
            self._arrival.since = self._loop.time()
            self._table.idle[self] = 0.0

    # Refusals

    def _refuse(self, problem: Problem) -> None:
        """Refuse the request that is arriving, after the responses to those before it.

        No more requests of the connection are parsed.
        """
        if self._has_stopped:
            return
        self._has_stopped = True
        if self._arrival.phase == BODY and not self._give_up():
            return
        self._refusal = problem
        if self._running is None:
            self._send_refusal()

    def _give_up(self) -> bool:
        """Give up the request whose body is arriving; return whether it can still be answered."""
        last = self._last
        assert last is not None  # noqa: S101 - its body is arriving
        if last.response_complete:
            self._end(is_receiving=True)
            return False
        if last.response_started:
            self.transport.abort()
            return False
        last.disconnect()
        if self._waiting:
            self._waiting.pop()
        else:
            self._running = None
        return True

    def _send_refusal(self) -> None:
        """Send the problem of a refusal, and close the HTTP connection."""
        problem, self._refusal = self._refusal, None
        assert problem is not None  # noqa: S101 - it was set before
        self._table.refusals[problem.kind] += 1
        self.transport.write(encode_refusal(problem, self.server_state.default_headers))
        self._end(is_receiving=True)

    def _end(self, *, is_receiving: bool) -> None:
        """Close the HTTP connection, in two steps where its client is sending."""
        self._has_stopped = True
        if not is_receiving:
            self.transport.close()
            return
        self._lingering = Lingering(self, self._table, self._loop)

    # Times

    def check(self, now: float) -> None:
        """Close the HTTP connection, or refuse its request, where a time has passed."""
        if self._lingering is not None:
            self._lingering.check(now)
            return
        if self.unsent:
            if self._arrival.phase == REST:
                self._arrival.since = now  # the client has not had its response yet
            if self._progress.is_stalled(self.transport.taken, now, self.limits):
                self.transport.abort()
            return
        self._progress.reset()
        if not self._has_stopped:
            self._check_arrival(now)

    def _check_arrival(self, now: float) -> None:
        """Refuse a request that arrives too slowly, and close a connection that is idle."""
        arrival = self._arrival
        if self.flow.read_paused:
            arrival.pause(self.limits.tick_s)
        elif arrival.phase != REST or self._last is None:
            if (problem := arrival.late(now, self.limits)) is not None:
                self._refuse(problem)
        elif self._running is None and now - arrival.since > self.limits.idle_s:
            self.transport.close()
