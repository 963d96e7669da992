"""Attacks on access: tokens, cookies, signed addresses, host names, pages of other sites."""

import time
from collections.abc import Iterator

from api.access.signed_addresses import sign
from api.access.tokens import Tokens
from tests.reliability.attack import (
    ALLOWED,
    AUTH,
    COOKIE,
    HOST,
    JSON,
    LONG,
    PROXY,
    SEQUENCE,
    SHORT,
    TOKENS,
    Attack,
    ended,
    get,
    post,
    survived,
)

NONE = b""
PICTURE = "/lstm/gates.png?sequence=1%2C0&scale=2"
SIGNED = sign(Tokens.parse(TOKENS), "anna", PICTURE, int(time.time()) + 3600)
LATE = sign(Tokens.parse(TOKENS), "anna", PICTURE, int(time.time()) - 1)
RENEWED = sign(Tokens.parse(TOKENS), "anna", "/signed?path=/models", int(time.time()) + 3600)
SIGNATURE = SIGNED.rpartition("=")[2]
SECRET = b"LSTM"
"""Text of the answer that the attacks ask for without a right to it."""

PATHS = (
    "/sdk/../models",
    "/sdk/%2e%2e/models",
    "/sdk%2f..%2fmodels",
    "/explorer/..%2f..%2fmodels",
    "/livez/../models",
    "/livez%2f..%2fmodels",
    "/models;/livez",
    "/models%00/sdk/",
    "/%6dodels",
    "/models%3f/livez",
    "/v2/health/../../models",
    "//models",
    "/./models",
    "/models?x=/livez",
    "/MODELS",
    "/models/",
)
"""Paths that lead to a private route, or seem to, while they look like a public one."""


def _paths() -> Iterator[Attack]:
    for path in PATHS:
        is_public = path.startswith(("/sdk", "/explorer", "/embed/", "/v2/health/"))
        sent = get(path, auth=NONE)
        yield survived(f"the path {path}", sent, 404 if is_public else 401, withheld=SECRET)


def _tokens() -> Iterator[Attack]:
    two = b"Authorization: Bearer x\r\n" + AUTH
    yield survived("two tokens", get("/models", auth=two), 401, withheld=SECRET)
    for name, field in (
        ("a token of another scheme", b"Authorization: Token %b" % LONG.encode()),
        ("a token behind a tab", b"Authorization: Bearer\t%b" % LONG.encode()),
        ("a token for a proxy", b"Proxy-Authorization: Bearer %b" % LONG.encode()),
        ("a token as a cookie", b"Cookie: token=%b" % LONG.encode()),
        ("the digest of a cookie as a token", b"Authorization: Bearer %b" % COOKIE.split(b"=")[1]),
        ("a token with its name", b"Authorization: Bearer anna:%b" % LONG.encode()),
        ("all tokens", b"Authorization: Bearer %b" % TOKENS.encode()),
        ("a token of 8 kB", b"Authorization: Bearer " + b"x" * 8_000),
        ("a token twice", b"Authorization: Bearer %b %b" % (LONG.encode(), LONG.encode())),
        ("a cookie of 8 kB", b"Cookie: " + b"a=b; " * 1_600),
        ("cookies of an empty name", b"Cookie: " + b"=; " * 2_000),
        ("a cookie that begins as the right one", b"Cookie: %b=x" % COOKIE.split(b"=")[0]),
        ("the right cookie in quotes of another", b'Cookie: a="; %b"' % COOKIE[:-1]),
    ):
        sent = get("/models", field + b"\r\n", auth=NONE)
        yield survived(name, sent, 401, withheld=SECRET)
    sent = get("/models", b"Cookie: %b%b\r\n" % (b"a=b; " * 1_600, COOKIE), auth=NONE)
    yield survived("the right cookie behind 8 kB of others", sent, 200)
    token = LONG.encode()
    yield survived("a token in the query", get(f"/models?token={LONG}", auth=NONE), 401)
    login = f"/?token={LONG}&next=//attacker.example%0d%0aSet-Cookie:a=b"
    yield survived("a login with a line break", get(login, auth=NONE), 303, withheld=token)
    login = f"//attacker.example/?token={LONG}"
    yield survived("a login of another site", get(login, auth=NONE), 401, withheld=token)
    login = "&".join(["/?token=x"] + ["token=wrong"] * 300)
    yield survived("300 tokens in one login", get(login, auth=NONE), 303)


def _guesses() -> Iterator[Attack]:
    wrong = b"".join(get("/models", auth=b"Authorization: Bearer no-%d\r\n" % n) for n in range(14))
    statuses = [401] * 10 + [429] * 4
    right = get("/models", auth=b"Authorization: Bearer %b\r\n" % SHORT.encode())
    yield survived("guesses of a short token", wrong + right, *statuses, 429, withheld=SECRET)
    yield survived("guesses by a neighbour", wrong + get("/models"), *statuses, 200)

    form = post("/", b"", auth=b"Authorization: Bearer %b\r\n" % SHORT.encode() + AUTH)
    yield survived(
        "two tokens in the form of the page", form * 14, *[401] * 14, withheld=b"Set-Cookie"
    )
    wrong = post("/", b"", auth=b"Authorization: Bearer no\r\n")
    yield survived("guesses in the form of the page", wrong * 14, *statuses)


def _signatures() -> Iterator[Attack]:
    path, _, query = SIGNED.partition("?")
    parts = query.split("&")
    for name, target in (
        ("a signature on another path", f"/lstm/cell.png?{query}"),
        ("a signature on the path in capitals", f"{path.upper()}?{query}"),
        ("a signature on another format", f"{path.removesuffix('.png')}?{query}"),
        ("a signature on a further parameter", f"{path}?{query}&units=0"),
        ("a signature on parameters in another order", f"{path}?{'&'.join(reversed(parts))}"),
        ("a signature on another encoding", SIGNED.replace("%2C", ",")),
        ("a signature of another holder", SIGNED.replace("holder=anna", "holder=ben")),
        ("a signature of a holder with a NUL", SIGNED.replace("holder=anna", "holder=%00")),
        ("a signature of a later time", SIGNED.replace("expires=1", "expires=2")),
        ("a signature of a time with a sign", SIGNED.replace("expires=", "expires=%2B")),
        ("a signature that has expired", LATE),
        ("a signature of one digit less", SIGNED[:-1]),
        ("a signature in capitals", SIGNED.replace(SIGNATURE, SIGNATURE.upper())),
        ("an empty signature", SIGNED.replace(SIGNATURE, "")),
        ("two signatures, the right one first", f"{SIGNED}&signature=0"),
        ("a signature that renews itself", RENEWED),
    ):
        yield survived(name, get(target, auth=NONE), 401, withheld=b"PNG")
    sent = post(SIGNED, SEQUENCE, auth=NONE)
    yield survived("a signature on another method", sent, 401, withheld=b"PNG")
    for name, path in (
        ("a signature for the route of signatures", "/%73igned%3Fpath=/models"),
        ("a signature for another server", "//attacker.example/x"),
        ("a signature for a URL", "https://attacker.example/x"),
        ("a signature with a line break", "/models%0d%0aSet-Cookie:a=b"),
        ("a signature of 8 kB", "/" + "x" * 3_000),
    ):
        yield survived(name, get(f"/signed?path={path}"), 422)


def _hosts() -> Iterator[Attack]:
    for host, status in (
        (b"attacker.example", 400),
        (b"127.0.0.1.attacker.example", 400),
        (b"attacker.example:80#127.0.0.1", 400),
        (b"127.0.0.1@attacker.example", 400),
        (b"127.0.0.1, attacker.example", 400),
        (b"127.0.0.1:99999999", 400),
        (b"%31%32%37.0.0.1", 400),
        (b"0x7f.0.0.1", 400),
        (b"2130706433", 400),
        (b"[::1", 400),
        (b"[::1]attacker.example", 400),
        (b"[fe80::1%25eth0]", 400),
        (b"[" + b":" * 60 + b"]", 400),
        (b"localhost.attacker.example", 400),
        (b"a" * 8_000, 400),
        ("лабораторія".encode(), 400),
        (b"localhost.:8000", 200),
    ):
        sent = get("/models", host=b"Host: %b\r\n" % host)
        yield survived(f"the host {host[:40]!a}", sent, status)


def _sites() -> Iterator[Attack]:
    for origin, status in (
        (b"null", 403),
        (b"http://127.0.0.1.attacker.example", 403),
        (b"http://localhost@attacker.example", 403),
        (b"http://localhost:80.attacker.example", 403),
        (b"http://attacker.example/http://127.0.0.1", 403),
        (b"file://127.0.0.1", 403),
        (ALLOWED.encode() + b".attacker.example", 403),
        (ALLOWED.replace("https", "http").encode(), 403),
        (b"x" * 8_000, 403),
        ("http://ӏocalhost".encode(), 403),
        (ALLOWED.encode(), 200),
    ):
        sent = post("/lstm/gates", SEQUENCE, JSON + b"Origin: %b\r\n" % origin)
        yield survived(f"the origin {origin[:40]!a}", sent, status)
    text = b"Content-Type: text/plain\r\nSec-Fetch-Site: cross-site\r\n"
    yield survived("a form of another site as text", post("/lstm/gates", SEQUENCE, text), 403)
    override = (
        b"X-HTTP-Method-Override: POST\r\nX-Original-URL: /livez\r\nX-Rewrite-URL: /livez\r\n"
    )
    yield survived("a method and a path in headers", get("/models", override, NONE), 401)


def _proxies() -> Iterator[Attack]:
    for name, fields in (
        ("10 kB of addresses", b"X-Forwarded-For: " + b"1.1.1.1," * 1_250 + b"198.51.100.7\r\n"),
        ("10 kB of commas", b"X-Forwarded-For: " + b"," * 10_000 + b"\r\n"),
        ("broken addresses", b"X-Forwarded-For: [::1, %lo, 1.2.3.4.5, ]\r\n"),
        ("the address of this machine", b"X-Forwarded-For: 127.0.0.1, ::1\r\n"),
        ("fifty fields of addresses", b"X-Forwarded-For: 198.51.100.7\r\n" * 50),
    ):
        sent = get("/models", fields)
        yield survived(f"{name} by a trusted proxy", sent, 200, source=PROXY)
    long = get("/models", b"X-Forwarded-For: " + b"1.1.1.1," * 2_048 + b"\r\n")
    yield ended("16 kB of addresses by a trusted proxy", long, 431, source=PROXY)
    forged = b"".join(
        get("/models", b"X-Forwarded-For: 198.51.100.%d\r\n" % n, b"Authorization: Bearer no\r\n")
        for n in range(12)
    )
    statuses = [401] * 10 + [429] * 2
    yield survived("guesses by forged addresses", forged, *statuses, withheld=SECRET)


ATTACKS: tuple[Attack, ...] = (
    *_paths(),
    *_tokens(),
    *_guesses(),
    *_signatures(),
    *_hosts(),
    *_sites(),
    *_proxies(),
    ended(
        "a page of another site that sends no length",
        b"POST /lstm/gates HTTP/1.1\r\n"
        + HOST
        + AUTH
        + JSON
        + b"Origin: null\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"1\r\nx\r\n",
        403,
    ),
)
"""Attacks by requests that are well-formed and have no right to an answer."""
