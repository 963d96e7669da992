"""Refusals over real sockets: clients see them, and 300 hostile connections leave others served."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest

from api.server.connection_table import REFUSED_FILES
from api.server.transport import WriteCoalescingTransport
from tests.api.server.hostile import (
    Served,
    get,
    post,
    served,
    status,
    until,
    until_end,
    wait_for,
)

TIMES = 10
SIZE = 30_000_000
CLOSE = b"Connection: close\r\n"

URLLIB = f"""
import sys, urllib.error, urllib.request
try:
    urllib.request.urlopen(sys.argv[1], bytes({SIZE}))
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
"""
NODE = f"""
fetch(process.argv[1], {{method: "POST", body: new Uint8Array({SIZE})}})
    .then(async (answer) => console.log(answer.status, await answer.text()));
"""


class Waiting:
    """Transport of a socket from which nothing is read."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def get_extra_info(self, _: str) -> socket.socket:
        """Return the socket."""
        return self._connection


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    """Server with limits in tenths, that lets clients read as long as the real one does."""
    with served(linger_s=30.0, linger_idle_s=5.0, body_s=20.0, rate_s=5.0) as server:
        yield server


def run(*command: str, given: bytes = b"") -> str:
    """Output of a command."""
    done = subprocess.run(command, input=given, capture_output=True, check=True, timeout=60)  # noqa: S603
    return done.stdout.decode()


def by_urllib(url: str) -> str:
    """Status and body by Python's own client, which sends all before it reads."""
    return run(sys.executable, "-c", URLLIB, url)


def by_node(url: str) -> str:
    """Status and body by node's fetch."""
    return run("node", "-e", NODE, url)


def by_curl(url: str) -> str:
    """Status and body by curl, which expects 100 Continue."""
    command = ("curl", "-s", "-w", "%{stderr}", "--data-binary", "@-", "-o", "-", url)
    return "413 " + run(*command, given=bytes(SIZE))


def by_httpx(url: str) -> str:
    """Status and body by httpx."""
    answer = httpx.post(url, content=bytes(SIZE), timeout=60)
    return f"{answer.status_code} {answer.text}"


@pytest.mark.parametrize("ask", [by_urllib, by_node, by_curl, by_httpx])
def test_clients_see_a_refusal(server: Served, ask: Callable[[str], str]) -> None:
    """Each of ten large bodies that are not read gets its 413, not a reset connection."""
    program = ask.__name__.removeprefix("by_")
    if program in {"node", "curl"} and shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    url = f"http://127.0.0.1:{server.port}/refuse"

    assert [ask(url).strip() for _ in range(TIMES)] == ["413 too large"] * TIMES


def test_a_client_that_never_stops_is_cut() -> None:
    """The rest of a refused request is discarded up to a limit of its bytes."""
    with served(linger_bytes=5_000_000, linger_s=20.0) as server, server.connect() as client:
        client.sendall(post("/refuse", bytes(10_000_000))[:1000])
        with pytest.raises(ConnectionError):
            client.sendall(bytes(100_000_000))
        assert server.is_served()


def test_a_refused_client_that_stays_is_closed() -> None:
    """One that neither sends nor closes has a time, too."""
    with served(linger_idle_s=0.2) as server, server.connect() as client:
        client.sendall(post("/refuse", bytes(100))[:-1])
        assert status(until_end(client)) == 413
        wait_for(lambda: len(server.state.table) == 0)
        assert not server.state.table.lingering


def test_an_early_response_keeps_the_connection_of_a_small_body(server: Served) -> None:
    """A body that no route reads is discarded to its end where little of it is missing."""
    request = post("/unread", bytes(5000))
    with server.connect() as client:
        client.sendall(request[:100])
        assert b"connection: close" not in until(client, b"unread")
        client.sendall(request[100:] + get("/echo", CLOSE))
        assert status(until_end(client)) == 200


def test_an_early_response_ends_the_connection_of_a_large_body(server: Served) -> None:
    """The response says `Connection: close`, and its client may send the rest."""
    request = post("/unread", bytes(5_000_000))
    with server.connect() as client:
        client.sendall(request[:100])
        assert b"connection: close" in until(client, b"unread")
        client.sendall(request[100:])
        assert until_end(client) == b""


def test_connections_of_one_address() -> None:
    """Those over the limit are a 503 with Retry-After; other addresses are served."""
    with served(per_loopback=5, head_s=20.0, idle_s=20.0) as server, ExitStack() as held:
        for _ in range(5):
            held.enter_context(server.connect()).sendall(b"GET /")
        wait_for(lambda: len(server.state.table) == 5 and not server.state.table.idle)
        answer = server.ask(get("/echo"))

        assert status(answer) == 503
        assert b"retry-after: 1" in answer
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["type"].endswith("too-many-connections")
        assert server.is_served("127.0.0.2")
    assert server.state.table.refusals == {"too-many-connections": 1}


def test_every_refused_connection_sees_its_refusal() -> None:
    """Of 250 at once with a body on its way, each over the limit reads its 503, none a reset."""
    limits = {"per_loopback": 5, "linger_s": 30.0, "linger_idle_s": 20.0}
    request = post("/echo", bytes(200_000))
    with served(head_s=20.0, body_s=20.0, rate_s=20.0, **limits) as server, ExitStack() as held:

        def begin(count: int) -> list[socket.socket]:
            clients = [held.enter_context(server.connect()) for _ in range(count)]
            for client in clients:
                client.sendall(request[:1000])
            return clients

        begin(5)
        wait_for(lambda: len(server.state.table) == 5 and not server.state.table.idle)
        refused = begin(245)
        for client in refused:
            client.sendall(request[1000:])
        answers = [until_end(client) for client in refused]

        assert [status(one) for one in answers] == [503] * 245
        assert all(b"\r\nretry-after: " in one for one in answers)
        assert server.state.table.refusals == {"too-many-connections": 245}


def test_refused_connections_make_room_for_others() -> None:
    """They take few files besides those of open ones; the oldest is closed for the next."""
    limits = {"connections": 20, "per_loopback": 5, "linger_s": 30.0, "linger_idle_s": 20.0}
    with served(head_s=20.0, **limits) as server, ExitStack() as held:
        for _ in range(5):
            held.enter_context(server.connect()).sendall(b"GET /")
        wait_for(lambda: len(server.state.table) == 5 and not server.state.table.idle)
        for _ in range(95):
            held.enter_context(server.connect())
        wait_for(lambda: server.state.table.refusals.total() == 95)
        wait_for(lambda: len(server.state.connections) == 20 + REFUSED_FILES)
        assert all(server.is_served("127.0.0.2") for _ in range(3))


def test_idle_connections_make_room() -> None:
    """The one that has been idle for longest is closed, and no connection is refused."""
    with served(per_loopback=3, idle_s=20.0, head_s=20.0) as server, ExitStack() as held:
        clients = [held.enter_context(server.connect()) for _ in range(3)]
        for client in clients[::-1]:
            client.sendall(get("/echo"))
            until(client, b"/echo")
        newest = held.enter_context(server.connect())
        newest.sendall(get("/echo"))

        assert status(until(newest, b"/echo")) == 200
        assert until_end(clients[2]) == b""
        clients[0].sendall(get("/echo", CLOSE))
        assert status(until_end(clients[0])) == 200


def test_requests_on_their_way_are_not_lost_for_room() -> None:
    """Of 60 clients that connect, and then send, each has an answer; waiting ones are not idle."""
    with (
        served(per_loopback=5, fresh_s=20.0, head_s=20.0, idle_s=20.0) as server,
        ExitStack() as held,
    ):
        clients = [held.enter_context(server.connect()) for _ in range(60)]
        wait_for(lambda: server.state.table.refusals.total() == 55)
        for client in clients:
            client.sendall(get("/slow", CLOSE))
        assert [status(until_end(one)) for one in clients] == [200] * 5 + [503] * 55


def test_a_connection_whose_request_was_not_read_is_not_idle() -> None:
    """Bytes that wait in the system count, whenever the server gets to read them."""
    left, right = socket.socketpair()
    with left, right:
        transport = WriteCoalescingTransport(Waiting(left), None)  # type: ignore[arg-type]
        assert transport.unread == 0
        right.sendall(b"GET /")
        assert transport.unread == 5


def test_connections_in_all() -> None:
    """Over their limit the idle one of any address makes room, then a connection is refused."""
    with (
        served(connections=4, per_loopback=3, head_s=20.0, fresh_s=0.0) as server,
        ExitStack() as held,
    ):
        busy = [held.enter_context(server.connect()) for _ in range(3)]
        for client in busy:
            client.sendall(b"GET /")
        idle = held.enter_context(server.connect("127.0.0.2"))
        wait_for(lambda: len(server.state.table) == 4 and len(server.state.table.idle) == 1)
        last = held.enter_context(server.connect("127.0.0.3"))
        last.sendall(b"GET /")
        assert until_end(idle) == b""
        wait_for(lambda: not server.state.table.idle)
        assert status(server.ask(get("/echo"), "127.0.0.4")) == 503


HOSTILE = {
    "silent": b"",
    "within the head": b"GET / HTTP/1.1\r\nHost: x\r\nX: ",
    "without a body": post("/echo", b"abc")[:-3],
    "with a byte of the body": post("/echo", b"abc")[:-2],
    "with a body to a route that reads none": post("/unread", bytes(60_000))[:-50_000],
    "that read nothing": get("/large?1000000"),
    "refused": post("/refuse", bytes(1_000_000))[:-900_000],
    "with a long head": get("/echo", b"X: " + b"a" * 100_000),
    "not HTTP": b"\x16\x03\x01" * 100,
    "pipelining": get("/echo") * 500,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_connections_leave_others_served(name: str) -> None:
    """300 of a kind at once: a client of another address gets 50 of 50; then all are gone."""
    with served(connections=400, per_loopback=350) as server, ExitStack() as held:
        for _ in range(300):
            client = held.enter_context(server.connect())
            client.settimeout(1)
            try:
                client.sendall(HOSTILE[name])
            except (TimeoutError, ConnectionError):
                continue  # it is cut already
        assert all(server.is_served("127.0.0.2") for _ in range(50))
        wait_for(lambda: len(server.state.table) == 0)
        assert server.state.table.unsent == 0
        assert server.application.started == server.application.finished


def test_sockets_of_a_thousand_connections_are_released() -> None:
    """Connections over the limit cost nothing when they are closed."""
    with served(connections=50, per_loopback=40) as server:
        clients = [server.connect() for _ in range(300)]
        for client in clients:
            client.close()
        wait_for(lambda: not server.state.connections)
        assert len(server.state.table) == 0
        assert server.is_served()
