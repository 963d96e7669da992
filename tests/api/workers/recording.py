"""Worker of the tests: a process that records what it sees, and loads no network."""

import json
import os
import signal
import time
from pathlib import Path
from socket import socket
from typing import Any

from api.workers.report import Report
from api.workers.worker import Worker

SEEN = ("CUDA_VISIBLE_DEVICES", "OPENBLAS_NUM_THREADS")


class RecordingServer:
    """Substitute for the server of a worker: files in its folder say what it reports."""

    def __init__(self, folder: Path, slot: int) -> None:
        self._folder, self._slot = folder, slot
        self._reloads = 0

    def report(self) -> Report:
        """Report of a worker that is ready, unless a file says that its device hangs."""
        is_hung = (self._folder / f"hangs-{os.getpid()}").exists()
        return Report(True, True, True, is_hung, self._reloads)

    def request_reload(self) -> None:
        """Note the reload."""
        with (self._folder / "reloads").open("a") as file:
            file.write(f"{self._slot}\n")
        self._reloads += 1


class RecordingWorker(Worker):
    """Worker that writes its environment into its folder, and waits for a signal."""

    def _serve(self, sockets: list[socket]) -> int:
        folder, slot = Path(self.task.folder), self.task.slot
        if (folder / f"fails-{slot}").exists():
            return 3
        ignored = [one.name for one in (signal.SIGINT, signal.SIGHUP) if is_ignored(one)]
        seen: dict[str, Any] = {name: os.environ.get(name) for name in SEEN}
        seen |= {"process": os.getpid(), "ignored": ignored, "sockets": len(sockets)}
        seen |= {"announces": self.task.announced_since is not None}
        partial = folder / f"partial-{slot}"
        partial.write_text(json.dumps(seen))
        partial.replace(folder / f"seen-{slot}")
        self._served = RecordingServer(folder, slot)  # type: ignore[assignment]
        stopped: list[object] = []
        signal.signal(signal.SIGTERM, lambda *_: stopped.append(None))
        while not stopped:
            time.sleep(0.01)
        return 0


def is_ignored(number: signal.Signals) -> bool:
    """Tell whether this process ignores a signal."""
    return signal.getsignal(number) is signal.SIG_IGN
