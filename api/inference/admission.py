"""Admission: limits of the requests in flight and of the rows of their analyses."""

from collections.abc import Iterator
from contextlib import contextmanager

from api.inference.errors import EngineBusyError


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


class Admission:
    """Admission of requests, and of analyses by their rows, up to limits. Of one event loop.

    Args:
        max_requests: Requests in flight; more are refused.
        max_analysis_rows: Rows of all analyses in flight; one alone may have more.

    Attributes:
        analysis_rows: Rows of the analyses in flight.
    """

    def __init__(self, max_requests: int, max_analysis_rows: int) -> None:
        self._max_requests = max_requests
        self._max_analysis_rows = max_analysis_rows
        self._in_flight = InFlightCounter()
        self.analysis_rows = 0

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
