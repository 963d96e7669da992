"""Few open files: connections beyond them are refused, and the server outlives them."""

import resource
import subprocess
import sys

import pytest

from api.server.connection_limits import ConnectionLimits
from api.settings import Settings
from tests.servers import ROOT, TIMEOUT_S

FILES = 128

SCENE = f"""
import contextlib
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({FILES}, 4096))
from api.server.connection_limits import ConnectionLimits
from api.settings import Settings
from tests.api.server.hostile import Served, wait_for
server = Served(ConnectionLimits.of(Settings(idle_s=20)))
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))  # for the clients, in this process
try:
    clients = [server.connect() for _ in range(500)]
    for client in clients:
        with contextlib.suppress(ConnectionError):  # it was closed to make room
            client.sendall(b"GET /")
    wait_for(lambda: not server.state.table.idle)
    print(len(server.state.table))
    for client in clients:
        client.close()
    wait_for(lambda: not server.state.connections)
    print(server.is_served())
finally:
    server.stop()
"""


@pytest.mark.parametrize(("files", "expected"), [(128, 64), (1024, 960), (4096, 1024), (32, 16)])
def test_connections_leave_files_to_the_rest(
    files: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """64 files are left; a few connections are served however low the limit is."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))

    assert ConnectionLimits.of(Settings()).connections == expected


def test_an_unlimited_number_of_files_is_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting remains."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)

    assert ConnectionLimits.of(Settings(connections=7)).connections == 7


def test_settings_are_limits() -> None:
    """Idle time and connections of one address are as set; behind proxies idle time is longer."""
    given = ConnectionLimits.of(Settings(idle_s=9, connections_per_address=3))

    assert (given.idle_s, given.per_address, given.per_loopback) == (9, 3, 3)
    assert ConnectionLimits.of(Settings()).idle_s == 5
    assert ConnectionLimits.of(Settings()).of_address("127.0.0.1") == 128


def test_more_connections_than_open_files() -> None:
    """Of 500 as many stay open as 128 files allow; when they are gone, the next is served."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", SCENE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT_S,
    )

    assert done.stdout.split() == ["64", "True"]
