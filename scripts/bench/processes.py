"""The servers under test as processes: started, waited for, counted by /proc, and stopped."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from scripts.bench.load import OK, Load

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

# Fields of /proc/PID/stat, counted from the one behind the name.
PARENT, CHILDREN_USER_TICKS, CHILDREN_SYSTEM_TICKS = 1, 13, 14


class NotStartedError(Exception):
    """A server did not come to answer; the message is the last that it said."""


class Server:
    """A server on a free port of loopback, with whatever processes it starts itself.

    Args:
        command: From the port to the command that starts it.
        request: It is ready once it answers this with 200.
        log: Where its output goes.
        environment: Beside our own.
        folder: Working directory and import path: the checkout that it is started from.

    Raises:
        NotStartedError: It ended, or did not answer within two minutes.
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
        self.port = port
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
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and self.process.poll() is None:
            if answers(self.port, request):
                return
            time.sleep(0.05)
        raise NotStartedError(self.last_words())

    def last_words(self, lines: int = 5) -> str:
        """Return the end of what it has said."""
        said = self._log.read_text(errors="replace").splitlines()
        return "\n".join(line for line in said if line.strip()).strip().rsplit("\n", lines)[-1]

    def tree(self) -> list[int]:
        """Return the ids of its processes: the first, and all that descend from it."""
        children: dict[int, list[int]] = {}
        for directory in Path("/proc").iterdir():
            if directory.name.isdigit() and (fields := _stat(int(directory.name))):
                children.setdefault(int(fields[PARENT]), []).append(int(directory.name))
        found = [self.process.pid]
        for one in found:  # grows while it is gone through
            found.extend(children.get(one, []))
        return found

    def cpu_s(self) -> float:
        """Return user and system CPU time of all threads of all its processes, in seconds."""
        return sum(map(_cpu_s, self.tree()))

    def memory_bytes(self) -> int:
        """Return the memory resident in all its processes, shared pages divided among sharers."""
        return sum(_resident(one) for one in self.tree())

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Let it run for a while; but for that, once it was first asleep, it stands still."""
        self._signal(signal.SIGCONT)
        try:
            yield
        finally:
            self.sleep()

    def sleep(self) -> None:
        """Stop all its processes where they are, so that they take nothing from the others."""
        self._signal(signal.SIGSTOP)

    def _signal(self, number: signal.Signals) -> None:
        for one in self.tree():
            _send(one, number)

    def settle(self, patience_s: float = 20) -> None:
        """Wait until it has finished what it was asked for: until it hardly uses the processor."""
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            before = self.cpu_s()
            time.sleep(0.1)
            if self.cpu_s() - before <= 2 / TICKS_PER_S:
                return

    def stop(self) -> None:
        """End all its processes, whatever state they are in."""
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
    """Return a port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def answers(port: int, request: bytes) -> bool:
    """Tell whether a server answers a request with 200."""
    try:
        with Load(port, [request], 1, keep=True) as load:
            return load.collect(1, patience_s=20)[0][0] == OK
    except OSError:
        return False


def _stat(pid: int) -> list[str]:
    """Return the numbers of /proc/PID/stat; none where the process has gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return text.rpartition(") ")[2].split()


def _cpu_s(pid: int) -> float:
    """Return CPU time of a process and of the children that it has waited for, in seconds."""
    # The clock of clock_getcpuclockid(3): nanoseconds, where /proc/PID/stat counts 10 ms.
    try:
        own = time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return 0.0
    children = _stat(pid)[CHILDREN_USER_TICKS : CHILDREN_SYSTEM_TICKS + 1]
    return own + sum(map(int, children)) / TICKS_PER_S


def _resident(pid: int) -> int:
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
