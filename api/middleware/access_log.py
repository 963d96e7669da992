"""Access log: each finished request is counted, timed and logged."""

import logging
from http import HTTPStatus
from typing import NamedTuple

from api.middleware.metrics import Metrics

logger = logging.getLogger("lightwell.access")

QUIET = frozenset({"/livez", "/readyz", "/metrics"})
"""Routes that monitors poll every few seconds: counted, but logged only when they fail."""


class AccessRecord(NamedTuple):
    """Method, route, status and times of one finished request; neither its body nor its query.

    Attributes:
        route: Template of the route, never the path.
        seconds: From the arrival of the head to the last byte of the response.
        encode_s: Part of it that encoding the response took; None where nothing was encoded.
    """

    route: str
    method: str
    status: int
    seconds: float
    encode_s: float | None
    request_id: str


class AccessLog:
    """Writes one line for each request, and updates its metrics. It lives as long as its app."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def record(self, request: AccessRecord) -> None:
        """Count, time and log one finished request."""
        self._metrics.observe(request.route, request.method, request.status, request.seconds)
        if request.encode_s is not None:
            self._metrics.observe_encoding(request.encode_s)
        is_quiet = request.route in QUIET and request.status < HTTPStatus.INTERNAL_SERVER_ERROR
        if not is_quiet:
            logger.info(
                "%s %s %d %.1f ms %s",
                request.method[:16],
                request.route,
                request.status,
                1000 * request.seconds,
                request.request_id,
            )
