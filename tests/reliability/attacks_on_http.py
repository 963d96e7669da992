"""Attacks on the parser of HTTP: framing, smuggled requests, request lines, header fields."""

from tests.reliability.attack import (
    AUTH,
    END,
    HOST,
    JSON,
    SEQUENCE,
    Attack,
    chunked,
    ended,
    get,
    post,
    survived,
)

SMUGGLED = get("/metrics")
CHUNK = b"14\r\n" + SEQUENCE + b"\r\n"
LAST = b"0\r\n"

ATTACKS: tuple[Attack, ...] = (
    # The connection speaks another protocol.
    ended("a request of HTTP/0.9", b"GET /models\r\n\r\n", 400),
    ended("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    ended(
        "a ClientHello of TLS", b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03" + b"\x00" * 64, 400
    ),
    ended("a line of the PROXY protocol", b"PROXY TCP4 1.2.3.4 5.6.7.8 9 80\r\n" + SMUGGLED, 400),
    ended("a greeting of SSH", b"SSH-2.0-OpenSSH_9.9\r\n", 400),
    # Lengths of bodies.
    ended(
        "a Content-Length with a sign",
        post("/lstm/gates", b"", JSON + b"Content-Length: +5\r\n"),
        400,
    ),
    ended(
        "two lengths in one field",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5, 5\r\n\r\n12345",
        400,
    ),
    ended(
        "a hexadecimal length",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0x5\r\n\r\n12345",
        400,
    ),
    ended(
        "a length of 30 digits",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n",
        400,
    ),
    ended("an empty length", b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length:\r\n\r\n", 400),
    # Chunks.
    ended("a chunk of 2^68 bytes", chunked(b"FFFFFFFFFFFFFFFFF\r\n"), 400),
    ended("a chunk of a negative size", chunked(b"-1\r\n"), 400),
    ended("a chunk of a size with 0x", chunked(b"0x14\r\n" + SEQUENCE), 400),
    ended("a chunk extension of 40 kB", chunked(b"14;" + b"x" * 40_000 + b"\r\n"), 431),
    ended("trailers of 600 kB", chunked(CHUNK + LAST, b"X: " + b"x" * 600_000 + b"\r\n"), 431),
    ended("a chunk that ends too late", chunked(b"14\r\n" + SEQUENCE + b"xx\r\n" + LAST), 400),
    ended(
        "chunked twice",
        get("/models", b"Transfer-Encoding: chunked, chunked\r\n") + b"0\r\n\r\n",
        400,
    ),
    ended(
        "identity after chunked", get("/models", b"Transfer-Encoding: chunked, identity\r\n"), 400
    ),
    ended(
        "a transfer coding in two fields",
        get("/models", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"),
        400,
    ),
    survived("a token in a trailer", chunked(CHUNK + LAST, AUTH, auth=b""), 401),
    survived(
        "a media type in a trailer", chunked(CHUNK + LAST, b"Content-Type: image/png\r\n"), 200
    ),
    # A second request within a first one.
    survived(
        "a request in the body of a GET",
        get("/models", b"Content-Length: %d\r\n" % len(SMUGGLED)) + SMUGGLED,
        200,
    ),
    survived(
        "a request in the body of a HEAD",
        b"HEAD /models HTTP/1.1\r\n"
        + HOST
        + AUTH
        + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED)
        + SMUGGLED,
        200,
    ),
    survived(
        "a length with an underscore",
        get("/models", b"Content_Length: %d\r\n" % len(SMUGGLED)) + SMUGGLED,
        200,
        200,
    ),
    survived(
        "chunked with an underscore",
        get("/models", b"Transfer_Encoding: chunked\r\n") + SMUGGLED,
        200,
        200,
    ),
    ended("a length in a folded line", get("/models", b"X: y\r\n Content-Length: 9\r\n"), 400),
    ended("a length behind a blank", get("/models", b"Content-Length : 9\r\n"), 400),
    ended(
        "a length behind a bare carriage return",
        get("/models", b"X: y\rContent-Length: 9\r\n"),
        400,
    ),
    ended("a length behind a NUL", get("/models", b"X: y\x00Content-Length: 9\r\n"), 400),
    # Request lines.
    survived("another authority than Host", get("http://attacker.example/models"), 400),
    survived(
        "another authority than Host, with a user",
        get("http://127.0.0.1@attacker.example/models"),
        400,
    ),
    survived("an authority alone", get("http://attacker.example?x=/"), 400),
    survived("the authority of Host", get("http://127.0.0.1/models"), 200),
    ended("the target of CONNECT", b"CONNECT 127.0.0.1:22 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    survived("the target of OPTIONS", b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 401),
    ended("a method in lower case", b"get /models HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ended("a blank in the target", b"GET /models /livez HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ended("bytes beyond ASCII in the target", b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ended("20,000 empty lines before a request", b"\r\n" * 20_000 + END, 431),
    # Header fields.
    ended("a field without a colon", get("/models", b"Authorization\r\n"), 400),
    ended("a field without a name", get("/models", b": x\r\n"), 400),
    ended("a name beyond ASCII", get("/models", "Ä: x\r\n".encode()), 400),
    ended(
        "sixty-five fields",
        get("/models", b"".join(b"X%d: y\r\n" % number for number in range(65))),
        431,
    ),
    survived(
        "headers of one connection that name others",
        get("/models", b"Connection: authorization, host, content-length\r\n"),
        200,
    ),
    # Expectations.
    survived(
        "an unknown expectation", post("/lstm/gates", SEQUENCE, JSON + b"Expect: 200-ok\r\n"), 200
    ),
    survived(
        "several expectations",
        post("/lstm/gates", SEQUENCE, JSON + b"Expect: 100-continue\r\n" * 20),
        200,
    ),
    survived("an expectation without a body", get("/models", b"Expect: 100-continue\r\n"), 200),
    ended(
        "a refused body behind an expectation",
        b"POST /lstm/gates HTTP/1.1\r\n"
        + HOST
        + JSON
        + b"Expect: 100-continue\r\nContent-Length: 20\r\n\r\n",
        401,
    ),
)
"""Attacks by bytes that are not quite HTTP, each with the statuses of its answers."""
