"""Hostile connections: slow headers, slow bodies, stopped readers, idle ones."""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from scripts.bench.load import OK, Run
from scripts.overload.checks import Check, goodput, latency
from scripts.overload.loads import CROWD, OTHER, Closed, Paced
from scripts.overload.requests import get, predictions
from scripts.overload.session import Session

CONNECTIONS = 300
CLIENTS = 8
BYTE_S = 1.0
"""Seconds between two bytes of a slow connection."""

RAMP_S = 2.0
KEPT_SHARE = 0.9
HEALTH_MS = 100.0
HEALTH_PER_S = 20.0

SLOW_HEADER = b"POST /cnn/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
SLOW_BODY = (
    b"POST /cnn/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\n"
    b"Content-Length: 100000\r\n\r\n"
)
LARGE = get("/openapi.json") * 64
"""Pipelined requests, cheap to answer, whose answers a stopped reader leaves in the server."""

KINDS = ("slow header", "slow body", "stopped reader", "idle")


@dataclass(frozen=True)
class Hostile:
    """Hostile connections of equal shares of each kind; one that is closed is opened again.

    Attributes:
        seconds: Seconds for which they are held.
    """

    connections: int
    seconds: float
    sources: Sequence[str] = CROWD
    kinds: Sequence[str] = KINDS

    def run(self, port: int) -> Counter[str]:
        """Hold the hostile connections; return how often each kind was opened."""
        return asyncio.run(self._run(port))

    async def _run(self, port: int) -> Counter[str]:
        opened: Counter[str] = Counter()
        until = time.monotonic() + self.seconds
        await asyncio.gather(
            *(self._hold(port, at, until, opened) for at in range(self.connections))
        )
        return opened

    async def _hold(self, port: int, number: int, until: float, opened: Counter[str]) -> None:
        kind = self.kinds[number % len(self.kinds)]
        source = self.sources[number % len(self.sources)]
        while time.monotonic() < until:
            opened[kind] += 1
            with suppress(OSError):
                await _once(port, kind, source, until)
            await asyncio.sleep(0.1)


async def _once(port: int, kind: str, source: str, until: float) -> None:
    """Hold one hostile connection until the server closes it."""
    loop = asyncio.get_running_loop()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setblocking(False)
        connection.bind((source, 0))
        await loop.sock_connect(connection, ("127.0.0.1", port))
        begun = {"slow header": SLOW_HEADER, "slow body": SLOW_BODY, "stopped reader": LARGE}
        await loop.sock_sendall(connection, begun.get(kind, b""))
        while time.monotonic() < until:
            await asyncio.sleep(min(BYTE_S, max(until - time.monotonic(), 0)))
            if kind.startswith("slow"):
                await loop.sock_sendall(connection, b"x")
            elif kind == "idle" and _is_closed(connection):
                return


def _is_closed(connection: socket.socket) -> bool:
    """Tell whether the server has ended an idle connection."""
    try:
        return not connection.recv(4096)
    except BlockingIOError:
        return False


def measure(session: Session) -> list[Check]:
    """Measure the rate of well-behaved clients with and without hostile connections."""
    alone: list[Run] = []
    beside: list[Run] = []
    health: list[Run] = []
    opened: Counter[str] = Counter()
    window_s = session.durations.window_s
    for _ in range(session.durations.rounds):
        alone.append(session.run(_clients(session)))
        session.target.settle()
        hostile = session.generators.start(
            Hostile(CONNECTIONS, window_s + RAMP_S).run, session.target.port
        )
        time.sleep(RAMP_S)
        asked = Paced([get("/readyz")], 8, HEALTH_PER_S, window_s, sources=(OTHER,))
        waiting = session.start(asked)
        beside.append(session.run(_clients(session)))
        health.append(session.finish(waiting))
        opened.update(hostile.result())
    return checks(alone, beside, health, opened)


def _clients(session: Session) -> Closed:
    return Closed(predictions(), CLIENTS, session.durations.window_s, sources=(OTHER,))


def checks(
    alone: Sequence[Run], beside: Sequence[Run], health: Sequence[Run], opened: Counter[str]
) -> list[Check]:
    """Compare well-behaved clients beside hostile connections with the same clients alone."""
    rate = goodput(alone)
    answers = [one for run in health for one in run.answers]
    refused = sum(one.status != OK for run in beside for one in run.answers)
    text = ", ".join(f"{opened[kind]} × {kind}" for kind in opened)
    kept = goodput(beside) / rate if rate else float("nan")
    return [
        Check(
            f"rate kept beside {CONNECTIONS} hostile connections ({text} opened)",
            kept,
            KEPT_SHARE,
            at_least=True,
        ),
        Check("predictions not answered beside them", refused, 0),
        Check("p99 of /readyz beside them", latency(answers, 0.99), HEALTH_MS, "ms"),
        Check("failed /readyz beside them", sum(one.status != OK for one in answers), 0),
    ]
