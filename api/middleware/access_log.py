"""Access log: finished requests are buffered, then counted, timed and logged together."""

import asyncio
import logging
from http import HTTPStatus
from typing import NamedTuple

from api.middleware.metrics import Metrics

logger = logging.getLogger("lightwell.access")

QUIET = frozenset({"/livez", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"})
"""Routes that the access log shows only when they fail: monitors poll them every few seconds."""

FLUSH_S = 0.05
"""Longest time that the access log buffers a request, in seconds."""

MAX_BUFFERED = 64
"""Most requests that the access log buffers."""


class AccessRecord(NamedTuple):
    """Access log's record of a finished request: method, route, status, times; no body or query.

    Attributes:
        ended: By `time.time`, in seconds.
        route: Template of the route, never the path.
        seconds: From the arrival of the head to the last byte of the response.
        encode_s: Part of it that encoding the response took; None where nothing was encoded.
        trace: Trace context of the client (W3C `traceparent`); empty without one.
    """

    ended: float
    route: str
    method: str
    status: int
    seconds: float
    encode_s: float | None
    request_id: str
    trace: str = ""


class AccessLog:
    """Access log that buffers finished requests, and counts, times and logs a few at a time.

    One by one takes some 60 us longer for each in a running server: what writes a log line is out
    of the processor's caches by the next request. It lives as long as its app.

    Args:
        metrics: Counts and times the requests.
        is_complete: Whether requests that have not failed are logged.

    Attributes:
        metrics: As given.
    """

    def __init__(self, metrics: Metrics, *, is_complete: bool = True) -> None:
        self.metrics = metrics
        self._is_complete = is_complete
        self._records: list[AccessRecord] = []

    def record(self, request: AccessRecord) -> None:
        """Buffer one finished request in the access log until the flush. On the event loop."""
        self._records.append(request)
        if len(self._records) == 1:
            asyncio.get_running_loop().call_later(FLUSH_S, self.flush)
        elif len(self._records) >= MAX_BUFFERED or self._is_late(request):
            self.flush()

    def _is_late(self, request: AccessRecord) -> bool:
        """Tell whether the access log's oldest record has missed its flush.

        Its timer is lost with the event loop that had it, as where an application is tested.
        """
        return request.ended - self._records[0].ended > 2 * FLUSH_S

    def flush(self) -> None:
        """Count, time and log every request that the access log has buffered."""
        records, self._records = self._records, []
        for request in records:
            self.metrics.observe(request.route, request.method, request.status, request.seconds)
            if request.encode_s is not None:
                self.metrics.observe_encoding(request.encode_s)
            is_failure = request.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            if is_failure or (self._is_complete and request.route not in QUIET):
                _log(request)

    def exposition(self) -> bytes:
        """Metrics in Prometheus' text format, with every request in the access log so far."""
        self.flush()
        return self.metrics.exposition()


def _log(request: AccessRecord) -> None:
    """Write the access log's line of a request at the time at which it ended, not of the flush."""
    if not logger.isEnabledFor(logging.INFO):
        return
    milliseconds = 1000 * request.seconds
    # A client may send a method of any length.
    named = f"{request.request_id} {request.trace}" if request.trace else request.request_id
    values = (request.method[:16], request.route, request.status, milliseconds, named)
    line = logger.makeRecord(
        logger.name, logging.INFO, "", 0, "%s %s %d %.1f ms %s", values, exc_info=None
    )
    line.created, line.msecs = request.ended, int(request.ended % 1 * 1000)
    logger.handle(line)
