"""Cost of each guard of a request in microseconds of CPU time: `python -m scripts.bench.guards`.

The guards are the rules of access and CORS. A guard's cost is the time of a request with it, less
that of one without: nothing else of the server is run.
"""

import argparse
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access.guard import Guard, Rules
from api.access.hosts import Hosts
from api.access.proxies import TrustedProxies
from api.access.rates import Rates
from api.access.signed_addresses import sign
from api.access.tokens import Tokens, new_token
from api.middleware.access import AccessMiddleware
from api.middleware.cors import LoggingCORSMiddleware, allowed_origins

BOUND_US = 5.0
"""Most microseconds of all guards of one request with a token."""

ROUNDS, CALLS = 15, 4_000
FREE = 1e9
"""Rate of a client, in requests a second, that is never used up."""

BARE, NONE, CORS = "bare", "no rule", "CORS"
EVERY = "host, other sites, token, rate"
TOKEN = new_token()
PATH = "/lstm/gates.png"
QUERY = "sequence=10110"
PLAIN = [
    (b"host", b"127.0.0.1:8000"),
    (b"user-agent", b"python-httpx/1.0"),
    (b"accept", b"*/*"),
    (b"accept-encoding", b"gzip, deflate"),
    (b"connection", b"keep-alive"),
    (b"content-type", b"image/png"),
    (b"content-length", b"272"),
]
ANSWER = [
    (b"content-type", b"application/json"),
    (b"content-length", b"432"),
    (b"etag", b'"0123456789abcdef"'),
    (b"cache-control", b"no-cache"),
    (b"lightwell-weights", b"0" * 64),
]
NO_RULES = Rules(
    tokens=None,
    hosts=None,
    proxies=TrustedProxies(()),
    rates=None,
    limits_loopback=True,
    public_metrics=False,
    allows_origin=allowed_origins(()),
)


class Guarded(NamedTuple):
    """Guarded request to time.

    Attributes:
        name: Of the guard that it adds to those that every request passes.
        rules: Rules of access.
        headers: Of the request, more than every request has.
    """

    name: str
    rules: Rules
    headers: tuple[tuple[bytes, bytes], ...] = ()
    method: str = "GET"
    query: str = QUERY


def cases() -> Iterator[Guarded]:
    """Yield requests that each have one guard more than others, then one that has all."""
    bearer = ((b"authorization", f"Bearer {TOKEN}".encode()),)
    one, hosts = Tokens.parse(TOKEN), Hosts(("lab.example",))
    many = Tokens({f"name-{number}": new_token() for number in range(29)} | {"last": TOKEN})
    rates = Rates(FREE, 1_000_000)
    cookie = ((b"cookie", f"theme=dark; {one.cookie_name}={one.cookie(TOKEN.encode())}".encode()),)
    signed = sign(one, "token", f"{PATH}?{QUERY}", 10**11).partition("?")[2]
    forwarded = ((b"x-forwarded-for", b"198.51.100.7"),)
    trusting = replace(NO_RULES, proxies=TrustedProxies(("192.0.2.0/24",)))
    site = ((b"origin", b"http://127.0.0.1:8000"),)
    tokens = replace(NO_RULES, tokens=one)
    yield Guarded(NONE, NO_RULES)
    yield Guarded("host", replace(NO_RULES, hosts=hosts))
    yield Guarded("origin of a POST", NO_RULES, headers=site, method="POST")
    yield Guarded("rate", replace(NO_RULES, rates=rates))
    yield Guarded("token", tokens, headers=bearer)
    yield Guarded("token, one of 30", replace(NO_RULES, tokens=many), headers=bearer)
    yield Guarded("cookie of a token", tokens, headers=cookie)
    yield Guarded("signed address", tokens, query=signed)
    yield Guarded("trusted proxy", trusting, headers=forwarded)
    every = replace(tokens, hosts=hosts, rates=rates)
    yield Guarded(EVERY, every, headers=bearer, method="POST")


def scope_of(case: Guarded) -> Scope:
    """Return the scope of a guarded request, as the protocol makes it."""
    return {
        "type": "http",
        "method": case.method,
        "path": PATH,
        "root_path": "",
        "query_string": case.query.encode(),
        "headers": [*PLAIN, *case.headers],
        "client": ("192.0.2.9", 5),
        "scheme": "http",
        "state": {},
    }


async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer every guarded request at once."""
    await send({"type": "http.response.start", "status": 200, "headers": ANSWER})
    await send({"type": "http.response.body", "body": b""})


async def receive() -> Message:
    """Receive an empty body."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(_message: Message) -> None:
    """Discard a part of a response."""


def finish(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    msg = "the request waits"
    raise RuntimeError(msg)


def through(app: ASGIApp, scope: Scope) -> Callable[[], None]:
    """Return a call of an application by one request; each has a scope of its own."""

    def call() -> None:
        finish(app({**scope, "state": {}}, receive, send))  # type: ignore[arg-type]

    return call


def microseconds(calls: Mapping[str, Callable[[], None]]) -> dict[str, float]:
    """Time calls in interleaved rounds; return the least CPU time of each, in microseconds."""
    least: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            began = time.process_time()
            for _ in range(CALLS):
                call()
            least[name].append(1e6 * (time.process_time() - began) / CALLS)
    return {name: min(found) for name, found in least.items()}


def measure() -> dict[str, float]:
    """Return the cost of each guard of a request, in microseconds."""
    calls: dict[str, Callable[[], None]] = {}
    plain = scope_of(Guarded("", NO_RULES))
    calls[BARE] = through(answer, plain)
    for case in cases():
        calls[case.name] = through(AccessMiddleware(answer, Guard(case.rules)), scope_of(case))
    calls[CORS] = through(LoggingCORSMiddleware(answer, ()), plain)
    found = microseconds(calls)
    bare, none = found.pop(BARE), found[NONE]
    return {name: one - (bare if name in {NONE, CORS} else none) for name, one in found.items()}


def main() -> int:
    """Print the cost of each guard of a request; return 1 where all of them exceed the bound."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.guards", description=__doc__)
    parser.parse_args()
    found = measure()
    for name, cost in found.items():
        print(f"{cost:6.2f} µs  {name}")
    total = sum(found[name] for name in (NONE, EVERY, CORS))
    print(f"{total:6.2f} µs  all guards of a request with a token; bound {BOUND_US:g}")
    return int(total > BOUND_US)


if __name__ == "__main__":
    sys.exit(main())
