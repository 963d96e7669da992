"""Admission: limits of requests in flight, bytes of bodies, rows of analyses, and memory."""

from collections.abc import Iterator
from contextlib import contextmanager

from api.inference.errors import EngineBusyError
from api.inference.jobs import Job
from api.inference.memory_budget import MemoryBudget, RequestTooLargeError

COPIES_OF_A_BODY = 2
"""Bytes in memory for each byte of a body: it is joined from its chunks, then decoded."""

UNLIMITED = 2**62
"""Memory budget of an admission without one, in bytes."""


class InFlightCounter:
    """Admission's counter of the requests in flight: each enters it and leaves it.

    Attributes:
        count: Requests that are in it now.
    """

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> None:
        self.count += 1

    def __exit__(self, *_: object) -> None:
        self.count -= 1


class BodyBytes:
    """Admission's count of the bytes of one request body, from their arrival until decoding."""

    def __init__(self, admission: "Admission", job: Job) -> None:
        self._admission, self._job = admission, job
        self._held = 0

    def __enter__(self) -> "BodyBytes":
        return self

    def __exit__(self, *_: object) -> None:
        self._admission.body_bytes -= self._held
        self._admission.memory.give(COPIES_OF_A_BODY * self._held, self._job)

    def add(self, nbytes: int) -> None:
        """Count bytes of a request body that have arrived.

        Raises:
            EngineBusyError: The bodies of all requests would exceed the limit.
            RequestTooLargeError: The bytes do not fit into the memory budget.
        """
        held = COPIES_OF_A_BODY * (self._held + nbytes)
        if held > (capacity := self._admission.memory.full_capacity):
            raise RequestTooLargeError(held, capacity, is_body=True)
        self._admission.add_body_bytes(nbytes, self._held, self._job)
        self._held += nbytes


class Admission:
    """Admission of requests, bodies and analyses, up to limits. Of one event loop.

    Args:
        max_requests: Requests in flight; more are refused.
        max_analysis_rows: Rows of all analyses in flight; one alone may have more.
        max_body_bytes: Bytes of all request bodies; one alone may have more.
        memory: Bytes that all requests may hold; None without a limit.

    Attributes:
        analysis_rows: Rows of the analyses in flight.
        body_bytes: Bytes of the request bodies that are read or decoded now.
    """

    def __init__(
        self,
        max_requests: int,
        max_analysis_rows: int,
        max_body_bytes: int = 256 * 2**20,
        memory: MemoryBudget | None = None,
    ) -> None:
        self._max_requests = max_requests
        self._max_analysis_rows = max_analysis_rows
        self._max_body_bytes = max_body_bytes
        self._in_flight = InFlightCounter()
        self.memory = memory or MemoryBudget(UNLIMITED)
        self.analysis_rows = 0
        self.body_bytes = 0

    @property
    def in_flight(self) -> int:
        """Number of admitted requests in flight."""
        return self._in_flight.count

    def request(self) -> InFlightCounter:
        """Admit one request: `with admission.request():` counts it while it is in flight.

        Raises:
            EngineBusyError: As many requests are in flight as are allowed.
        """
        if self.in_flight >= self._max_requests:
            msg = f"{self._max_requests} requests are in flight, the limit of this server."
            raise EngineBusyError(msg)
        return self._in_flight

    def body(self, job: Job) -> BodyBytes:
        """Count the bytes of one request body: `with admission.body(job) as body: body.add(…)`."""
        return BodyBytes(self, job)

    def add_body_bytes(self, nbytes: int, held: int, job: Job) -> None:
        """Count bytes of a request body, of which `held` bytes are counted already.

        Raises:
            EngineBusyError: The bodies of all requests would exceed the limit.
        """
        if self.body_bytes + nbytes > self._max_body_bytes and self.body_bytes > held:
            msg = (
                f"The bodies of requests in flight have {self.body_bytes} bytes, and may have "
                f"{self._max_body_bytes}."
            )
            raise EngineBusyError(msg)
        self.memory.take(COPIES_OF_A_BODY * nbytes, job)
        self.body_bytes += nbytes

    @contextmanager
    def analysis(self, rows: int) -> Iterator[None]:
        """Admit an analysis of many rows while no others, or few enough rows, are in flight.

        Raises:
            EngineBusyError: The rows of all analyses would exceed the limit.
        """
        # An analysis that is larger than the limit runs where it is alone, or it never could.
        if self.analysis_rows and self.analysis_rows + rows > self._max_analysis_rows:
            msg = (
                f"Analyses of {self.analysis_rows} rows are in flight; with the {rows} rows of "
                f"this one they would exceed the limit of {self._max_analysis_rows}."
            )
            raise EngineBusyError(msg)
        self.analysis_rows += rows
        try:
            yield
        finally:
            self.analysis_rows -= rows
