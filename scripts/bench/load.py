"""The load generator: one thread and raw sockets, so that it takes little from who is measured.

    requests -> Connection x n -> epoll -> answers -> windows

It shares the machine with the server, so it reads no more of an answer than its status and length,
and keeps no body unless told to.
"""

import math
import random
import re
import select
import socket
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import NamedTuple

BUFFER = bytearray(1 << 20)
VIEW = memoryview(BUFFER)
LENGTH = re.compile(rb"(?i)\r\ncontent-length:[ \t]*(\d+)")
HEAD_END = b"\r\n\r\n"

OK = 200
CLOSED = 0  # stands for the status where a server closed the connection instead of answering
UNANSWERED = -1  # and here where it had not answered when the run ended


class Connection:
    """A keep-alive connection with at most one request under way.

    Attributes:
        since: When that request was sent, or should have been, by `time.perf_counter`.
        status: Of the last answer.
        received: Bytes of the answer so far, head included.
        body: The answer's body, where it is kept.
    """

    __slots__ = ("_head", "_keep", "_left", "body", "busy", "received", "since", "socket", "status")

    def __init__(self, port: int, *, keep: bool = False) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.busy = False
        self.since = 0.0
        self.status = self.received = self._left = 0
        self._keep, self._head, self.body = keep, b"", bytearray()

    def send(self, request: bytes, since: float) -> None:
        """Send a request, whole; those of a benchmark fit into a socket's buffer.

        Raises:
            OSError: The server has closed the connection.
        """
        self.busy, self.since = True, since
        self.received, self._left, self._head = 0, -1, b""
        self.body.clear()
        if self.socket.send(request) != len(request):
            raise BlockingIOError

    def receive(self) -> bool:
        """Take what has arrived; return whether the answer is whole.

        Raises:
            OSError: The server has closed the connection, or sends no Content-Length.
        """
        # Of a body that is not kept, TCP need not even copy the bytes: it drops and counts them.
        dropped = self._left > 0 and not self._keep
        count = self.socket.recv_into(BUFFER, 0, socket.MSG_TRUNC if dropped else 0)
        if count == 0:
            raise ConnectionResetError
        self.received += count
        if self._left >= 0:
            self._left -= count
            if self._keep:
                self.body += VIEW[:count]
        else:
            self._read_head(count)
        self.busy = self._left != 0
        return not self.busy

    def _read_head(self, count: int) -> None:
        self._head += VIEW[:count]
        end = self._head.find(HEAD_END)
        if end < 0:
            return
        length = LENGTH.search(self._head, 0, end)
        if length is None:
            raise ConnectionAbortedError
        self.status = int(self._head[9:12])
        self._left = end + len(HEAD_END) + int(length[1]) - len(self._head)
        if self._keep:
            self.body += self._head[end + len(HEAD_END) :]


class Answered(NamedTuple):
    """One request, and what became of it.

    Attributes:
        since: When it was sent (closed loop) or should have been (open loop).
        latency_s: From then to the answer's last byte; of one without an answer, how long it had
            waited when the run ended.
        status: HTTP's, or `CLOSED`, or `UNANSWERED`.
        received: Bytes, head included.
    """

    since: float
    latency_s: float
    status: int
    received: int


@dataclass(frozen=True)
class Run:
    """A stretch of load, and every request of it."""

    began: float
    ended: float
    answers: list[Answered]

    def windows(self, count: int) -> "list[Window]":
        """Cut the run into windows of one length.

        A request counts for the throughput of the window in which it was answered. Its latency
        counts there too, or in the last window where the answer came after the end.
        """
        length = (self.ended - self.began) / count
        parts: list[list[Answered]] = [[] for _ in range(count)]
        for one in self.answers:
            index = int((one.since + one.latency_s - self.began) / length)
            parts[min(max(index, 0), count - 1)].append(one)
        return [Window.of(part, length, self.ended) for part in parts]


@dataclass(frozen=True)
class Window:
    """What a window came to.

    Attributes:
        per_second: Good answers per second.
        p50_s, p95_s, p99_s: Latencies; NaN where there was no answer.
        errors: How many requests had no good answer, by status.
        answer_bytes: Mean of the good answers, head included.
    """

    answers: int
    per_second: float
    p50_s: float
    p95_s: float
    p99_s: float
    errors: dict[str, int]
    answer_bytes: float

    @classmethod
    def of(cls, answers: Sequence[Answered], seconds: float, ended: float) -> "Window":
        """Sum up a window's requests; refusals are fast, and have no part in the latencies."""
        good = [one for one in answers if one.status == OK]
        waited = sorted(one.latency_s for one in answers if one.status in {OK, UNANSWERED})
        in_time = sum(one.since + one.latency_s <= ended for one in good)
        names = {CLOSED: "closed", UNANSWERED: "unanswered"}
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
    """Return the smallest value that a share of all does not exceed; NaN where there is none."""
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else math.nan


def poisson(per_second: float, seconds: float, seed: int) -> list[float]:
    """Draw the moments at which strangers would come, in seconds from the start."""
    chance = random.Random(seed)  # noqa: S311 - the same moments for every contestant
    moments, moment = [], chance.expovariate(per_second)
    while moment < seconds:
        moments.append(moment)
        moment += chance.expovariate(per_second)
    return moments


class Load:
    """A set of connections to one server, and the requests that go round on them.

    Args:
        port: On loopback.
        requests: Whole HTTP/1.1 requests, sent in rotation.
        connections: How many; as many requests can be under way at once.
        keep: Keep the bodies, for checking.
    """

    def __init__(
        self, port: int, requests: Sequence[bytes], connections: int, *, keep: bool = False
    ) -> None:
        self._port, self._keep = port, keep
        self._requests: Iterator[bytes] = cycle(requests)
        self._epoll = select.epoll()
        self._connections: dict[int, Connection] = {}
        self._free: deque[Connection] = deque()
        self._answers: list[Answered] = []
        for _ in range(connections):
            self._connect()

    def __enter__(self) -> "Load":
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections.values():
            connection.socket.close()
        self._epoll.close()

    def _connect(self) -> None:
        connection = Connection(self._port, keep=self._keep)
        self._connections[connection.socket.fileno()] = connection
        self._epoll.register(connection.socket, select.EPOLLIN)
        self._free.append(connection)

    def _lose(self, connection: Connection) -> None:
        """Put a new connection in the place of one that the server has closed."""
        if connection.busy:
            self._note(connection, CLOSED, time.perf_counter())
        else:
            self._free.remove(connection)
        del self._connections[connection.socket.fileno()]
        connection.socket.close()
        self._connect()

    def _note(self, connection: Connection, status: int, now: float) -> None:
        since = connection.since
        self._answers.append(Answered(since, now - since, status, connection.received))

    def _send(self, since: float) -> None:
        connection = self._free.popleft()
        try:
            connection.send(next(self._requests), since)
        except OSError:
            self._lose(connection)

    def _wait(self, timeout_s: float) -> list[tuple[int, int]]:
        """Wait so long, to the microsecond; epoll by itself waits in whole milliseconds."""
        select.select([self._epoll], [], [], timeout_s)
        return self._epoll.poll(0)

    def _receive(self, events: list[tuple[int, int]]) -> Iterator[Connection]:
        """Take what has arrived; yield the connections with a whole answer."""
        for descriptor, _ in events:
            connection = self._connections[descriptor]
            try:
                whole = connection.receive()
            except OSError:
                self._lose(connection)
                continue
            if whole:
                self._note(connection, connection.status, time.perf_counter())
                self._free.append(connection)
                yield connection

    def closed(self, seconds: float, least: int, most_s: float) -> Run:
        """Keep every connection busy: who has an answer asks again at once.

        Args:
            seconds: How long.
            least: Go on until so many requests have ended ...
            most_s: ... but never longer than this.
        """
        began = now = time.perf_counter()
        self._answers = []
        while now < began + seconds or (
            len(self._answers) < least and now < began + most_s  # a slow server's window is longer
        ):
            for _ in range(len(self._free)):
                self._send(now)
            for _ in self._receive(self._epoll.poll(0.1)):
                self._send(time.perf_counter())
            now = time.perf_counter()
        return Run(began, now, self._answers)

    def open(self, moments: Sequence[float], seconds: float, patience_s: float) -> Run:
        """Send at the moments given, whatever the server does meanwhile.

        A request whose moment finds every connection busy waits here, and its latency counts from
        its moment all the same: nothing is omitted while the server is slow.

        Args:
            moments: In seconds from the start, ascending.
            seconds: How long the run counts.
            patience_s: How long after that answers are waited for.
        """
        began = time.perf_counter()
        self._answers = []
        due = deque(began + moment for moment in moments)
        ended = began + seconds
        while (now := time.perf_counter()) < ended + patience_s:
            while due and self._free and due[0] <= now:
                self._send(due.popleft())
            if not due and not self._under_way():
                break
            pause = due[0] - now if due and self._free else ended + patience_s - now
            for _ in self._receive(self._wait(max(pause, 0))):
                pass
        now = time.perf_counter()
        for since in (*due, *(one.since for one in self._under_way())):
            self._answers.append(Answered(since, now - since, UNANSWERED, 0))
        return Run(began, ended, self._answers)

    def _under_way(self) -> list[Connection]:
        if len(self._free) == len(self._connections):
            return []
        return [one for one in self._connections.values() if one.busy]

    def drain(self, patience_s: float) -> None:
        """Wait for the answers that are under way, so that the next run finds the server idle."""
        until = time.perf_counter() + patience_s
        while self._under_way() and (left := until - time.perf_counter()) > 0:
            for _ in self._receive(self._epoll.poll(left)):
                pass

    def collect(self, count: int, patience_s: float) -> list[tuple[int, bytes]]:
        """Send every request in turn, `count` in all, side by side; return what came, in order.

        Returns:
            Status and body of each request; `UNANSWERED` where none came in time.
        """
        answers = [(UNANSWERED, b"")] * count
        places: dict[Connection, int] = {}
        until = time.perf_counter() + patience_s
        sent = 0
        while sent < count or self._under_way():
            while self._free and sent < count:
                places[self._free[0]] = sent
                self._send(time.perf_counter())
                sent += 1
            if (left := until - time.perf_counter()) <= 0:
                break
            for connection in self._receive(self._epoll.poll(left)):
                answers[places.pop(connection)] = (connection.status, bytes(connection.body))
        return answers
