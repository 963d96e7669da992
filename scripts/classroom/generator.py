"""Load generator of the classroom: one thread with the connections of all students.

A student has an address of loopback and, as a browser has, up to six connections. A request whose
connections are all busy waits, and its latency counts from when it was due.
"""

import gc
import select
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from scripts.bench.connection import Connection
from scripts.bench.load import CLOSED, UNANSWERED, RequestResult
from scripts.classroom.requests import Kind
from scripts.classroom.timetable import Due

CONNECTIONS = 6
"""Connections of a student's browser to one server, at most."""

DRAIN_S = 15.0


def source_of(student: int) -> str:
    """Return the loopback address of a student of the class: 127.0.1.1 and on."""
    return f"127.0.{1 + student // 250}.{1 + student % 250}"


@dataclass(frozen=True)
class Answered:
    """Answer to one request of a student.

    Attributes:
        result: Latency from when it was due, status, and bytes of the answer.
        sent_bytes: Bytes of the request.
    """

    due: Due
    result: RequestResult
    sent_bytes: int


@dataclass
class Student:
    """Student of the simulated class: idle connections, and requests that wait for one."""

    source: str
    idle: list[Connection] = field(default_factory=list)
    waiting: deque[Due] = field(default_factory=deque)
    open: int = 0


@dataclass
class Flight:
    """Request of a student that is in flight on a connection.

    Attributes:
        is_reused: Whether the connection had an earlier request: the server may have closed it at
            the same time, and a browser then sends the request on another connection.
    """

    due: Due
    request: bytes
    is_reused: bool


@dataclass(frozen=True)
class Outcome:
    """Outcome of a simulated lesson: answers, duration and CPU time of the load generator."""

    answers: list[Answered]
    wall_s: float
    generator_cpu_s: float


class Classroom:
    """Connections of a class of students to one server on loopback."""

    def __init__(self, port: int, requests: Mapping[Kind, Sequence[bytes]]) -> None:
        self._port, self._requests = port, requests
        self._epoll = select.epoll()
        self._students: dict[int, Student] = {}
        self._owners: dict[int, tuple[Connection, int]] = {}
        self._flights: dict[int, Flight] = {}
        self._answers: list[Answered] = []
        self._began = 0.0

    def run(self, timetable: Sequence[Due], drain_s: float = DRAIN_S) -> Outcome:
        """Send requests when they are due, in an open loop; await the last answers for a while."""
        due = deque(timetable)
        with _without_collection():
            self._began, cpu = time.perf_counter(), time.process_time()
            last = due[-1].moment if due else 0.0
            while (now := time.perf_counter() - self._began) < last + drain_s:
                while due and due[0].moment <= now:
                    self._begin(due.popleft())
                if not due and not self._flights:
                    break
                self._wait(max(0.0, (due[0].moment if due else last + drain_s) - now))
            wall_s = time.perf_counter() - self._began
            used = time.process_time() - cpu
        self._close()
        return Outcome(self._answers, wall_s, used)

    def _begin(self, due: Due) -> None:
        """Send a student's request on an idle connection or a new one, or let it wait."""
        student = self._students.setdefault(due.student, Student(source_of(due.student)))
        if not student.idle and student.open >= CONNECTIONS:
            student.waiting.append(due)
            return
        variants = self._requests[due.kind]
        flight = Flight(due, variants[due.variant % len(variants)], is_reused=bool(student.idle))
        self._send(student, flight)

    def _send(self, student: Student, flight: Flight) -> None:
        try:
            connection = student.idle.pop() if flight.is_reused else self._connect(flight.due)
        except OSError:
            self._record(flight, CLOSED, 0, time.perf_counter())
            return
        self._flights[connection.socket.fileno()] = flight
        try:
            connection.send(flight.request, self._began + flight.due.moment)
        except OSError:
            self._fail(connection)

    def _connect(self, due: Due) -> Connection:
        student = self._students[due.student]
        connection = Connection(self._port, source=student.source)
        student.open += 1
        self._owners[connection.socket.fileno()] = (connection, due.student)
        self._epoll.register(connection.socket, select.EPOLLIN)
        return connection

    def _wait(self, timeout_s: float) -> None:
        """Wait for answers, to the microsecond: epoll's own timeout is in milliseconds."""
        select.select([self._epoll], [], [], timeout_s)
        for descriptor, _ in self._epoll.poll(0):
            connection, number = self._owners[descriptor]
            try:
                is_whole = connection.receive()
            except OSError:
                self._fail(connection)
                continue
            if is_whole and descriptor in self._flights:
                self._finish(connection, self._students[number])

    def _finish(self, connection: Connection, student: Student) -> None:
        flight = self._flights.pop(connection.socket.fileno())
        now = time.perf_counter()
        self._record(flight, connection.status, connection.received, connection.sent, now)
        if connection.closes:
            self._drop(connection)
        else:
            student.idle.append(connection)
        if student.waiting:
            self._begin(student.waiting.popleft())

    def _fail(self, connection: Connection) -> None:
        """Drop a connection that the server has closed; send an unanswered request once more."""
        flight = self._flights.pop(connection.socket.fileno(), None)
        student = self._drop(connection)
        if flight is None:
            return
        if flight.is_reused and not connection.received:
            self._send(student, Flight(flight.due, flight.request, is_reused=False))
        else:
            self._record(flight, CLOSED, connection.received, connection.sent)

    def _drop(self, connection: Connection) -> Student:
        _, number = self._owners.pop(connection.socket.fileno())
        student = self._students[number]
        student.open -= 1
        if connection in student.idle:
            student.idle.remove(connection)
        connection.socket.close()
        return student

    def _record(
        self, flight: Flight, status: int, received: int, sent: float, now: float | None = None
    ) -> None:
        now = time.perf_counter() if now is None else now
        since = self._began + flight.due.moment
        result = RequestResult(since, now - since, status, received, now - sent)
        self._answers.append(Answered(flight.due, result, len(flight.request)))

    def _close(self) -> None:
        """Count requests without an answer, and close every connection."""
        for descriptor, flight in self._flights.items():
            connection, _ = self._owners[descriptor]
            self._record(flight, UNANSWERED, connection.received, connection.sent)
        for due in [one for student in self._students.values() for one in student.waiting]:
            self._record(Flight(due, b"", is_reused=False), UNANSWERED, 0, time.perf_counter())
        for connection, _ in self._owners.values():
            connection.socket.close()
        self._epoll.close()


@contextmanager
def _without_collection() -> Iterator[None]:
    """Keep garbage collection out of the classroom's latencies."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
