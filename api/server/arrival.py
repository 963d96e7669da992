"""Arrival of an HTTP request: the time that its head and body take, and the rate of its body."""

from api.errors.problem import Problem
from api.server.connection_limits import ConnectionLimits

REST, HEAD, BODY = range(3)
"""Phases of an arrival: no byte of the next request yet, within its head, within its body."""

FRAMING = 16
"""Bytes for each byte of a chunked body that its framing may have, as that of tiny chunks has."""


class Arrival:
    """Arrival of the requests of one HTTP connection, one after the other.

    Attributes:
        phase: `REST`, `HEAD` or `BODY`.
        since: Time at which the phase began, by the event loop, in seconds.
        head_bytes: Bytes of the head that have arrived, in packets without an end of a head.
        body_bytes: Bytes of the body that have arrived.
        quiet_bytes: Bytes in the phase `BODY` beyond the body itself and `FRAMING`: extensions of
            chunks, trailers.
    """

    __slots__ = ("_mark", "_marked", "body_bytes", "head_bytes", "phase", "quiet_bytes", "since")

    def __init__(self, now: float) -> None:
        self.phase = REST
        self.since = self._mark = now
        self.head_bytes = self.body_bytes = self.quiet_bytes = self._marked = 0

    def begin_head(self, now: float, *, is_first: bool) -> None:
        """Begin the phase of the head; that of the first request began with the connection."""
        self.phase = HEAD
        if not is_first:
            self.since = now

    def begin_body(self, now: float) -> None:
        """Begin the phase of the body: the head of the request has arrived."""
        self.phase = BODY
        self.since = self._mark = now
        self.body_bytes = self.quiet_bytes = self._marked = 0

    def count_framing(self, size: int, content: int) -> None:
        """Count the bytes of a packet in the phase of the body.

        Args:
            size: All of them.
            content: Those of the body itself.
        """
        self.quiet_bytes = max(0, self.quiet_bytes + size - (1 + FRAMING) * content)

    def end(self, now: float) -> None:
        """End the arrival of a request: all of it is there."""
        self.phase = REST
        self.since = now
        self.head_bytes = 0

    def pause(self, seconds: float) -> None:
        """Leave out time in which the server itself did not read the request."""
        self.since += seconds
        self._mark += seconds

    def late(self, now: float, limits: ConnectionLimits) -> Problem | None:
        """Return the problem of a request that arrives too slowly.

        Returns:
            408 `request-timeout`, or None while it is in time.
        """
        if self.phase == BODY:
            return self._late_body(now, limits)
        if now - self.since <= limits.head_s:
            return None
        return _late(f"The head of the request did not arrive within {limits.head_s:g} s.")

    def _late_body(self, now: float, limits: ConnectionLimits) -> Problem | None:
        allowed = limits.body_s + self.body_bytes / limits.bytes_per_further_s
        if now - self.since > allowed:
            return _late(f"The body did not arrive within {allowed:.0f} s.")
        if (seconds := now - self._mark) < limits.rate_s:
            return None
        arrived = self.body_bytes - self._marked
        self._mark, self._marked = now, self.body_bytes
        if arrived < limits.least_rate * seconds:
            return _late(
                f"The body arrives too slowly: at least {limits.least_rate} bytes a second are "
                f"needed, and {arrived} bytes arrived within {seconds:.0f} s."
            )
        return None


def _late(detail: str) -> Problem:
    """Return the problem of an arrival that takes too long."""
    return Problem("request-timeout", detail, headers={"Connection": "close"})
