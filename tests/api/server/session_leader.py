"""Program that makes its standard input the terminal of a session, and becomes a server in it."""

import fcntl
import os
import sys
import termios

if __name__ == "__main__":
    os.setsid()
    fcntl.ioctl(sys.stdin.fileno(), termios.TIOCSCTTY, 0)
    os.execv(sys.executable, [sys.executable, "-m", "api", *sys.argv[1:]])  # noqa: S606 - ours
