"""A server in a process of its own, for tests: it listens on loopback and ends with its test."""

import fcntl
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 120

Started = TypeVar("Started")


class Server:
    """A server that was started for one test, and ends with it.

    Args:
        flags: Of the command line.
        root: Checkout that is served.
        module: Runs the command line, by its first argument where one follows: `lightwell serve`.
        environment: Further variables of the process.
        stdin: Descriptor of its standard input; None leaves that of the tests.
    """

    def __init__(
        self,
        *flags: str,
        root: Path = ROOT,
        module: str = "api.__main__",
        environment: Mapping[str, str] | None = None,
        stdin: int | None = None,
    ) -> None:
        # JAX has set this one in the process of the tests; users start a server without it.
        inherited = {**os.environ}
        inherited.pop("TF_CPP_MIN_LOG_LEVEL", None)
        self.process = subprocess.Popen(  # noqa: S603 - our own server
            [sys.executable, "-m", *module.split(), "--port", "0", *flags],
            cwd=root,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**inherited, "PYTHONUNBUFFERED": "1", **(environment or {})},
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = self.wait_for(r"Lightwell on (https?://\S+)")

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(iter(self.process.stdout.readline, ""))

    def wait_for(self, pattern: str) -> str:
        """Wait until a line of the output has a pattern; return its group."""
        until = time.monotonic() + TIMEOUT_S
        while time.monotonic() < until:
            for line in list(self.lines):
                if found := re.search(pattern, line):
                    return found[1] if found.groups() else found[0]
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError("".join(self.lines))

    def stop(self) -> None:
        """End the server process in any state."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def started(*flags: str, ready: str = "Analyses ready after", **options: Any) -> Iterator[Server]:
    """Start a server of a process of its own, wait until it is ready, and end it at last.

    Args:
        flags: Of the command line.
        ready: Pattern of the line of its output that is waited for.
        options: Further arguments of `Server`.
    """
    server = Server(*flags, **options)
    try:
        server.wait_for(ready)
        yield server
    finally:
        server.stop()


@contextmanager
def in_turn(server: AbstractContextManager[Started]) -> Iterator[Started]:
    """Start a server while no other worker starts one: it loads what the one before compiled."""
    with ExitStack() as stack:
        with Path(os.environ["LIGHTWELL_CACHE"]).with_name("turn").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            entered = stack.enter_context(server)
        yield entered
