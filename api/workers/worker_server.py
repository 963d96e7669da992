"""Worker server: server of one of several processes, which listens once it is warm."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import socket
from typing import Any

from fastapi import FastAPI
from uvicorn.lifespan.on import LifespanOn

from api.inference.engine import Engine
from api.inference.errors import DeviceHungError, EngineClosedError, EngineNotReadyError
from api.server.process import Server, server_config
from api.workers.connection_counts import ConnectionCounts
from api.workers.metrics_folder import MetricsFolder
from api.workers.report import Report
from api.workers.shared_listener import SharedListener
from api.workers.task import Task

logger = logging.getLogger("lightwell")


class WarmLifespan(LifespanOn):
    """Lifespan of a worker, which has started when the models are warm: then the listener opens."""

    async def startup(self) -> None:
        """Start the application of a worker, and wait until it is warm."""
        await super().startup()
        if self.should_exit:
            return
        engine: Engine = self.config.app.state.engine  # type: ignore[union-attr]
        try:
            await engine.warmed()
        except Exception:
            logger.exception("the models could not be compiled")
            await self.shutdown()
            self.should_exit = True


class WorkerServer(Server):
    """Worker server: drains on SIGTERM, however often that comes; its supervisor has the rest.

    Args:
        app: Its application.
        task: Its part in the server.
    """

    def __init__(self, app: FastAPI, task: Task) -> None:
        config = server_config(app, task.settings)
        config.load()
        config.lifespan_class = WarmLifespan
        super().__init__(
            config,
            app,
            task.settings,
            task.made_up,
            None,
            announced_since=task.announced_since,
        )
        folder = MetricsFolder(Path(task.folder), task.slot, app.state.access_log.exposition)
        self._folder = app.state.metrics_folder = folder
        self._counts = ConnectionCounts(Path(task.folder))
        self._slot = task.slot
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reloads = 0

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let the worker server handle SIGTERM alone: its process ignores signals of a terminal."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_signal_handler(signal.SIGTERM, self._drain_once)
        yield

    def _drain_once(self) -> None:
        # A service manager sends its signal to all processes, and the supervisor another one.
        if not self._engine.draining:
            self._drain()

    def _announce_draining(self) -> None:
        """Let the supervisor of the worker server print that all of them stop."""

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Open the metrics and then, when it is warm, the listener of the worker server."""
        await self._folder.start()
        # Uvicorn has no setting for another listener, and calls the event loop.
        asyncio.get_running_loop().create_server = self._listen  # type: ignore[method-assign, assignment]
        await super().startup(sockets)

    async def _listen(
        self, factory: Callable[[], asyncio.Protocol], *, sock: socket, backlog: int, **tls: Any
    ) -> SharedListener:
        """Listen on a socket that the worker server shares, as `loop.create_server` would alone."""
        table = self._state.table
        found = SharedListener(factory, sock, self._counts, self._slot, lambda: len(table))
        found.listen(backlog, **tls)
        return found

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Close the listener of the worker server, finish its requests, and leave its counts."""
        await super().shutdown(sockets)
        self._folder.stop()

    def report(self) -> Report:
        """Return the state of the worker server. From any thread."""
        return Report(
            is_ready=self.started,
            is_cached=self.started and all(one.cached for one in self._engine.models.values()),
            is_settled=self.settled,
            is_hung=self._is_hung(),
            reloads=self._reloads,
        )

    def _is_hung(self) -> bool:
        try:
            self._engine.check_alive()
        except DeviceHungError:
            return True
        return False

    def request_reload(self) -> None:
        """Begin to load replaced files in the worker server. From any thread."""
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._reload(), self._loop)

    async def _reload(self) -> None:
        """Load replaced files in the worker server, and count that."""
        try:
            await self._engine.reload()
        except (EngineClosedError, EngineNotReadyError, DeviceHungError) as error:
            logger.warning("nothing is loaded again: %s", error)
        finally:
            self._reloads += 1
