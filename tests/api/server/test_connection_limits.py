"""Limits of connections over real sockets: sizes and times of requests, at and beyond each."""

import time
from collections.abc import Iterator

import pytest

from api.access.proxies import TrustedProxies
from api.server.connection_limits import ConnectionLimits
from tests.api.server.hostile import (
    IN_TENTHS,
    WAIT_S,
    Served,
    get,
    post,
    served,
    status,
    until,
    until_end,
    wait_for,
)

HEAD_S, BODY_S, IDLE_S, TICK_S = 1.0, 2.0, 0.5, 0.025
PATIENT = {"idle_s": WAIT_S, "head_s": WAIT_S, "body_s": WAIT_S, "rate_s": WAIT_S}
CLOSE = b"Connection: close\r\n"


@pytest.fixture(scope="module")
def quick() -> Iterator[Served]:
    """Server with all times in tenths."""
    with served() as server:
        yield server


@pytest.fixture(scope="module")
def patient() -> Iterator[Served]:
    """Server that waits, so that only sizes are refused."""
    with served(**PATIENT) as server:
        yield server


def padded(size: int) -> bytes:
    """GET whose head has a number of bytes."""
    missing = size - len(get("/echo", CLOSE + b"X: \r\n"))
    return get("/echo", CLOSE + b"X: %b\r\n" % (b"a" * missing))


@pytest.mark.parametrize(("size", "expected"), [(16_383, 200), (16_384, 200), (16_385, 431)])
@pytest.mark.parametrize("piece", [1 << 20, 1000, 1])
def test_bytes_of_a_head(patient: Served, size: int, expected: int, piece: int) -> None:
    """16 KiB of request line and headers are taken, one byte more is not, in any packets."""
    request = padded(size)
    with patient.connect() as client:
        for start in range(0, len(request), piece):
            client.sendall(request[start : start + piece])
        assert status(until_end(client)) == expected


@pytest.mark.parametrize(("count", "expected"), [(63, 200), (64, 200), (65, 431)])
def test_header_fields(patient: Served, count: int, expected: int) -> None:
    """64 header fields are taken, one more is not; the problem names the limit."""
    answer = patient.ask(get("/echo", CLOSE + b"X: 1\r\n" * (count - 2)))

    assert status(answer) == expected
    assert expected == 200 or b"64 header fields" in answer


@pytest.mark.parametrize(("size", "expected"), [(4095, 200), (4096, 200), (4097, 414)])
def test_bytes_of_a_url(patient: Served, size: int, expected: int) -> None:
    """4 KiB of URL are taken, one byte more is a 414."""
    answer = patient.ask(get("/" + "a" * (size - 1), CLOSE))

    assert status(answer) == expected
    assert expected == 200 or b"4096 bytes" in answer


@pytest.mark.parametrize("size", [1_000_000, 10_000_000])
@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"GET /"])
def test_endless_heads_are_refused_by_their_first_bytes(
    patient: Served, start: bytes, size: int
) -> None:
    """A head without an end is answered when 16 KiB of it have arrived, and not parsed further."""
    with patient.connect() as client:
        client.sendall(start + b"a" * 20_000)
        answer = until(client, b"}")
        client.sendall(b"a" * size)  # is discarded

    assert status(answer) in {414, 431}
    assert answer.count(b"HTTP/1.1 4") == 1


def test_trailers_and_extensions_of_chunks_are_bounded(patient: Served) -> None:
    """Bytes of a chunked body that are no data are limited as a head is."""
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1"
    for rest in (b";" + b"a" * 40_000, b"\r\na\r\n0\r\n" + b"T: b\r\n" * 8000):
        with patient.connect() as client:
            client.sendall(head)
            time.sleep(0.05)
            for start in range(0, len(rest), 10_000):
                client.sendall(rest[start : start + 10_000])
                time.sleep(0.02)
            assert status(until_end(client)) == 431


def drip(server: Served, request: bytes, first: bytes = b"") -> tuple[bytes, float]:
    """Send a request byte by byte until the server answers; return the answer and the seconds."""
    began = time.monotonic()
    with server.connect() as client:
        client.sendall(first)
        client.settimeout(0.02)
        for number in range(len(request)):
            client.sendall(request[number : number + 1])
            try:
                begin = client.recv(1)
            except TimeoutError:
                continue
            return begin + until_end(client), time.monotonic() - began
        return until_end(client), time.monotonic() - began


def test_a_connection_without_a_request(quick: Served) -> None:
    """It is a 408 after the time of a head."""
    began = time.monotonic()
    answer = quick.ask(b"")

    assert status(answer) == 408
    assert b"application/problem+json" in answer
    assert time.monotonic() - began >= HEAD_S


def test_a_head_byte_by_byte(quick: Served) -> None:
    """Bytes that arrive do not prolong the time of a head."""
    answer, seconds = drip(quick, padded(4000))

    assert status(answer) == 408
    assert HEAD_S <= seconds < 10 * HEAD_S


def test_a_head_of_a_later_request_byte_by_byte(quick: Served) -> None:
    """The second request of a connection has as much time as the first, from its first byte."""
    with quick.connect() as client:
        client.sendall(get("/echo"))
        assert status(until(client, b"/echo")) == 200
        client.sendall(b"G")
        assert status(until_end(client)) == 408


def test_a_body_that_does_not_come(quick: Served) -> None:
    """It is a 408, also on a route that reads no body, or has answered already."""
    for path in ("/echo", "/slow"):
        assert status(quick.ask(post(path, b"abc")[:-1])) == 408
    head = b"GET /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
    assert status(quick.ask(head)) == 408
    answer = quick.ask(head.replace(b"/echo", b"/unread"))
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(b"HTTP/1.1") == 1


def test_a_body_byte_by_byte(quick: Served) -> None:
    """It is below the least rate: a 408, and the application sees a disconnected client."""
    before = quick.application.disconnects
    body = b"a" * 4000
    answer, _ = drip(quick, body, post("/echo", body)[: -len(body)])

    assert status(answer) == 408
    assert b"4096 bytes a second" in answer
    wait_for(lambda: quick.application.disconnects == before + 1)


def test_a_body_has_a_second_more_for_each_64_kib() -> None:
    """A body that arrives at the least rate is read however long it takes; a slower one is not."""
    with served(body_s=0.2, bytes_per_further_s=1000) as server, server.connect() as client:
        body = b"a" * 8000
        client.sendall(post("/echo", body, CLOSE)[: -len(body)])
        for _ in range(8):
            time.sleep(0.1)
            client.sendall(body[:1000])
        assert status(until_end(client)) == 200


def test_an_idle_connection_is_closed_without_an_answer(quick: Served) -> None:
    """A client that sends its next request on it must not take a 408 for its response."""
    with quick.connect() as client:
        client.sendall(get("/echo"))
        until(client, b"/echo")
        began = time.monotonic()
        assert until_end(client) == b""
        assert time.monotonic() - began >= IDLE_S - TICK_S


def test_a_request_that_runs_is_not_idle() -> None:
    """No time of a connection passes while its response is made."""
    with served(idle_s=0.05, head_s=0.05, body_s=0.05, rate_s=0.02) as server:
        assert status(server.ask(post("/slow", b"abc", CLOSE))) == 200


@pytest.mark.parametrize("path", ["large", "buffers"])
def test_a_reader_that_stops_is_cut(path: str) -> None:
    """Its connection is reset, its buffers are freed, and others are served meanwhile.

    Bytes that wait are counted, those that the application has not yet sent too.
    """
    with served(stall_s=0.3) as server:
        client = server.connect()
        client.sendall(get(f"/{path}?80000000"))
        wait_for(lambda: server.state.table.unsent > 50_000_000)
        assert server.application.finished == 0  # it waits for the client
        assert server.is_served()
        wait_for(lambda: len(server.state.table) == 0)
        assert server.state.table.unsent == 0
        assert server.application.finished == 2
        assert len(until_end(client)) < 80_000_000
        client.close()


def test_a_slow_reader_is_not_cut() -> None:
    """A client that takes some of its response in each window gets all of it."""
    with served(stall_s=0.2) as server, server.connect() as client:
        client.sendall(get("/large?20000000", CLOSE))
        received = 0
        while part := client.recv(400_000):
            received += len(part)
            time.sleep(0.01)
        assert received > 20_000_000


def test_limits_by_address() -> None:
    """Loopback, other addresses and proxies have limits of their own; a setting replaces both."""
    limits = ConnectionLimits(proxies=TrustedProxies(("10.0.0.1",)))

    assert limits.of_address("127.0.0.1") == limits.of_address("::1") == 128
    assert limits.of_address("192.0.2.1") == 256
    assert limits.of_address("10.0.0.1") == limits.of_address("") == 1024
    few = ConnectionLimits(connections=64, per_address=7, per_loopback=7)
    assert few.of_address("127.0.0.1") == few.of_address("192.0.2.1") == 7
    assert ConnectionLimits(connections=64).of_address("192.0.2.1") == 16


def test_limits_of_the_tests_are_tenths() -> None:
    """Limits of a server in seconds are ten times those of the tests."""
    real = ConnectionLimits()

    assert (real.head_s, real.body_s, real.rate_s, real.stall_s) == (10, 20, 5, 15)
    assert (real.idle_s, real.least_rate, real.bytes_per_further_s) == (5, 4096, 65_536)
    assert (real.head_bytes, real.head_fields, real.url_bytes) == (16_384, 64, 4096)
    assert IN_TENTHS.head_s * 10 == real.head_s
    assert IN_TENTHS.least_rate == real.least_rate
