"""Server whose process lacks what another platform lacks, in `sys`, `os`, `signal` and asyncio.

python -m tests.api.server.other_platform win32 --port 0

What it cannot show is how the other system itself behaves.
"""

import asyncio
import os
import signal
import sys
from importlib import import_module
from typing import Any, NoReturn

# Imported before the platform changes: the libraries have versions of their own for each.
LOADED = [import_module(name) for name in ("api.app", "api.server.process")]

OWN = ("api", "lightwell", "models", "probes")
LINUX = ("O_PATH", "sched_getaffinity")
POSIX = [
    "O_DIRECTORY",
    "O_NOFOLLOW",
    "O_NONBLOCK",
    "fchmod",
    "getegid",
    "geteuid",
    "getgid",
    "getuid",
    "getloadavg",
    "getpriority",
    "nice",
    "setpriority",
    "sysconf",
]
MODULES = ("fcntl", "grp", "pwd", "resource", "termios", "uvloop")


def pretend(platform: str) -> None:
    """Take from the process what a platform lacks, and its own modules, to be imported again."""
    lacking = LINUX if platform == "darwin" else [*LINUX, *POSIX]
    for name in lacking:
        delattr(os, name)
    if platform == "win32":
        for name in MODULES:
            sys.modules[name] = None  # type: ignore[assignment]  # its import fails
        del signal.SIGHUP
        loop: Any = asyncio.SelectorEventLoop
        loop.add_signal_handler = refuse
        asyncio.ProactorEventLoop = loop  # type: ignore[attr-defined]  # which uvicorn chooses
    sys.platform = platform
    for name in [one for one in sys.modules if one.partition(".")[0] in OWN]:
        del sys.modules[name]


def refuse(*_: object) -> NoReturn:
    """Refuse a signal handler, as the event loops of Windows do."""
    raise NotImplementedError


if __name__ == "__main__":
    pretend(sys.argv.pop(1))
    from api.__main__ import main

    assert LOADED[0] is not sys.modules.get("api.app")
    sys.exit(main())
