"""Supervisor: process that starts the workers of a server, replaces them and passes signals on."""

import logging
import signal
import time
from pathlib import Path
from socket import socket

from uvicorn import Config
from uvicorn.supervisors.multiprocess import Multiprocess

from api import STARTED
from api.server.hang_ups import HangUps
from api.server.process_output import own_output_in_background
from api.server.stopping import announce_draining, announce_stopped
from api.settings import Settings
from api.workers.chips import Chips
from api.workers.connection_counts import ABSENT, ConnectionCounts
from api.workers.metrics_folder import create_folder, name_of, retire
from api.workers.task import Task
from api.workers.worker import Worker

ANSWER_S = 60
"""Seconds after which a worker that does not answer its supervisor is replaced.

A new one answers when Python has started, which takes a while on a busy machine.
"""

LONGEST_PAUSE_S = 60.0
"""Longest pause before a worker is replaced that has ended before it was ready."""

STOP_S = 30.0
"""Seconds that a worker may take to end after its drain time, before it is killed."""

SETTINGS = tuple(Settings.model_fields)

logger = logging.getLogger("lightwell")


class Supervisor(Multiprocess):
    """Supervisor of worker processes by uvicorn, which share the sockets of one listener.

    Where the cache has no programs, the first worker compiles them, and the others, which start
    then, load what it has compiled. SIGHUP is passed to one worker after the other, SIGTERM to all.

    Args:
        settings: Those of the server.
        sockets: Those of its listener, bound.
        workers: Number of workers, and the chips of the machine, of which each worker has one where
            there are any.
        folder: Metrics folder.
        made_up: Token to print, which no user has set; None without one.
        hang_ups: Those of the process.

    Attributes:
        failed: Whether no worker could be started.
    """

    processes: list[Worker]  # type: ignore[assignment]

    def __init__(
        self,
        settings: Settings,
        sockets: list[socket],
        workers: tuple[int, Chips],
        folder: Path,
        made_up: str | None,
        hang_ups: HangUps,
    ) -> None:
        count, self._chips = workers
        config = Config(
            "api.app:create_app",
            workers=count,
            log_level="warning",
            timeout_worker_healthcheck=ANSWER_S,
        )
        super().__init__(config, sockets)
        self.failed = False
        self._settings, self._folder = settings, folder
        self._connections = ConnectionCounts.create(folder, count)
        self._made_up, self._hang_ups = made_up, hang_ups
        if hang_ups.is_early:
            self.signal_queue.append(signal.SIGHUP)
        self._has_served = self._is_complete = False
        self._counted: set[Worker] = set()
        self._ended: set[Worker] = set()
        self._failures = [0] * count
        self._due = [0.0] * count
        self._to_reload: list[Worker] = []
        self._reloading: Worker | None = None

    def init_processes(self) -> None:
        """Start the first worker of the supervisor."""
        self.processes.append(self._started(0, is_first=True))

    def _started(self, slot: int, *, is_first: bool = False) -> Worker:
        """Start a worker of the supervisor."""
        task = Task(
            self._settings,
            self.processes_num,
            slot,
            self._chips.environment(slot),
            str(self._folder),
            self._made_up,
            STARTED if is_first else None,
        )
        worker = Worker(task, self.config, self.sockets)
        worker.start()
        return worker

    def keep_subprocess_alive(self) -> None:
        """Look after the workers of the supervisor: start, replace and reload them."""
        for slot in range(len(self.processes)):
            if not self.should_exit.is_set():
                self._tend(slot)
        if self.should_exit.is_set():
            return
        if len(self.processes) < self.processes_num and self._may_start_all():
            slots = range(len(self.processes), self.processes_num)
            self.processes += [self._started(slot) for slot in slots]
        if not self._is_complete and len(self._counted) >= self.processes_num:
            self._is_complete = True
            seconds = time.monotonic() - STARTED
            print(f"{self.processes_num} workers ready after {seconds:.1f} s.", flush=True)
        self._continue_reload()

    def _may_start_all(self) -> bool:
        """Tell whether the workers besides the first may start: it compiles for them, too."""
        report = self.processes[0].report
        has_shared_all = self._settings.cache is None or report.is_cached or report.is_settled
        return report.is_ready and has_shared_all

    def _tend(self, slot: int) -> None:
        """Note that a worker of the supervisor is ready, or replace one that has ended."""
        worker = self.processes[slot]
        if worker not in self._ended and worker.is_alive(ANSWER_S):
            if worker.report.is_ready and worker not in self._counted:
                self._note_ready(slot, worker)
            return
        if worker not in self._ended:
            self._bury(slot, worker)
        if not self.should_exit.is_set() and time.monotonic() >= self._due[slot]:
            self._ended.discard(worker)
            self._counted.discard(worker)
            self.processes[slot] = self._started(slot)

    def _note_ready(self, slot: int, worker: Worker) -> None:
        logger.info("worker %d is ready (process %d)", slot, worker.pid)
        self._has_served = True
        self._counted.add(worker)
        self._failures[slot] = 0
        if self._is_complete and self._has_own_files():
            # It has read the files as they are now: the others must not answer by older ones.
            self._to_reload += [one for one in self.processes if one is not worker]

    def _has_own_files(self) -> bool:
        """Tell whether the workers of the supervisor serve files that a user may replace."""
        settings = self._settings
        return any((settings.weights, settings.models, settings.model))

    def _bury(self, slot: int, worker: Worker) -> None:
        """End a worker of the supervisor that does not answer; keep its counts."""
        worker.kill()
        worker.join()
        retire(self._folder, name_of(slot, worker.pid))
        self._connections.set(slot, ABSENT)
        self._ended.add(worker)
        if not self._has_served:
            # Another one would fail in the same way, and has said why.
            self.failed = True
            self.should_exit.set()
            return
        logger.warning(
            "worker %d (process %d) has ended with %d: another one takes its place",
            *(slot, worker.pid, worker.exitcode),
        )
        if worker not in self._counted:
            self._failures[slot] += 1
        pause = 2.0 ** self._failures[slot] if self._failures[slot] else 0.0
        self._due[slot] = time.monotonic() + min(pause, LONGEST_PAUSE_S)

    def _continue_reload(self) -> None:
        """Let the next worker of the supervisor reload, when the one before it has."""
        if self._reloading is not None and self._reloading.is_reloading:
            return
        self._reloading = None
        self._to_reload = [one for one in self._to_reload if one in self.processes]
        for worker in self._to_reload:
            if worker.report.is_ready:
                self._to_reload.remove(worker)
                worker.request_reload()
                self._reloading = worker
                return

    def handle_hup(self) -> None:
        """Let all workers of the supervisor load replaced files, one after the other."""
        if self._hang_ups.has_lost_terminal:
            self.should_exit.set()
        else:
            self._to_reload += self.processes

    def handle_ttin(self) -> None:
        """Leave the number of workers as it is: they have divided the limits."""

    handle_ttou = handle_ttin

    def terminate_all(self) -> None:
        """Let all workers of the supervisor drain, and close its own copy of the listener."""
        # Else clients would wait for an answer when the last worker has closed its copy.
        for one in self.sockets:
            one.close()
        self.signal_queue.clear()
        if self._has_served:
            announce_draining(self._settings.drain_s)
        super().terminate_all()

    def join_all(self) -> None:
        """Wait until all workers of the supervisor have ended; a second signal kills them."""
        until = time.monotonic() + self._settings.drain_s + STOP_S
        while running := [one for one in self.processes if one.process.is_alive()]:
            running[0].process.join(0.1)
            if time.monotonic() > until or {signal.SIGINT, signal.SIGTERM} & set(self.signal_queue):
                for one in running:
                    one.process.kill()
        super().join_all()


def supervise(
    settings: Settings,
    sockets: list[socket],
    workers: tuple[int, Chips],
    made_up: str | None,
    hang_ups: HangUps,
) -> bool:
    """Serve by several worker processes, until a signal stops the supervisor.

    The arguments are those of `Supervisor`.

    Returns:
        Whether a worker could be started.
    """
    # A command's own class of settings, in its main module, need not be there in the workers.
    plain = Settings.model_construct(**{name: getattr(settings, name) for name in SETTINGS})
    with create_folder() as folder, own_output_in_background():
        supervisor = Supervisor(plain, sockets, workers, Path(folder), made_up, hang_ups)
        supervisor.run()
        if not supervisor.failed:
            announce_stopped()
    return not supervisor.failed
