"""Attacks on routes: negotiation, queries, bodies, logs, by a client that has the token."""

import struct
import zlib
from collections.abc import Iterator

from tests.api.bodies import PICTURE
from tests.reliability.attack import (
    AUTH,
    GATES,
    HOST,
    JSON,
    SEQUENCE,
    Attack,
    ended,
    get,
    post,
    survived,
)

MARK = b"<script>alert(1)</script>"
PNG = b"Content-Type: image/png\r\n"
FORM = b"Content-Type: multipart/form-data; boundary="
TRACE = b"traceparent: 00-%b-%b-01\r\n"


def _negotiations() -> Iterator[Attack]:
    for name, fields, status in (
        ("an Accept of 10 kB", b"Accept: " + b"a/b;q=0.1, " * 900 + b"*/*", 200),
        ("an Accept of qualities", b"Accept: image/png;q=nan, text/html;q=1e999, */*;q=-1", 406),
        ("an Accept of nothing", b"Accept: " + b"a/b," * 2_000, 406),
        ("languages of 10 kB", b"Accept-Language: " + b"de-" * 3_300, 200),
        ("codings of 10 kB", b"Accept-Encoding: " + b"gzip;q=0.5, " * 800, 200),
        ("10 kB of ETags", b"If-None-Match: " + b'"x", ' * 2_000, 200),
        ("10 kB of quotes as ETags", b"If-None-Match: " + b'"' * 10_000, 200),
        ("any ETag", b"If-None-Match: *", 304),
        ("dates without an end", b"If-Modified-Since: " + b"9" * 4_000, 200),
        ("a thousand ranges", b"Range: bytes=" + b"0-," * 1_000 + b"0-1", 200),
        ("a range beyond the end", b"Range: bytes=999999999999-", 200),
    ):
        yield survived(name, get(GATES, fields + b"\r\n"), status)
    ranges = b"Range: bytes=" + b"0-," * 1_000 + b"0-1\r\n"
    yield survived("a thousand ranges of a file", get("/sdk/lightwell.js", ranges), 200)


def _targets() -> Iterator[Attack]:
    for name, target, status in (
        ("a query of 1,900 empty parts", GATES + "&" * 1_900, 200),
        ("700 unknown parameters", GATES + "&a=1" * 700, 422),
        ("a parameter 700 times", "/lstm/gates?" + "&".join(["sequence=1"] * 300), 422),
        ("1,800 units", f"{GATES}&units={'0,' * 1_800}0", 200),
        ("a unit of 1,000 digits", f"{GATES}&units={'9' * 1_000}", 422),
        ("digits that are not ASCII", f"{GATES}&units=%D9%A1", 422),
        ("a broken escape", "/lstm/gates?sequence=%zz%", 422),
        ("an overlong encoding", "/lstm/gates?sequence=%c0%ae", 422),
        ("an unpaired surrogate", "/lstm/gates?sequence=%ed%a0%80", 422),
        ("a template in a parameter", "/lstm/gates?sequence={{7*7}}", 422),
        ("a parameter with a NUL", f"{GATES}&units=0%00", 422),
        ("a script in a path", "/%3Cscript%3Ealert(1)%3C/script%3E", 404),
        ("a script in a parameter", "/lstm/gates?sequence=%3Cscript%3Ealert(1)%3C/script%3E", 422),
        ("an attribute of Python", "/models/__class__", 404),
        ("a path of 4,000 slashes", "/" * 4_000 + "models", 200),
        ("a path of 1,300 dots", "/.." * 1_300 + "/etc/passwd", 404),
        ("a path with U+2028", "/%E2%80%A8FORGED", 404),
    ):
        yield survived(name, get(target), status, withheld=MARK)
    head = b"HEAD %b HTTP/1.1\r\n%b%b\r\n"
    for target in (GATES, "/models", "/sdk/lightwell.js", "/nothing", "/metrics"):
        sent = head % (target.encode(), HOST, AUTH)
        yield survived(f"HEAD of {target}", sent, 404 if target == "/nothing" else 200)


def _bodies() -> Iterator[Attack]:
    for name, body, status in (
        ("a key of a prototype", b'{"__proto__":{"x":1},"sequence":"1"}', 422),
        ("100,000 keys", b"{%b}" % b",".join(b'"%d":1' % number for number in range(100_000)), 422),
        ("a key of 100 kB", b'{"%b":1}' % (b"x" * 100_000), 422),
        ("10,000 objects in a list", b'{"inputs":[%b]}' % b",".join([b"{}"] * 10_000), 422),
        ("UTF-16", SEQUENCE.decode().encode("utf-16"), 400),
        ("900 kB of blanks", b" " * 900_000 + SEQUENCE, 200),
        ("two values", SEQUENCE * 2, 400),
        ("a comment", b"/* */" + SEQUENCE, 400),
        ("a number of 4,000 digits", b'{"sequence":%b}' % (b"1" * 4_000), 400),
        ("a script as a key", b'{"%b":1}' % MARK, 422),
    ):
        yield survived(f"JSON: {name}", post("/lstm/gates", body), status, withheld=MARK)
    for name, boundary, body, status in (
        ("a boundary of 200 characters", b"x" * 200, b"--" + b"x" * 200 + b"--\r\n", 400),
        ("an empty boundary", b"", b"----\r\n", 400),
        ("a boundary of dashes", b"-" * 60, b"-" * 200_000, 400),
        ("200 kB before the first part", b"b", b"x" * 200_000 + b"\r\n--b--\r\n", 422),
        ("a header of 100 kB in a part", b"b", b"--b\r\nX: " + b"x" * 100_000, 400),
        ("line breaks that begin no part", b"b", b"\r\n-" * 100_000, 400),
    ):
        sent = post("/cnn/predict", body, FORM + boundary + b"\r\n")
        yield survived(f"a form: {name}", sent, status)
    for name, body, status in (
        ("a script behind its end", PICTURE + MARK, 200),
        (
            "a profile of 50 MB",
            _with_chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(50 * 2**20), 9)),
            200,
        ),
        ("a chunk of 2^31 bytes", PICTURE[:33] + b"\x7f\xff\xff\xffIDAT", 422),
        (
            "a thousand chunks of no bytes",
            PICTURE[:33] + _chunk(b"teSt", b"") * 1_000 + PICTURE[33:],
            200,
        ),
    ):
        yield survived(f"a picture: {name}", post("/cnn/predict", body, PNG), status, withheld=MARK)
    for coding in (b"gzip", b"identity, gzip", b"br", b"x" * 4_000):
        fields = JSON + b"Content-Encoding: %b\r\n" % coding
        yield survived(
            f"the coding {coding[:20].decode()}", post("/lstm/gates", SEQUENCE, fields), 415
        )
    for kind, status in (
        (b"application/json; charset=utf-7", 200),
        (b"application/json" + b";a=b" * 2_000, 200),
        (b"text/html", 415),
        (b"application/x-www-form-urlencoded", 415),
        (b"/", 415),
    ):
        sent = post("/lstm/gates", SEQUENCE, b"Content-Type: %b\r\n" % kind)
        yield survived(f"the media type {kind[:30].decode()}", sent, status)


def _chunk(kind: bytes, content: bytes) -> bytes:
    """Chunk of a PNG."""
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def _with_chunk(kind: bytes, content: bytes) -> bytes:
    """A valid picture with a further chunk behind its header."""
    return PICTURE[:33] + _chunk(kind, content) + PICTURE[33:]


def _logged() -> Iterator[Attack]:
    for name, fields in (
        ("sixty trace contexts", (TRACE % (b"1" * 32, b"1" * 16)) * 50),
        ("a trace context of zeros", TRACE % (b"0" * 32, b"0" * 16)),
        ("a trace context of 8 kB", TRACE % (b"1" * 8_000, b"1" * 16)),
        ("a trace context with a line break", b"traceparent: 00-%2e%0d%0aFORGED\r\n"),
        ("request IDs", b"X-Request-ID: FORGED;ID\r\n" * 20),
        ("an agent of 8 kB", b"User-Agent: FORGED " + b"\xff" * 8_000 + b"\r\n"),
    ):
        yield survived(f"in the log: {name}", get(GATES, fields), 200)


def _pipelines() -> Iterator[Attack]:
    # Of those that wait for an answer, the server keeps sixteen; the client sends the rest again.
    yield ended("400 requests in one packet", get("/livez") * 400, *[200] * 17)
    yield survived("a body of 60 kB to a route without one", post("/livez", bytes(60_000)), 405)
    yield ended("a body of 9 MB to a route without one", post("/livez", bytes(9 * 2**20)), 405)


ATTACKS: tuple[Attack, ...] = (
    *_negotiations(),
    *_targets(),
    *_bodies(),
    *_logged(),
    *_pipelines(),
)
"""Attacks by requests with a right to an answer, each with the statuses of its answers."""
