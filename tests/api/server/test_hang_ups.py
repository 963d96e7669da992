"""SIGHUP of a terminal that closes, which stops the server as before it loaded replaced files."""

import os
import signal
import sys

import pytest

from tests.servers import TIMEOUT_S, Server

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a terminal of POSIX")


def test_a_terminal_that_closes_stops_the_server() -> None:
    """A signal that is sent while the terminal is there loads replaced files instead."""
    ours, theirs = os.openpty()
    server = Server(module="tests.api.server.session_leader", stdin=theirs)
    try:
        os.close(theirs)
        server.wait_for("Ready after")
        os.kill(server.process.pid, signal.SIGHUP)
        server.wait_for("nothing to load again")
        assert server.process.poll() is None

        os.close(ours)
        assert server.process.wait(TIMEOUT_S) == 0
    finally:
        server.stop()
    assert not any("Traceback" in line for line in server.lines)
