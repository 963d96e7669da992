"""Fuzzer of request heads over a raw socket: lines, fields and lengths that are no HTTP/1.1."""

from collections.abc import Iterator
from random import Random

from tests.fuzz.exchange import Request
from tests.fuzz.mutation import MARK, mutated

METHODS = (
    "GET",
    "GET",
    "POST",
    "HEAD",
    "OPTIONS",
    "DELETE",
    "TRACE",
    "CONNECT",
    "PRI",
    "get",
    "G@T",
)
TARGETS = (
    *("/livez", "/lstm/predict?sequence=101", "/models", "/", "*", "http://127.0.0.1/livez", ""),
    *("//livez", "/../../etc/passwd", "/%00", "/%zz", "/%c0%af", "/lstm/%2e%2e/x", "/é", "/a b"),
    *("/livez#x", "/livez?" + "a" * 5_000, "/" + "b" * 20_000, "/lstm/predict?sequence=%ff"),
)
VERSIONS = ("HTTP/1.1",) * 8 + ("HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.1 ", "http/1.1", "")
FIELDS = (
    *(
        "Host: 127.0.0.1",
        "Host: 127.0.0.1",
        "Host: [::1]",
        f"Host: {MARK}",
        "Host:",
        "Connection: close",
    ),
    *("Content-Length: 0", "Content-Length: 5", "Content-Length: 5, 5", "Content-Length: -1"),
    *(
        "Content-Length: 5 ",
        "Content-Length: +5",
        "Content-Length: " + "9" * 30,
        "Content-Length: x",
    ),
    *(
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: identity",
    ),
    *("Transfer-Encoding : chunked", "Transfer-Encoding: \tchunked", "Expect: 100-continue"),
    *(
        "Upgrade: websocket",
        "Upgrade: h2c",
        "Connection: Upgrade, HTTP2-Settings",
        "Range: bytes=0-1",
    ),
    *("X: " + "y" * 20_000, f"{MARK}: 1", "X : 1", " folded", ": no name", "X\0: 1", "X: a\0b"),
    *("Accept: image/png;q=0.1,*/*", "Accept: " + "a/b," * 900, "If-None-Match: *", "X: \xff\x80"),
    *(
        "Accept-Encoding: gzip, br",
        "Origin: null",
        "X-Request-ID: " + "z" * 300,
        "traceparent: 00-0",
    ),
    *("Content-Type: application/json", "Content-Type: image/png", "Content-Encoding: gzip"),
)
BODIES = (
    b"",
    b"",
    b"12345",
    b"5\r\n12345\r\n0\r\n\r\n",
    b"fffffffffffffffff\r\n",
    b"5;x=y\r\n12345\r\n0\r\n",
)


def requests(random: Random) -> Iterator[Request]:
    """Yield requests with hostile heads, without end."""
    while True:
        line = f"{random.choice(METHODS)} {random.choice(TARGETS)} {random.choice(VERSIONS)}"
        fields = random.choices(FIELDS, k=random.choice((1, 2, 3, 5, 5, 8, 80)))
        end = random.choice(("\r\n",) * 9 + ("\n", "\r", "\r\r\n"))
        head = end.join([line, *fields, "", ""]).encode("latin-1", "replace")
        content = head + random.choice(BODIES)
        if random.random() < 0.5:
            content = mutated(random, content)
        yield Request(content, is_whole=False)
