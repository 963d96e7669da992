"""Server processes under test: start, readiness, CPU time and memory from /proc, stop."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from scripts.bench.load import OK, Load

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 120
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

# Fields of /proc/PID/stat, counted after the process name.
PARENT, CHILDREN_USER_TICKS, CHILDREN_SYSTEM_TICKS = 1, 13, 14


class NotStartedError(Exception):
    """Server process did not become ready; the message is the end of its log."""


class Server:
    """Server process of the benchmark with its child processes, on a free port of loopback.

    Args:
        command: Command line that starts it.
        request: Readiness check: the server is ready when this is answered with 200.
        log: File that its output is written to.
        environment: Additional environment variables.
        folder: Working directory and import path: the checkout that it is started from.

    Attributes:
        port, folder: As given.
        process: Process of the command.
        start_s: Seconds until it was ready.

    Raises:
        NotStartedError: It ended, or was not ready within two minutes.
    """

    def __init__(
        self,
        command: Sequence[str],
        port: int,
        request: bytes,
        log: Path,
        environment: Mapping[str, str],
        folder: Path = ROOT,
    ) -> None:
        self.port, self.folder = port, folder
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        with log.open("wb") as output:
            self.process = subprocess.Popen(  # noqa: S603 - the benchmark's own commands
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": str(folder), **environment},
                start_new_session=True,
            )
        try:
            self._wait(request)
        except BaseException:
            self.stop()
            raise
        self.start_s = time.perf_counter() - began

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _wait(self, request: bytes) -> None:
        until = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < until and self.process.poll() is None:
            if answers(self.port, request):
                return
            time.sleep(0.05)
        raise NotStartedError(self.log_tail())

    def log_tail(self, lines: int = 5) -> str:
        """Return the last lines of a server process's log."""
        text = self._log.read_text(errors="replace").splitlines()
        return "\n".join(line for line in text if line.strip()).strip().rsplit("\n", lines)[-1]

    def tree(self) -> list[int]:
        """Return the process IDs of a benchmarked server and all its descendants."""
        children: dict[int, list[int]] = {}
        for directory in Path("/proc").iterdir():
            if directory.name.isdigit() and (fields := _stat(int(directory.name))):
                children.setdefault(int(fields[PARENT]), []).append(int(directory.name))
        found = [self.process.pid]
        for one in found:  # the list grows during the iteration
            found.extend(children.get(one, []))
        return found

    def cpu_s(self) -> float:
        """Return CPU time (user and system) of all threads of a server's processes, in seconds."""
        return sum(map(cpu_seconds, self.tree()))

    def memory_bytes(self) -> int:
        """Return resident memory of a server's processes in bytes, shared pages divided (PSS)."""
        return sum(resident_bytes(one) for one in self.tree())

    @contextmanager
    def resumed(self) -> Iterator[None]:
        """Resume a suspended server process inside the context and suspend it afterwards."""
        self._signal(signal.SIGCONT)
        try:
            yield
        finally:
            self.suspend()

    def suspend(self) -> None:
        """Send SIGSTOP to a server's processes, so that they use no CPU time."""
        self._signal(signal.SIGSTOP)

    def _signal(self, number: signal.Signals) -> None:
        for one in self.tree():
            _send(one, number)

    def settle(self, timeout_s: float = 20) -> None:
        """Wait until a server's processes use or wait for at most 20 ms of CPU time in 100 ms."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            before = self._demand_s()
            time.sleep(0.1)
            if self._demand_s() - before <= 2 / TICKS_PER_S:
                return

    def _demand_s(self) -> float:
        """Return CPU time plus time in the run queue of a server's processes, in seconds."""
        # On a busy machine a process that compiles may get hardly any CPU time for a while.
        return self.cpu_s() + sum(map(_run_delay_s, self.tree()))

    def stop(self) -> None:
        """Terminate a server's processes, suspended or not."""
        tree = self.tree()
        self._signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for one in tree[1:]:
            if _stat(one):
                _send(one, signal.SIGKILL)


def free_port() -> int:
    """Return a free port of loopback for a server process."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def answers(port: int, request: bytes) -> bool:
    """Tell whether a server process answers its readiness request with 200."""
    try:
        with Load(port, [request], 1, keep=True) as load:
            return load.collect(1, timeout_s=20)[0][0] == OK
    except OSError:
        return False


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name; empty if the process has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return text.rpartition(") ")[2].split()


def cpu_seconds(pid: int) -> float:
    """Return CPU time of a process and of its reaped children, in seconds."""
    # The clock of clock_getcpuclockid(3): nanoseconds, where /proc/PID/stat counts 10 ms.
    try:
        own = time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return 0.0
    children = _stat(pid)[CHILDREN_USER_TICKS : CHILDREN_SYSTEM_TICKS + 1]
    return own + sum(map(int, children)) / TICKS_PER_S


def _run_delay_s(pid: int) -> float:
    """Return the time that a process's threads have waited in the run queue, in seconds."""
    waited_ns = 0
    for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError):  # the thread may have ended
            waited_ns += int(file.read_text().split()[1])
    return waited_ns / 1e9


def resident_bytes(pid: int) -> int:
    """Return resident memory of a process in bytes, shared pages divided (PSS)."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    kibibytes = [line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:")]
    return 1024 * sum(map(int, kibibytes))


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def run_for_json(command: Sequence[str]) -> dict[str, Any]:
    """Run a benchmark process to its end; parse the last line of its output as a JSON object.

    Raises:
        RuntimeError: It ended with an error; the message is the end of its output.
    """
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip()[-2000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
