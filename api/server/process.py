"""Server process: uvicorn's server with draining, announcements and interpreter settings."""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from api import STARTED
from api.inference.engine import Engine
from api.server.announcements import (
    announce_analyses,
    announce_exposure,
    announce_listening,
    announce_ready,
)
from api.server.connection_limits import ConnectionLimits
from api.server.hang_ups import HangUps
from api.server.interpreter import SWITCH_INTERVAL_S, tune_garbage_collection
from api.server.listener import duplicated, reason
from api.server.protocol import Protocol
from api.server.server_state import ServerState
from api.server.signal_handlers import handle_signal
from api.server.stopping import announce_draining, announce_stopped
from api.server.tls_handshake import limit_handshakes
from api.settings import Settings

logger = logging.getLogger("lightwell")

GRACEFUL_S = 10
"""Seconds from closing the listener until the server process cancels requests in flight."""

STREAM_END_S = 1
"""Seconds before a stopping server process cancels its streams at which they end by a problem."""

LAST_REQUEST_S = 0.1
"""Seconds between the closing of the listener and that of connections without a request."""


class Server(uvicorn.Server):
    """Server process by uvicorn, which drains on SIGTERM or SIGINT before it stops.

    From the signal on `/readyz` fails, and responses end their connections, so that a load balancer
    and its clients go elsewhere; requests are answered. After `drain_s` the listener is closed, and
    requests in flight are finished. A second signal stops the server at once. On SIGHUP it loads
    replaced files of the user's networks.

    Args:
        app: The application that `config` serves.
        settings: Those of the server.
        made_up: Token to print, which no user has set; None without one.
        hang_ups: Those of the process; None leaves SIGHUP as it is.
        announced_since: When the server was started, by `time.monotonic`, for the lines that it
            prints; None prints none.

    Attributes:
        failed: Whether the models could not be compiled.
        settled: Whether everything is compiled, or has failed to be.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        app: FastAPI,
        settings: Settings,
        made_up: str | None,
        hang_ups: HangUps | None,
        *,
        announced_since: float | None = STARTED,
    ) -> None:
        super().__init__(config)
        limits = ConnectionLimits.of(app.state.settings, app.state.processes)
        self.server_state = self._state = ServerState(limits)
        self._engine: Engine = app.state.engine
        self._settings, self._made_up, self._hang_ups = settings, made_up, hang_ups
        app.state.announces_exposure = True
        self._engine.admission.memory.unsent = lambda: self._state.table.unsent
        self.failed = self.settled = False
        self._announced_since = announced_since

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let the server process handle SIGTERM and SIGINT in its event loop, by draining."""
        # Uvicorn's handlers know no draining, and raise the signal a second time at the end.
        for number in (signal.SIGTERM, signal.SIGINT):
            handle_signal(number, self._drain)
        yield

    def _hang_up(self) -> None:
        """Load replaced files; stop where the terminal of the server process has closed."""
        if self._hang_ups is not None and self._hang_ups.has_lost_terminal:
            self._drain()
        else:
            self._engine.request_reload()

    def _drain(self) -> None:
        """Begin to drain the server process; stop it at once on a second signal."""
        if self._engine.draining:
            self.force_exit = self.should_exit = True
            return
        self._engine.draining = self._state.draining = True
        self._announce_draining()
        asyncio.get_running_loop().call_later(self._settings.drain_s, self._stop)

    def _announce_draining(self) -> None:
        """Let the server process print that it stops."""
        announce_draining(self._settings.drain_s)

    def _stop(self) -> None:
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the listener of the server process, then announce its address."""
        if self.config.is_ssl:
            limit_handshakes(asyncio.get_running_loop(), self._state.table.limits.head_s)
        try:
            await super().startup(sockets)
        except OSError as error:
            # Another process bound the same port at the same time, and listens first.
            host, port = sockets[0].getsockname()[:2] if sockets else ("", 0)
            logger.error(reason(error, host, port))  # noqa: TRY400 - a sentence for the user
            await self.lifespan.shutdown()
            self.should_exit = True
        if self.started:
            self._announcing = asyncio.create_task(self._announce())
            if self._hang_ups is not None:
                self._hang_ups.handle(self._hang_up)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listener of the server process, and finish the requests in flight."""
        loop = asyncio.get_running_loop()
        # A stream that uvicorn cancels would end without a line that says why.
        loop.call_later(GRACEFUL_S - STREAM_END_S, self._close_engine)
        for server in self.servers:
            server.close()
        # Uvicorn closes each connection without a request at once. One that was accepted just now
        # is about to send its request, or has sent it, and would be reset.
        await asyncio.sleep(LAST_REQUEST_S)
        await super().shutdown(sockets)

    def _close_engine(self) -> None:
        self._engine.closed = True

    async def _announce(self) -> None:
        """Let the server process print its address, then when models and analyses are ready."""
        since = self._announced_since
        url = "" if since is None else self._announce_address()
        try:
            await self._engine.warmed()
        except Exception:
            if not self._engine.fault:  # which the engine has logged
                logger.exception("the models could not be compiled")
            self.should_exit = self.failed = True
        if self._engine.warm_s is None:
            return
        tune_garbage_collection()
        if since is not None:
            announce_ready(url, self._engine, since)
        with contextlib.suppress(Exception):  # the engine has logged it
            await self._engine.analyses_warmed()
            tune_garbage_collection()
            if since is not None:
                announce_analyses(since)
        self.settled = True

    def _announce_address(self) -> str:
        """Let the server process print its address, and who can reach it; return the address."""
        scheme = "https" if self.config.is_ssl else "http"
        url = announce_listening(self.servers[0].sockets[0], self._engine, scheme)
        announce_exposure(url, self._settings, self._made_up)
        return url


def serve(
    app: FastAPI,
    settings: Settings,
    sockets: list[socket.socket],
    made_up: str | None = None,
    hang_ups: HangUps | None = None,
) -> bool:
    """Serve an application in the server process until a signal stops it.

    Args:
        app: The application.
        settings: Those that it was created with.
        sockets: Those of its listener, bound.
        made_up: Token to print, which no user has set; None without one.
        hang_ups: Those of the process, to load replaced files; None leaves SIGHUP as it is.

    Returns:
        Whether the listener was opened and the models were compiled.
    """
    server = Server(server_config(app, settings), app, settings, made_up, hang_ups)
    server.run(duplicated(sockets))
    has_served = server.started and not server.failed
    if has_served:
        announce_stopped()
    return has_served


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """Return uvicorn's configuration of a server process, and set its interpreter for one."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    return uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACEFUL_S,
        ssl_certfile=settings.ssl_certfile,
        ssl_keyfile=settings.ssl_keyfile,
    )
