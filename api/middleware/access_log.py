"""Ledger: every request that has ended, counted, timed and logged a moment later, with others.

Nobody's answer waits for its own entry; and to write many at once takes less than half as long.
"""

import asyncio
import logging
from http import HTTPStatus
from typing import NamedTuple

from api.middleware.metrics import Metrics

logger = logging.getLogger("lightwell.access")

QUIET = frozenset({"/livez", "/readyz", "/metrics"})
"""Routes that machines ask every few seconds: counted, but logged only when they fail."""

PAUSE_S = 0.05
MOST = 64
"""How long an entry waits at most, and how many do."""


class AccessRecord(NamedTuple):
    """One request that has ended. Neither its body nor its query, which may hold an input.

    Attributes:
        ended: By `time.time`, in seconds.
        route: The template of its route, never its path.
        seconds: From its first byte to the last of its answer.
        encode_s: What of it went into writing the answer; None where nothing was written.
        request_id: What it is called.
    """

    ended: float
    route: str
    method: str
    status: int
    seconds: float
    encode_s: float | None
    request_id: str


class AccessLog:
    """Takes entries on the event loop; it lives as long as its app.

    Args:
        metrics: Where they are counted and timed.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._entries: list[AccessRecord] = []

    def note(self, entry: AccessRecord) -> None:
        """Take an entry; it is settled soon."""
        self._entries.append(entry)
        if len(self._entries) == 1:
            asyncio.get_running_loop().call_later(PAUSE_S, self.settle)
        elif len(self._entries) >= MOST:
            self.settle()

    def settle(self) -> None:
        """Count, time and log every entry taken so far."""
        entries, self._entries = self._entries, []
        logged = logger.isEnabledFor(logging.INFO)
        for entry in entries:
            self._metrics.observe(entry.route, entry.method, entry.status, entry.seconds)
            if entry.encode_s is not None:
                self._metrics.observe_encoding(entry.encode_s)
            quiet = entry.route in QUIET and entry.status < HTTPStatus.INTERNAL_SERVER_ERROR
            if logged and not quiet:
                _log(entry)

    def exposition(self) -> bytes:
        """Write down what has been counted, every entry so far included."""
        self.settle()
        return self._metrics.exposition()


def _log(entry: AccessRecord) -> None:
    """Log one request, at the time at which it ended."""
    said = (entry.method[:16], entry.route, entry.status, 1000 * entry.seconds, entry.request_id)
    record = logger.makeRecord(
        logger.name, logging.INFO, "", 0, "%s %s %d %.1f ms %s", said, exc_info=None
    )
    record.created, record.msecs = entry.ended, int(entry.ended % 1 * 1000)
    logger.handle(record)
