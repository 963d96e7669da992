"""Load generator: one thread, raw sockets and epoll, so that it uses little CPU time.

    requests -> Connection x n -> epoll -> responses -> windows

It shares the machine with the server, so it reads only the status and length of a response, and
keeps bodies only on request.
"""

import math
import random
import select
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import NamedTuple

from scripts.bench.connection import Connection

OK = 200
CLOSED = 0  # status if the server closed the connection without a response
REUSED_S = 4.0
"""Seconds after its last response for which a connection is used again, as clients have it.

Later the server may close it while a request is on its way.
"""

RESTED_S = 0.5
"""Seconds after its last response for which a connection is left free while others can be opened.

Requests of an open loop are those of many clients, none of which sends its next one at once.
"""

UNANSWERED = -1  # status if there was no response at the end of the run
UNSENT = -2  # status if every connection was busy until the end of the run
WAITED = frozenset({OK, UNANSWERED, UNSENT})  # statuses whose latencies count


class RequestResult(NamedTuple):
    """Latency, status and size of one request of the load generator.

    Attributes:
        since: When it was sent (closed loop) or due (open loop), by `time.perf_counter`.
        latency_s: From then to the response's last byte; without a response, to the end of the run.
        status: HTTP status, or `CLOSED`, `UNANSWERED` or `UNSENT`.
        received: Bytes of the response, head included.
        answer_s: Like `latency_s`, but from when it was sent: without its wait for a connection.
    """

    since: float
    latency_s: float
    status: int
    received: int
    answer_s: float = math.nan


@dataclass(frozen=True)
class Run:
    """Start, end and all request results of one period of load."""

    began: float
    ended: float
    answers: list[RequestResult]

    def windows(self, count: int) -> "list[Window]":
        """Divide a period of load into windows of equal length.

        A request counts for the throughput of the window in which it was answered. Its latency
        counts there too, or in the last window if the response came after the end.
        """
        length = (self.ended - self.began) / count
        parts: list[list[RequestResult]] = [[] for _ in range(count)]
        for one in self.answers:
            index = int((one.since + one.latency_s - self.began) / length)
            parts[min(max(index, 0), count - 1)].append(one)
        return [Window.of(part, length, self.ended) for part in parts]


@dataclass(frozen=True)
class Window:
    """Throughput, latency quantiles and errors of one window of a period of load.

    Attributes:
        per_second: Successful responses per second.
        p50_s, p95_s, p99_s: Latencies; NaN without a response.
        errors: Numbers of requests without a successful response, by status.
        answer_bytes: Mean size of successful responses, head included.
    """

    answers: int
    per_second: float
    p50_s: float
    p95_s: float
    p99_s: float
    errors: dict[str, int]
    answer_bytes: float

    @classmethod
    def of(cls, answers: Sequence[RequestResult], seconds: float, ended: float) -> "Window":
        """Aggregate the request results of a load window; errors do not count for latencies."""
        good = [one for one in answers if one.status == OK]
        waited = sorted(one.latency_s for one in answers if one.status in WAITED)
        in_time = sum(one.since + one.latency_s <= ended for one in good)
        names = {CLOSED: "closed", UNANSWERED: "unanswered", UNSENT: "unsent"}
        errors = Counter(names.get(one.status, str(one.status)) for one in answers)
        errors.pop(str(OK), None)
        return cls(
            answers=len(good),
            per_second=in_time / seconds,
            p50_s=quantile(waited, 0.50),
            p95_s=quantile(waited, 0.95),
            p99_s=quantile(waited, 0.99),
            errors=dict(errors),
            answer_bytes=sum(one.received for one in good) / len(good) if good else math.nan,
        )


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return a latency quantile of a load window: the least value that a share does not exceed."""
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else math.nan


def poisson(per_second: float, seconds: float, seed: int) -> list[float]:
    """Draw arrival times of an open loop's load as a Poisson process, in seconds from the start."""
    generator = random.Random(seed)  # noqa: S311 - the same times for every system
    moments, moment = [], generator.expovariate(per_second)
    while moment < seconds:
        moments.append(moment)
        moment += generator.expovariate(per_second)
    return moments


class Load:
    """Load on one server: a set of connections, on which requests are sent in rotation.

    A connection is opened when a request finds none that is free, as clients' pools do.

    Args:
        port: On loopback.
        requests: Complete HTTP/1.1 requests.
        connections: Most connections, and so requests in flight at once.
        keep: Keep the response bodies.
        sources: Addresses of loopback that the connections come from, in rotation.
    """

    def __init__(
        self,
        port: int,
        requests: Sequence[bytes],
        connections: int,
        *,
        keep: bool = False,
        sources: Sequence[str] = ("127.0.0.1",),
    ) -> None:
        self._port, self._keep, self._limit = port, keep, connections
        self._requests: Iterator[bytes] = cycle(requests)
        self._sources: Iterator[str] = cycle(sources)
        self._epoll = select.epoll()
        self._connections: dict[int, Connection] = {}
        self._free: deque[Connection] = deque()
        self._results: list[RequestResult] = []

    def __enter__(self) -> "Load":
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections.values():
            connection.socket.close()
        self._epoll.close()

    def _connect(self) -> Connection:
        connection = Connection(self._port, keep=self._keep, source=next(self._sources))
        self._connections[connection.socket.fileno()] = connection
        self._epoll.register(connection.socket, select.EPOLLIN)
        return connection

    @property
    def _has_free(self) -> bool:
        """Whether one more request can be sent by the load generator now."""
        return bool(self._free) or len(self._connections) < self._limit

    def _free_connection(self) -> Connection:
        """Return the load generator's connection that was free for longest, or a new one."""
        now, has_room = time.perf_counter(), len(self._connections) < self._limit
        while self._free and not (has_room and now - self._free[0].free_since < RESTED_S):
            connection = self._free.popleft()
            if now - connection.free_since <= REUSED_S:
                return connection
            self._close(connection)
            has_room = True
        return self._connect()

    def _end(self, connection: Connection) -> None:
        """End a connection of the load generator that the server has closed."""
        if connection.busy:
            self._record(connection, CLOSED, time.perf_counter())
        else:
            self._free.remove(connection)
        self._close(connection)

    def _close(self, connection: Connection) -> None:
        del self._connections[connection.socket.fileno()]
        connection.socket.close()

    def _record(self, connection: Connection, status: int, now: float) -> None:
        since, sent = connection.since, connection.sent
        self._results.append(
            RequestResult(since, now - since, status, connection.received, now - sent)
        )

    def _send(self, since: float) -> Connection:
        connection = self._free_connection()
        try:
            connection.send(next(self._requests), since)
        except OSError:
            self._end(connection)
        return connection

    def _wait(self, timeout_s: float) -> list[tuple[int, int]]:
        """Wait for load generator events to the microsecond; epoll's timeout is in milliseconds."""
        select.select([self._epoll], [], [], timeout_s)
        return self._epoll.poll(0)

    def _receive(self, events: list[tuple[int, int]]) -> Iterator[Connection]:
        """Read responses to the load generator; yield connections whose response is complete."""
        for descriptor, _ in events:
            connection = self._connections.get(descriptor)
            if connection is None:
                continue  # it was closed after this event
            try:
                whole = connection.receive()
            except BlockingIOError:
                continue  # the event was one of a closed connection with this descriptor
            except OSError:
                self._end(connection)
                continue
            if whole:
                self._record(connection, connection.status, time.perf_counter())
                self._free.append(connection)
                if connection.closes:
                    self._end(connection)
                yield connection

    def closed(self, seconds: float, least: int, most_s: float) -> Run:
        """Load in a closed loop: every connection sends its next request when the last is answered.

        Args:
            seconds: Shortest duration.
            least: Continue until this many requests have ended ...
            most_s: ... but at most for this long.
        """
        began = now = time.perf_counter()
        self._results = []
        while now < began + seconds or (
            len(self._results) < least and now < began + most_s  # a slow server's window is longer
        ):
            # A fixed number: where a connection fails, there is room for another one at once.
            for _ in range(len(self._free) + self._limit - len(self._connections)):
                self._send(now)
            for _ in self._receive(self._epoll.poll(0.1)):
                self._send(time.perf_counter())
            now = time.perf_counter()
        return Run(began, now, self._results)

    def open(self, moments: Sequence[float], seconds: float, timeout_s: float) -> Run:
        """Load in an open loop: send at given times, regardless of outstanding responses.

        A request that is due while every connection is busy waits here, and its latency counts from
        its due time: a slow server does not reduce the load (coordinated omission).

        Args:
            moments: Due times in seconds from the start, ascending.
            seconds: Duration of the run.
            timeout_s: How long outstanding responses are awaited after that.
        """
        began = time.perf_counter()
        self._results = []
        due = deque(began + moment for moment in moments)
        ended = began + seconds
        while (now := time.perf_counter()) < ended + timeout_s:
            while due and self._has_free and due[0] <= now < ended:
                self._send(due.popleft())
            if (not due or now >= ended) and not self._in_flight():
                break
            # While every connection is busy, only a response can let the next request go.
            can_send = due and self._has_free and now < ended
            pause = due[0] - now if can_send else ended + timeout_s - now
            for _ in self._receive(self._wait(max(pause, 0))):
                pass
        now = time.perf_counter()
        for status, waited in ((UNSENT, due), (UNANSWERED, self.outstanding())):
            self._results.extend(RequestResult(one, now - one, status, 0) for one in waited)
        return Run(began, ended, self._results)

    def _in_flight(self) -> list[Connection]:
        if len(self._free) == len(self._connections):
            return []
        return [one for one in self._connections.values() if one.busy]

    def outstanding(self) -> list[float]:
        """Return when the load's unanswered requests were sent, by `time.perf_counter`."""
        return [one.since for one in self._in_flight()]

    def drain(self, timeout_s: float) -> None:
        """Wait for outstanding responses, so that the server is idle before the next load."""
        until = time.perf_counter() + timeout_s
        while self._in_flight() and (left := until - time.perf_counter()) > 0:
            for _ in self._receive(self._epoll.poll(left)):
                pass

    def collect(self, count: int, timeout_s: float) -> list[tuple[int, bytes]]:
        """Send `count` requests of the load generator in rotation; return responses in order.

        Returns:
            Status and body of each request; `UNANSWERED` after the timeout.
        """
        answers = [(UNANSWERED, b"")] * count
        places: dict[Connection, int] = {}
        until = time.perf_counter() + timeout_s
        sent = 0
        while sent < count or self._in_flight():
            while self._has_free and sent < count:
                places[self._send(time.perf_counter())] = sent
                sent += 1
            if (left := until - time.perf_counter()) <= 0:
                break
            for connection in self._receive(self._epoll.poll(left)):
                answers[places.pop(connection)] = (connection.status, bytes(connection.body))
        return answers
