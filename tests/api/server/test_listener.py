"""Listener: an address that cannot be listened on is refused before anything is loaded."""

import asyncio
import errno
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence

import pytest
import uvloop

from api.server.listener import ListenerError, bind, duplicated, reason
from tests.servers import ROOT, TIMEOUT_S

HAS_IPV6 = socket.has_ipv6 and os.path.exists("/proc/net/if_inet6")  # noqa: PTH110

ADDRESSES = ["127.0.0.1", *(["::1"] if HAS_IPV6 else [])]

LOADED = """
import sys
import api.__main__ as command
sys.argv = ["api", {flags}]
print(command.main(), "jax" in sys.modules)
"""


@pytest.fixture(params=ADDRESSES)
def taken(request: pytest.FixtureRequest) -> object:
    """An address of this machine whose port is taken."""
    (listener,) = bind(request.param, 0)
    with listener:
        listener.listen()
        yield listener.getsockname()[:2]


@pytest.fixture(autouse=True)
def _not_by_make(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAKELEVEL", raising=False)


def started(*flags: str) -> subprocess.CompletedProcess[str]:
    """Start a server that must not start, and tell whether it has imported JAX."""
    script = LOADED.format(flags=", ".join(map(repr, flags)))
    return subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=True,
    )


def test_a_taken_port_is_said_before_anything_is_loaded(taken: tuple[str, int]) -> None:
    """One sentence and exit code 1, before JAX is imported."""
    host, port = taken

    done = started("--host", host, "--port", str(port))

    assert done.stdout == "1 False\n"
    assert done.stderr == (
        f"lightwell: port {port} of {host} is taken, perhaps by another server of this kind: "
        "choose another by --port, or 0 for a free one\n"
    )


def test_a_server_that_make_started_names_the_flag_of_make(
    taken: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make serve` has no flag `--port`."""
    monkeypatch.setenv("MAKELEVEL", "1")

    done = started("--host", taken[0], "--port", str(taken[1]))

    assert done.stderr.endswith(
        'choose another by make serve ARGS="--port …", or 0 for a free one\n'
    )


def test_a_server_after_another_takes_its_port() -> None:
    """Connections that were closed just now do not hold it."""
    (first,) = bind("127.0.0.1", 0)
    with first:
        first.listen()
        port = first.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), first.accept()[0]:
            pass

    (second,) = bind("127.0.0.1", port)
    second.close()


def test_nothing_listens_until_the_server_is_loaded() -> None:
    """A client is refused at once, and does not wait."""
    (bound,) = bind("127.0.0.1", 0)
    with bound, pytest.raises(ConnectionRefusedError):
        socket.create_connection(bound.getsockname(), timeout=TIMEOUT_S)


def test_a_name_has_a_socket_for_each_of_its_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """All have one port; an address of a family that the system has not is left out."""
    addresses = [(socket.AF_INET, one) for one in ("127.0.0.1", "127.0.0.2")]
    found = [(family, socket.SOCK_STREAM, 0, "", (one, 0)) for family, one in addresses]
    none = (99, socket.SOCK_STREAM, 0, "", ("there", 0))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [none, *found])

    bound = bind("name", 0)

    try:
        assert [one.getsockname()[0] for one in bound] == ["127.0.0.1", "127.0.0.2"]
        assert len({one.getsockname()[1] for one in bound}) == 1
    finally:
        for one in bound:
            one.close()


@pytest.mark.parametrize("host", ["no such host", "a" * 300, "bad\x00name", "192.0.2.1.example."])
def test_an_unknown_host_is_named(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence has no control characters."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    if len(host) < 64:
        monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(ListenerError, match=r"^host '.*' is unknown: --host takes") as caught:
        bind(host, 0)
    assert str(caught.value).isprintable()


def test_an_address_of_another_machine_is_named() -> None:
    """192.0.2.1 is for documentation, so that no machine has it."""
    with pytest.raises(ListenerError, match=r"192\.0\.2\.1 is no address of this machine"):
        bind("192.0.2.1", 0)


def test_other_errors_have_sentences() -> None:
    """A privileged port names the setting; any other error is the system's."""
    assert reason(PermissionError(errno.EACCES, "Permission denied"), "127.0.0.1", 80) == (
        "port 80 is reserved for privileged users: choose another by --port"
    )
    assert reason(OSError(errno.EIO, "Input/output error"), "127.0.0.1", 80) == (
        "port 80 of 127.0.0.1 cannot be used: Input/output error"
    )


@pytest.mark.parametrize(
    "new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
def test_many_clients_are_accepted_in_few_iterations(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """One more client does not wait for an iteration of the event loop for each before it."""
    clients, iterations = 100, 0
    made: list[asyncio.BaseTransport] = []

    class Accepted(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.append(transport)

    async def accept(sockets: Sequence[socket.socket]) -> None:
        nonlocal iterations
        loop = asyncio.get_running_loop()
        servers = [await loop.create_server(Accepted, sock=one) for one in sockets]
        address = sockets[0].getsockname()
        waiting = [socket.create_connection(address) for _ in range(clients)]
        while len(made) < clients:
            await asyncio.sleep(0)
            iterations += 1
        for one in (*made, *waiting, *servers):
            one.close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(asyncio.wait_for(accept(duplicated(bind("127.0.0.1", 0))), 30))

    assert iterations <= clients / 4
