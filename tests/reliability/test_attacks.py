"""Attacks of one connection on a running server, while a client at another address is served."""

import os
import re
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.api.bodies import PICTURE
from tests.reliability import attacks_on_access, attacks_on_answers, attacks_on_http
from tests.reliability.attack import (
    ALIVE,
    AUTH,
    END,
    FLAGS,
    GATES,
    HOST,
    JSON,
    LONG,
    SEQUENCE,
    SHORT,
    TIMEOUT_S,
    Attack,
    ask,
    chunked,
    connect,
    get,
    is_problem,
    post,
    replies,
    until_end,
)
from tests.reliability.wire import port_of
from tests.servers import Server, started

ATTACKS = (*attacks_on_http.ATTACKS, *attacks_on_access.ATTACKS, *attacks_on_answers.ATTACKS)
WITNESS = "127.0.0.2"
OWN_NETWORK = "127.1"
REPEATED = 30
STEPS = '{"sequence":"%s"}' % ("10" * 2_000)
LEAST = 30
"""Attacks that there are at least."""

Behaviour = Callable[[int, str], None]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server with tokens, which ends with 0 on SIGTERM after all attacks."""
    with started(*FLAGS) as server:
        yield server
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(TIMEOUT_S) == 0


@pytest.fixture(scope="module")
def port(server: Server) -> int:
    """Port of the attacked server."""
    return port_of(server.url)


@pytest.fixture(scope="module")
def expected(port: int) -> bytes:
    """Answer that the witness had before the attacks."""
    return witnessed(port)


def witnessed(port: int) -> bytes:
    """Return the answer that a client at another address has."""
    [reply] = replies(ask(port, get(GATES, b"Connection: close\r\n"), WITNESS))
    assert reply.status == 200
    return reply.body


def address(number: int) -> str:
    """Address of loopback from which one attack comes."""
    return f"{OWN_NETWORK}.{number // 250}.{number % 250 + 1}"


@pytest.mark.parametrize(
    ("number", "attack"), [pytest.param(*each, id=each[1].name) for each in enumerate(ATTACKS)]
)
def test_an_attack_is_answered_and_changes_nothing(
    number: int, attack: Attack, port: int, expected: bytes
) -> None:
    """Each request has its status, refusals are problems, and the connection stays in step."""
    methods = [line.split(b" ")[0].decode("latin-1") for line in attack.sent.split(b"\r\n")[:1]]
    content = ask(port, attack.sent, attack.source or address(number))
    found = replies(content, methods)

    assert [one.status for one in found] == [*attack.statuses]
    assert [one for one in found if one.status >= 400 and one.body and not is_problem(one)] == []
    if attack.is_survived:
        assert found[-1].body == ALIVE
    assert not attack.withheld or attack.withheld not in content
    assert not [one for one in found if "attacker.example" in one.headers.get("location", "/")[:2]]
    assert [one.headers["set-cookie"] for one in found if one.headers["set-cookie"] == "a=b"] == []
    assert witnessed(port) == expected


def reset(connection: socket.socket) -> None:
    """Close a connection by a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def resets_within_answers(port: int, source: str) -> None:
    """Reset connections after the first bytes of large answers."""
    for _ in range(REPEATED):
        connection = connect(port, source)
        connection.sendall(post("/lstm/gates", STEPS.encode()))
        assert connection.recv(64).startswith(b"HTTP/1.1 200")
        reset(connection)


def resets_within_bodies(port: int, source: str) -> None:
    """Reset connections within a body, and before a head has ended."""
    for sent in (post("/cnn/predict", PICTURE, b"Content-Type: image/png\r\n")[:-20], b"GET /"):
        for _ in range(REPEATED):
            connection = connect(port, source)
            connection.sendall(sent)
            reset(connection)


def leaves_streams(port: int, source: str) -> None:
    """Leave streams of lines after their first bytes."""
    for _ in range(REPEATED):
        connection = connect(port, source)
        connection.sendall(post("/lstm/gates.jsonl", STEPS.encode()))
        assert connection.recv(64).startswith(b"HTTP/1.1 200")
        connection.close()


def reads_no_stream(port: int, source: str) -> None:
    """Ask for sixteen streams on one connection, and read none of them."""
    with connect(port, source) as connection:
        connection.sendall(post("/lstm/gates.jsonl", STEPS.encode()) * 16)
        time.sleep(0.2)


def closes_half(port: int, source: str) -> None:
    """Close the sending half after a request, within a head, and within a body."""
    for sent in (get("/models"), b"GET /models HT", post("/lstm/gates", SEQUENCE)[:-5], b""):
        with connect(port, source) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            assert len(replies(until_end(connection))) <= 1


def sends_single_bytes(port: int, source: str) -> None:
    """Send a whole request in segments of one byte."""
    with connect(port, source) as connection:
        for byte in chunked(b"14\r\n" + SEQUENCE + b"\r\n0\r\n") + END:
            connection.sendall(bytes((byte,)))
        found = replies(until_end(connection))
    assert [one.status for one in found] == [200, 200]


def sends_urgent_bytes(port: int, source: str) -> None:
    """Send urgent bytes of TCP within a request, and another request without any."""
    with connect(port, source) as connection:
        sent = get("/models")
        # The server may have refused the first of them already.
        with suppress(ConnectionError):
            for at in range(0, len(sent), 20):
                connection.send(b"!", socket.MSG_OOB)
                connection.sendall(sent[at : at + 20])
            connection.sendall(END)
        found = replies(until_end(connection))
    # A later urgent byte makes an earlier one a part of the stream: of the request line, which ends
    # the connection, or of the header with the token.
    assert [one.status for one in found] in ([200, 200], [400], [401, 200])


def asks_before_it_reads(port: int, source: str) -> None:
    """Send requests behind an answer that is not read, then read all of them."""
    with connect(port, source) as connection:
        connection.sendall(post("/lstm/gates", STEPS.encode()) * 3)
        time.sleep(0.2)
        connection.sendall(END)
        found = replies(until_end(connection))
    assert [one.status for one in found] == [200] * 4


def withholds_expected_bodies(port: int, source: str) -> None:
    """Announce bodies with `Expect: 100-continue` and send other requests in their place."""
    head = b"POST /lstm/gates HTTP/1.1\r\n" + HOST + AUTH + JSON
    head += b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(END)
    with connect(port, source) as connection:
        connection.sendall(head)
        assert connection.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(END + END)
        found = replies(until_end(connection))
    assert [one.status for one in found] == [400, 200]


def opens_and_closes(port: int, source: str) -> None:
    """Open connections and close them at once, many times."""
    for _ in range(10 * REPEATED):
        connect(port, source).close()


def fills_the_caches(port: int, source: str) -> None:
    """Ask for a new request line, ETag and origin each time, on one connection."""
    with connect(port, source) as connection:
        for number in range(40 * REPEATED):
            fields = b"Origin: http://h%d.example\r\nAccept: x/x;q=.%d, */*\r\n" % (number, number)
            connection.sendall(get(f"/lstm/gates?sequence={number:b}", fields))
            received = b""
            while b"\r\n\r\n" not in received:
                received += connection.recv(65_536)
            assert received.startswith(b"HTTP/1.1 200")
            head, _, body = received.partition(b"\r\n\r\n")
            found = re.search(rb"content-length: (\d+)", head)
            assert found is not None
            missing = int(found[1]) - len(body)
            while missing:
                missing -= len(connection.recv(missing))


BEHAVIOURS: tuple[Behaviour, ...] = (
    resets_within_answers,
    resets_within_bodies,
    leaves_streams,
    reads_no_stream,
    closes_half,
    sends_single_bytes,
    sends_urgent_bytes,
    asks_before_it_reads,
    withholds_expected_bodies,
    opens_and_closes,
    fills_the_caches,
)


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda one: one.__name__)
def test_a_client_that_misbehaves_keeps_no_other_out(
    behaviour: Behaviour, server: Server, port: int, expected: bytes
) -> None:
    """Connections that end or stop in any place leave no file open, and others are served."""
    before = open_files(server)
    behaviour(port, "127.2.0.1")
    assert witnessed(port) == expected
    until = time.monotonic() + TIMEOUT_S
    while open_files(server) > before:
        assert time.monotonic() < until
        time.sleep(0.02)


def open_files(server: Server) -> int:
    """Count the open files of a server."""
    return len(os.listdir(Path(f"/proc/{server.process.pid}/fd")))  # noqa: PTH208


def test_no_attack_writes_into_the_log(server: Server, port: int) -> None:
    """Each line is short and plain, has no secret, and there is no traceback."""
    traced = b"traceparent: 00-%b-%b-01\r\nConnection: close\r\n" % (b"a" * 32, b"b" * 16)
    ask(port, get("/models", traced), WITNESS)
    server.wait_for("a" * 32)
    for line in list(server.lines):
        assert len(line) <= 2048
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u2028]", line.rstrip("\n"))
        for unwanted in ("FORGED", "Traceback", LONG, SHORT, "signature=", "0" * 32):
            assert unwanted not in line


def test_there_are_enough_attacks_of_different_names() -> None:
    """No name is there twice."""
    names = [one.name for one in ATTACKS]
    assert len(set(names)) == len(names) >= LEAST


def test_a_signal_ends_a_server_in_every_phase_of_a_request() -> None:
    """With a connection in each phase, SIGTERM ends the process with 0, and all are closed."""
    with started(*FLAGS) as server:
        port = port_of(server.url)
        expects = b"Expect: 100-continue\r\n" + JSON
        png = b"Content-Type: image/png\r\n"
        occlusion = "/cnn/attribution?method=occlusion&sanity=true&stride=1"
        phases = (
            b"",
            b"GET /mod",
            get("/models")[:-2],
            post("/lstm/gates", SEQUENCE)[:-5],
            post("/lstm/gates", SEQUENCE, expects)[: -len(SEQUENCE)],
            chunked(b"14\r\n" + SEQUENCE)[:-2],
            chunked(b"14\r\n" + SEQUENCE + b"\r\n0\r\n")[:-2],
            post("/lstm/gates.jsonl", STEPS.encode()) * 16,
            post("/lstm/gates", STEPS.encode()) * 16,
            post(occlusion, PICTURE, png) * 4,
            post("/livez", bytes(9 * 2**20))[: 2**16],
            b"\x16\x03\x01\x00\xc8" * 20,
            get("/models", b"X: " + b"x" * 20_000),
        )
        connections = [connect(port, address(number)) for number, _ in enumerate(phases)]
        for connection, sent in zip(connections, phases, strict=True):
            connection.sendall(sent)
        connections[0].shutdown(socket.SHUT_WR)
        time.sleep(0.1)
        server.process.send_signal(signal.SIGTERM)
        # The clients of the streams, and those behind them, read from now on.
        received = [until_end(connection) for connection in connections]
        assert server.process.wait(TIMEOUT_S) == 0
        for content in received:
            assert content == b"" or content.startswith(b"HTTP/1.1 ")
        assert not [line for line in server.lines if "Traceback" in line]
        for connection in connections:
            connection.close()
