"""Server in a terminal: the greeting stays on screen, and Ctrl-C ends it with a goodbye."""

import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import httpx2
import pytest

from tests.servers import ROOT, TIMEOUT_S

INTERRUPT = b"\x03"
"""Character of Ctrl-C, of which the terminal makes a signal."""


class Terminal:
    """A terminal in which a server was started."""

    def __init__(self, *flags: str) -> None:
        self._descriptor, end = pty.openpty()
        self.process = subprocess.Popen(  # noqa: S603 - our own server
            [sys.executable, "-m", "tests.api.server.session_leader", "--port", "0", *flags],
            cwd=ROOT,
            stdin=end,
            stdout=end,
            stderr=end,
        )
        os.close(end)
        self.screen = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                self.screen += os.read(self._descriptor, 65536).decode()
            except OSError:  # the server has ended
                return

    def wait_for(self, pattern: str) -> str:
        """Wait until the screen has a pattern; return its group."""
        until = time.monotonic() + TIMEOUT_S
        while time.monotonic() < until:
            if found := re.search(pattern, self.screen):
                return found[1] if found.groups() else found[0]
            time.sleep(0.02)
        raise AssertionError(self.screen)

    def interrupt(self) -> int:
        """Press Ctrl-C; return the exit code of the server."""
        os.write(self._descriptor, INTERRUPT)
        return self.process.wait(TIMEOUT_S)

    def close(self) -> None:
        """End the server in any state."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        os.close(self._descriptor)


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """Starts a server in a terminal with flags of the command."""
    opened: list[Terminal] = []

    def start(*flags: str) -> Terminal:
        opened.append(Terminal(*flags))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.mark.parametrize(("flags", "lines"), [((), 0), (("--access-log",), 3)])
def test_the_greeting_stays_on_screen(
    terminal: Callable[..., Terminal], flags: tuple[str, ...], lines: int
) -> None:
    """Requests have lines of the log only where they are asked for; Ctrl-C says goodbye."""
    server = terminal(*flags)
    url = server.wait_for(r"Lightwell on (http://\S+)")
    server.wait_for("Ready after")
    for _ in range(3):
        assert httpx2.get(f"{url}/models", timeout=TIMEOUT_S).status_code == 200

    assert server.interrupt() == 0

    server.wait_for(r"Stopping: it answers requests in flight\.")
    server.wait_for(r"Stopped after .* s\. Goodbye\.")
    assert len(re.findall("GET /models 200", server.screen)) == lines
    assert "Traceback" not in server.screen


def test_several_workers_say_goodbye_once(terminal: Callable[..., Terminal]) -> None:
    """The terminal's signal reaches all processes, and their supervisor speaks for them."""
    server = terminal("--workers", "2")
    server.wait_for("2 workers ready")

    assert server.interrupt() == 0

    server.wait_for("Goodbye")
    assert server.screen.count("Stopping:") == 1
    assert server.screen.count("Goodbye") == 1
