"""`python -m tests.reliability.audited_server`: the server on a file system that is read-only.

An audit hook of Python refuses to open a file for writing, and prints each connection, process and
change of the file system that the server begins.
"""

import errno
import os
import sys

PRINTED = frozenset(
    {
        "socket.connect",
        "socket.sendto",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "urllib.Request",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.exec",
        "os.system",
        "subprocess.Popen",
    }
)
CHANGES = frozenset({"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink"})
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
MARK = "AUDIT"


def audit(event: str, arguments: tuple[object, ...]) -> None:
    """Print an event, or refuse it.

    Raises:
        OSError: The event writes into the file system.
    """
    if event in PRINTED:
        os.write(2, f"{MARK} {event}\n".encode())
    elif event in CHANGES or (event == "open" and _writes(arguments)):
        os.write(2, f"{MARK} write {event}\n".encode())
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(arguments[0]))


def _writes(arguments: tuple[object, ...]) -> bool:
    """Tell whether a file is opened for writing; descriptors and devices are no files."""
    path, _, flags = arguments
    if isinstance(path, int) or str(path).startswith("/dev/"):
        return False
    return isinstance(flags, int) and bool(flags & WRITING)


def main() -> int:
    """Run the server's command under the audit hook."""
    sys.dont_write_bytecode = True
    sys.addaudithook(audit)
    from api import __main__ as command  # noqa: PLC0415 - under the hook

    return command.main()


if __name__ == "__main__":
    sys.exit(main())
