"""Stopped readers: clients that ask for large answers, and read none of them."""

import asyncio
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from scripts.bench.load import CLOSED, OK, UNANSWERED, RequestResult, Run
from scripts.overload.returning import Head, head_of

RECEIVED = 4096
"""Bytes of the system's buffer in which a stopped reader's answer waits."""

LOOK_S = 0.05
PAUSE_S = 0.5
"""Seconds after which a stopped reader asks once more, without regard to `Retry-After`."""

ANSWER_S = 30.0
"""Seconds for which a head is awaited: above the server's deadline."""


@dataclass(frozen=True)
class StoppedReaders:
    """Stopped readers, each on a connection; one that is cut or refused asks once more.

    The head of an answer is seen, and stays in the system's buffer all the same (MSG_PEEK).

    Attributes:
        seconds: Seconds in which they ask and hold their answers.
    """

    requests: Sequence[bytes]
    readers: int
    seconds: float
    sources: Sequence[str]

    def run(self, port: int) -> Run:
        """Run the stopped readers; return the statuses of the answers that they did not read."""
        return asyncio.run(self._run(port))

    async def _run(self, port: int) -> Run:
        run = Run(time.perf_counter(), time.perf_counter() + self.seconds, [])
        await asyncio.gather(*(self._reader(port, at, run) for at in range(self.readers)))
        return run

    async def _reader(self, port: int, number: int, run: Run) -> None:
        request = self.requests[number % len(self.requests)]
        source = self.sources[number % len(self.sources)]
        while (began := time.perf_counter()) < run.ended:
            with socket.socket() as connection:
                head = await _ask(connection, port, request, source)
                took = time.perf_counter() - began
                run.answers.append(RequestResult(began, took, head.status, 0, took))
                while head.status == OK and time.perf_counter() < run.ended:
                    await asyncio.sleep(LOOK_S)
                    if connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                        break  # the server has cut it
            await asyncio.sleep(min(PAUSE_S, max(run.ended - time.perf_counter(), 0)))


async def _ask(connection: socket.socket, port: int, request: bytes, source: str) -> Head:
    """Send a request on a new connection; return the head of its answer, which is not read."""
    loop, until = asyncio.get_running_loop(), time.monotonic() + ANSWER_S
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED)
    connection.setblocking(False)
    connection.bind((source, 0))
    try:
        await loop.sock_connect(connection, ("127.0.0.1", port))
        # Where the server refuses early, its answer may have arrived before the end of the request.
        with suppress(ConnectionError):
            await loop.sock_sendall(connection, request)
        while time.monotonic() < until:
            if (head := _peek(connection)) is not None:
                return head
            await asyncio.sleep(LOOK_S)
    except OSError:
        return Head(CLOSED, None, None)
    return Head(UNANSWERED, None, None)


def _peek(connection: socket.socket) -> Head | None:
    """Look at the head of a stopped reader's answer; None while it has not arrived."""
    try:
        received = connection.recv(RECEIVED, socket.MSG_PEEK)
    except BlockingIOError:
        return None
    return head_of(received) if received else Head(CLOSED, None, None)
