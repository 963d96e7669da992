"""Pipelined requests over real sockets: answers in order, however the packets are cut."""

import itertools
import random
from collections.abc import Iterator

import pytest

from tests.api.server.hostile import Served, get, post, served, status, until_end

CLOSE = b"Connection: close\r\n"
CHUNKED = (
    b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: u\r\n\r\n"
)
TRAIN = (
    get("/slow")
    + post("/echo", b"first")
    + CHUNKED
    + get("/unread", b"Upgrade: h2c\r\nConnection: Upgrade\r\n")
    + post("/echo", b"last", CLOSE)
)
BODIES = [b"/slow", b"first", b"abcde", b"unread", b"last"]


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    """Server with limits in tenths."""
    with served(head_s=20, rate_s=20, body_s=20, idle_s=20) as server:
        yield server


def bodies(answer: bytes) -> list[bytes]:
    """Bodies of responses with a Content-Length, one after the other."""
    found = []
    while answer:
        head, _, answer = answer.partition(b"\r\n\r\n")
        fields = dict(one.split(b": ", 1) for one in head.split(b"\r\n")[1:])
        length = int(fields[b"content-length"])
        found.append(answer[:length])
        answer = answer[length:]
    return found


def cuts(kind: str) -> list[bytes]:
    """The train of requests in packets of some kind."""
    if kind == "bytes":
        return [TRAIN[at : at + 1] for at in range(len(TRAIN))]
    ends = random.Random(kind).sample(range(1, len(TRAIN)), int(kind))  # noqa: S311 - equal each time
    places = [0, *sorted(ends), len(TRAIN)]
    return [TRAIN[start:end] for start, end in itertools.pairwise(places)]


@pytest.mark.parametrize("kind", ["0", "1", "2", "3", "5", "8", "20", "bytes"])
def test_answers_are_in_order(server: Served, kind: str) -> None:
    """The same as in one packet, also where the first is the slowest."""
    with server.connect() as client:
        for packet in cuts(kind):
            client.sendall(packet)
        assert bodies(until_end(client)) == BODIES


def test_a_refusal_comes_after_the_responses_before_it(server: Served) -> None:
    """Bytes that are no request are answered in their place."""
    answer = server.ask(get("/slow") + get("/echo") + b"junk\r\n\r\n" + get("/echo"))

    assert [int(one[:3]) for one in answer.split(b"HTTP/1.1 ")[1:]] == [200, 200, 400]


def test_a_broken_body_is_refused_after_the_responses_before_it(server: Served) -> None:
    """The request whose chunks are not valid has one answer, the 400."""
    broken = CHUNKED.replace(b"3\r\nabc", b"zz\r\nabc")
    answer = server.ask(get("/slow") + broken)

    assert [int(one[:3]) for one in answer.split(b"HTTP/1.1 ")[1:]] == [200, 400]


def test_few_requests_wait(server: Served) -> None:
    """Of a thousand in one packet, those within the limit are answered, the last with a close."""
    before = server.application.started
    answer = server.ask(get("/slow") + get("/echo") * 1000)

    assert answer.count(b"HTTP/1.1 200 OK") == 1 + server.state.table.limits.pipelined
    assert answer.count(b"connection: close") == 1
    assert bodies(answer)[-1] == b"/echo"
    assert server.application.started == before + 17


def test_a_client_that_leaves_ends_its_requests(server: Served) -> None:
    """Those that wait are never begun."""
    before = server.application.started
    with server.connect() as client:
        client.sendall(get("/slow") * 3)
    assert status(server.ask(get("/echo", CLOSE))) == 200
    assert server.application.started - before <= 3
