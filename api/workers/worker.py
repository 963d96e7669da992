"""Worker: one of several processes of a server, seen by its supervisor and by itself."""

import logging
import os
import pickle
import signal
import sys
import threading
from socket import socket
from typing import TYPE_CHECKING

from uvicorn import Config
from uvicorn.supervisors.multiprocess import Process

from api.server.environment import configure_environment
from api.workers.report import Report
from api.workers.task import Task

if TYPE_CHECKING:
    from api.workers.worker_server import WorkerServer

HELD = frozenset({signal.SIGINT, signal.SIGHUP})
"""Signals that a terminal sends to all processes, and that only the supervisor follows."""

PING, RELOAD = b"ping", b"reload"


class Worker(Process):
    """Worker process of a server. The supervisor has one, and the process itself a copy of it.

    Args:
        task: Its part in the server.
        config: That of the supervisor.
        sockets: Those of the listener, bound.

    Attributes:
        task: As given.
        report: State by its last answer to `ping`.
    """

    def __init__(self, task: Task, config: Config, sockets: list[socket]) -> None:
        super().__init__(config, sockets)
        self.task = task
        self.report = Report()
        self._awaited = 0
        self._served: WorkerServer | None = None

    def start(self) -> None:
        """Start the worker process, which a terminal's signals do not reach."""
        held = signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
        # With a copy of it, the supervisor would wait for an answer of a process that has ended.
        self.child_conn.close()

    def ping(self, timeout: float = 5) -> bool:
        """Ask the worker process for its report; return whether it answered within a time."""
        try:
            self.parent_conn.send(PING)
            if not self.parent_conn.poll(timeout):
                return False
            self.report = self.parent_conn.recv()
        except (OSError, EOFError, pickle.UnpicklingError):
            return False
        return True

    def is_alive(self, timeout: float = 5) -> bool:
        """Tell whether the worker process answers, and its device too."""
        return self.process.is_alive() and self.ping(timeout) and not self.report.is_hung

    def request_reload(self) -> None:
        """Ask the worker process to load replaced files."""
        self._awaited = self.report.reloads + 1
        # One that has ended is replaced, and its successor loads the files as they are.
        try:
            self.parent_conn.send(RELOAD)
        except OSError:
            self._awaited = 0

    @property
    def is_reloading(self) -> bool:
        """Whether the worker process still loads the files that it was asked to load."""
        return self.process.is_alive() and self.report.reloads < self._awaited

    def target(self, sockets: list[socket] | None = None) -> None:
        """Serve, in the worker process, until a signal or the end of the supervisor."""
        for number in HELD:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)
        # With a copy of it, this process would not notice that the supervisor has ended.
        self.parent_conn.close()
        os.environ.update(self.task.environment)
        configure_environment()
        threading.Thread(target=self.always_pong, name="supervised", daemon=True).start()
        sys.exit(self._serve(sockets or []))

    def always_pong(self) -> None:
        """Answer the supervisor, in the worker process; drain when it has ended."""
        try:
            while True:
                self.pong()
        except (EOFError, OSError):
            signal.raise_signal(signal.SIGTERM)

    def pong(self) -> None:
        """Answer one message of the supervisor, in the worker process."""
        message, served = self.child_conn.recv(), self._served
        if message != RELOAD:
            self.child_conn.send(Report() if served is None else served.report())
        elif served is not None:
            served.request_reload()

    def _serve(self, sockets: list[socket]) -> int:
        """Load the application of the worker process, and serve it; return the exit code."""
        # JAX reads the environment of this process when it is imported.
        from api.app import create_app  # noqa: PLC0415
        from api.server.process_output import (  # noqa: PLC0415
            configure_logging,
            output_in_background,
        )
        from api.workers.worker_server import WorkerServer  # noqa: PLC0415
        from models.runtime.checkpoints import CheckpointError  # noqa: PLC0415

        configure_logging()
        logging.getLogger("jax").setLevel(logging.WARNING)
        try:
            app = create_app(self.task.settings, processes=self.task.processes)
        except CheckpointError as error:
            print(f"lightwell: {error}", file=sys.stderr)
            return 1
        with output_in_background(app):
            self._served = WorkerServer(app, self.task)
            self._served.run(sockets)
            return 0 if self._served.started and not self._served.failed else 1
