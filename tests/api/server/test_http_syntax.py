"""HTTP/1.1 over real sockets (RFC 9112): valid and invalid requests, and their ends."""

from collections.abc import Iterator

import pytest

from tests.api.server.hostile import Served, get, post, served, status, until, until_end

CLOSE = b"Connection: close\r\n"
CHUNKED = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
EVIL = b"GET /evil HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    """Server with limits in tenths."""
    with served() as server:
        yield server


def line(fields: bytes, version: bytes = b"1.1", method: bytes = b"GET") -> bytes:
    """Request with exactly these fields."""
    return b"%b /echo HTTP/%b\r\n%b\r\n" % (method, version, fields)


INVALID = {
    "no Host": line(b""),
    "two Hosts": line(b"Host: x\r\nHost: x\r\n"),
    "two different Hosts": line(b"Host: x\r\nHost: y\r\n"),
    "two Hosts in HTTP/1.0": line(b"Host: x\r\nHost: y\r\n", b"1.0"),
    "HTTP/0.9": b"GET /echo\r\n\r\n",
    "HTTP/1.2": line(b"Host: x\r\n", b"1.2"),
    "HTTP/2.0": line(b"Host: x\r\n", b"2.0"),
    "HTTP/2's first line": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "unknown method": line(b"Host: x\r\n", method=b"BREW"),
    "method in lower case": line(b"Host: x\r\n", method=b"get"),
    "CONNECT": b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "folded line": line(b"Host: x\r\nX: a\r\n b\r\n"),
    "blank before a colon": line(b"Host : x\r\n"),
    "no colon": line(b"Host: x\r\nabc\r\n"),
    "no name": line(b"Host: x\r\n: b\r\n"),
    "bare CR": line(b"Host: x\r\nX: a\rY: b\r\n"),
    "bare LF": b"GET /echo HTTP/1.1\nHost: x\n\n",
    "NUL": line(b"Host: x\r\nX: a\0b\r\n"),
    "tab in the URL": b"GET /\techo HTTP/1.1\r\nHost: x\r\n\r\n",
    "URL that is none": b"GET http://x:99999/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "both lengths": CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n" + EVIL,
    "both lengths, the other way": post("/echo", b"", b"Transfer-Encoding: chunked\r\n") + EVIL,
    "two lengths": post("/echo", b"abc", b"Content-Length: 0\r\n") + EVIL,
    "two equal lengths": post("/echo", b"abc", b"Content-Length: 3\r\n") + EVIL,
    "length of a sign": line(b"Host: x\r\nContent-Length: +3\r\n", method=b"POST") + b"abc",
    "negative length": line(b"Host: x\r\nContent-Length: -3\r\n", method=b"POST") + b"abc",
    "length of words": line(b"Host: x\r\nContent-Length: three\r\n", method=b"POST"),
    "list of lengths": line(b"Host: x\r\nContent-Length: 3, 3\r\n", method=b"POST") + b"abc",
    "length without an end": line(b"Host: x\r\nContent-Length: " + b"9" * 30 + b"\r\n"),
    "gzip": CHUNKED.replace(b"chunked", b"gzip") + b"\r\n" + EVIL,
    "gzip, chunked": CHUNKED.replace(b"chunked", b"gzip, chunked") + b"\r\n0\r\n\r\n" + EVIL,
    "identity": CHUNKED.replace(b"chunked", b"identity") + b"\r\n" + EVIL,
    "xchunked": CHUNKED.replace(b"chunked", b"xchunked") + b"\r\n0\r\n\r\n" + EVIL,
    "two codings": CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n" + EVIL,
    "chunked in HTTP/1.0": CHUNKED.replace(b"/1.1", b"/1.0") + b"\r\n0\r\n\r\n" + EVIL,
    "size of a chunk with 0x": CHUNKED + b"\r\n0x1\r\na\r\n0\r\n\r\n" + EVIL,
    "size of a chunk with a blank": CHUNKED + b"\r\n1 \r\na\r\n0\r\n\r\n" + EVIL,
    "size of a chunk that is too large": CHUNKED + b"\r\n" + b"f" * 17 + b"\r\na" + EVIL,
    "chunk that is too long": CHUNKED + b"\r\n1\r\nab\r\n0\r\n\r\n" + EVIL,
    "chunks with bare LF": CHUNKED + b"\r\n1\na\n0\n\n" + EVIL,
}


@pytest.mark.parametrize("name", INVALID)
def test_what_is_no_request_is_refused(server: Served, name: str) -> None:
    """A 400 as a problem, then the end of the connection; nothing after it is executed."""
    known = len(server.application.requests)
    answer = server.ask(INVALID[name])

    assert status(answer) == 400
    assert answer.count(b"HTTP/1.1 400 ") == 1
    assert b"HTTP/1.1 200 " not in answer
    assert b"connection: close" in answer
    assert b"urn:lightwell:problem:invalid-request" in answer
    assert server.application.requests[known:] == []


VALID = {
    "blank after a length": (post("/echo", b"abc", CLOSE).replace(b": 3\r\n", b": 3 \t\r\n"), 3),
    "leading zeros of a length": (post("/echo", b"abc", CLOSE).replace(b": 3", b": 0003"), 3),
    "empty Host": (get("/echo", CLOSE).replace(b"Host: x", b"Host:"), 0),
    "HTTP/1.0 without a Host": (line(b"", b"1.0"), 0),
    "URL of a proxy": (get("/echo", CLOSE).replace(b"/echo", b"http://x/echo"), 0),
    "empty line before it": (b"\r\n\r\n" + get("/echo", CLOSE), 0),
    "value that is not ASCII": (get("/echo", CLOSE + b"X: \xff\r\n"), 0),
    "chunks": (CHUNKED + CLOSE + b"\r\n1;ext=1\r\na\r\n02\r\nbc\r\n0\r\n\r\n", 3),
    "chunked in capitals": (CHUNKED.replace(b"chunked", b"Chunked") + CLOSE + b"\r\n0\r\n\r\n", 0),
}


@pytest.mark.parametrize("name", VALID)
@pytest.mark.parametrize("packets", ["one", "bytes"])
def test_what_is_a_request_is_answered(server: Served, name: str, packets: str) -> None:
    """In one packet, and byte by byte."""
    request, length = VALID[name]
    with server.connect() as client:
        size = len(request) if packets == "one" else 1
        for start in range(0, len(request), size):
            client.sendall(request[start : start + size])
        answer = until_end(client)

    assert status(answer) == 200
    assert answer.endswith(b"\r\n\r\n" + (b"abc"[:length] or b"/echo"))


def test_blanks_are_no_part_of_a_value(server: Served) -> None:
    """The application sees values without them."""
    assert b"&y=a b&" in server.ask(get("/echo", b"Y: \t a b \t\r\n" + CLOSE))


def test_trailers_are_no_headers(server: Served) -> None:
    """Neither of their own request, nor of the next one."""
    trailers = b"\r\n1\r\na\r\n0\r\nAuthorization: evil\r\nHost: evil\r\n\r\n"
    answer = server.ask(CHUNKED + trailers + get("/echo", CLOSE))

    assert answer.count(b"HTTP/1.1 200") == 2
    assert b"evil" not in answer


def test_a_body_is_not_the_next_request(server: Served) -> None:
    """Two requests on one connection: the first one's body is its body, read or not."""
    known = len(server.application.requests)
    answer = server.ask(post("/unread", EVIL) + post("/echo", EVIL) + get("/echo", CLOSE))

    assert answer.count(b"HTTP/1.1 200") == 3
    assert [path for _, path, _ in server.application.requests[known:]] == ["/echo", "/echo"]


def test_http_1_0_gets_no_chunks(server: Served) -> None:
    """A response without a length ends with the connection."""
    with_length = server.ask(get("/echo").replace(b"/1.1", b"/1.0"))
    without = server.ask(get("/stream", b"Connection: keep-alive\r\n").replace(b"/1.1", b"/1.0"))

    assert b"connection: close" in with_length
    assert b"transfer-encoding" not in without
    assert without.endswith(b"\r\n\r\nline 0\nline 1\nline 2\n")


def test_http_1_0_keeps_a_connection_where_asked(server: Served) -> None:
    """A client that asks for it gets `Connection: keep-alive`."""
    asked = get("/echo", b"Connection: keep-alive\r\n").replace(b"/1.1", b"/1.0")
    with server.connect() as client:
        for _ in range(2):
            client.sendall(asked)
            assert b"connection: keep-alive" in until(client, b"/echo")


def test_http_1_1_gets_chunks_and_keeps_its_connection(server: Served) -> None:
    """The end of a stream is marked, and the next request is answered."""
    answer = server.ask(get("/stream") + get("/echo", CLOSE))

    assert b"transfer-encoding: chunked" in answer
    assert b"7\r\nline 0\n\r\n" in answer
    assert b"0\r\n\r\nHTTP/1.1 200 OK" in answer


def test_nothing_is_read_after_the_last_request(server: Served) -> None:
    """A request after one with Connection: close is not executed."""
    known = len(server.application.requests)
    answer = server.ask(get("/echo", CLOSE) + EVIL)

    assert answer.count(b"HTTP/1.1") == 1
    assert len(server.application.requests) == known + 1


def test_expect_gets_its_interim_response(server: Served) -> None:
    """Where the body is read; a request that is refused, or reads none, gets none."""
    expect = b"Expect: 100-continue\r\n"
    with server.connect() as client:
        client.sendall(post("/echo", b"abc", expect + CLOSE)[:-3])
        assert until(client, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"abc")
        assert status(until_end(client)) == 200
    for path, expected in (("/refuse", 413), ("/unread", 200)):
        answer = server.ask(post(path, b"abc", expect)[:-3])
        assert status(answer) == expected
        assert b"connection: close" in answer
        assert b"100 Continue" not in answer


def test_a_bug_is_one_response(server: Served) -> None:
    """An exception of the application is a 500."""
    answer = server.ask(get("/fail", CLOSE))

    assert status(answer) == 500
    assert answer.count(b"HTTP/1.1") == 1
