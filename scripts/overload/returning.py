"""Clients that come back after a refusal, when its `Retry-After` says."""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from scripts.bench.load import CLOSED, OK, UNANSWERED, RequestResult, Run

PORTION = 1 << 18
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
RETRY_AFTER = re.compile(rb"(?i)\r\nretry-after:[ \t]*(\d+)")
LENGTH = re.compile(rb"(?i)\r\ncontent-length:[ \t]*(\d+)")
UNAVAILABLE = frozenset({429, 503})


@dataclass(frozen=True)
class Head:
    """Head of an answer to a returning client.

    Attributes:
        retry_after_s: Seconds of `Retry-After`; None without one.
        length: Bytes of the answer, head included; None where only its end says so.
    """

    status: int
    retry_after_s: float | None
    length: int | None


def head_of(received: bytes) -> Head | None:
    """Parse the head of an answer to a returning client; None while it is not whole."""
    end = received.find(b"\r\n\r\n")
    found = STATUS.match(received)
    if end < 0 or found is None:
        return None
    after, length = (one.search(received, 0, end + 2) for one in (RETRY_AFTER, LENGTH))
    return Head(
        int(found[1]),
        float(after[1]) if after else None,
        end + 4 + int(length[1]) if length else None,
    )


async def exchange(port: int, request: bytes, source: str, timeout_s: float) -> Head:
    """Send one request on a connection of its own, and read the whole answer.

    Returns:
        Status `CLOSED` or `UNANSWERED` where there is none.
    """
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, local_addr=(source, 0)
            )
            try:
                writer.write(request)
                return await _read(reader)
            finally:
                writer.close()
    except TimeoutError:
        return Head(UNANSWERED, None, None)
    except OSError:
        return Head(CLOSED, None, None)


async def _read(reader: asyncio.StreamReader) -> Head:
    head, taken, count = None, b"", 0
    while part := await reader.read(PORTION):
        count += len(part)
        if head is None:
            taken += part
            head = head_of(taken)
        if head and head.length is not None and count >= head.length:
            return head
    return head if head and head.length is None else Head(CLOSED, None, None)


@dataclass
class Visits:
    """Visits of returning clients: tries of each until it is served, and all answers.

    Attributes:
        refused: Clients whose first try was refused.
        served_at: Number of the return at which each of them was served; 0 for none.
    """

    run: Run
    refused: int = 0
    served_at: list[int] = field(default_factory=list)

    def served_within(self, returns: int) -> float:
        """Return the share of refused clients that were served within a number of returns."""
        served = sum(0 < one <= returns for one in self.served_at)
        return served / self.refused if self.refused else 1.0


@dataclass(frozen=True)
class Returning:
    """Clients that arrive at once; each that is refused returns when its `Retry-After` says.

    Attributes:
        clients: Number of clients, each with a connection of its own for each try.
        returns: Number of times that a client returns.
    """

    requests: Sequence[bytes]
    clients: int
    sources: Sequence[str]
    returns: int = 2
    timeout_s: float = 30.0

    def run(self, port: int) -> Visits:
        """Run the returning clients."""
        return asyncio.run(self._run(port))

    async def _run(self, port: int) -> Visits:
        began = time.perf_counter()
        visits = Visits(Run(began, began, []))
        await asyncio.gather(*(self._client(port, at, visits) for at in range(self.clients)))
        answers = visits.run.answers
        return Visits(Run(began, time.perf_counter(), answers), visits.refused, visits.served_at)

    async def _client(self, port: int, number: int, visits: Visits) -> None:
        """Send one client's request; return as long as it is refused with a `Retry-After`."""
        for attempt in range(self.returns + 1):
            began = time.perf_counter()
            source = self.sources[number % len(self.sources)]
            request = self.requests[number % len(self.requests)]
            head = await exchange(port, request, source, self.timeout_s)
            took = time.perf_counter() - began
            visits.run.answers.append(RequestResult(began, took, head.status, 0, took))
            refused = head.status in UNAVAILABLE and head.retry_after_s is not None
            if not attempt and refused:
                visits.refused += 1
            if not refused or attempt == self.returns:
                break
            await asyncio.sleep(head.retry_after_s or 0)
        if attempt:
            visits.served_at.append(attempt if head.status == OK else 0)
