"""Progress of a response: the bytes that its client takes in a window of time."""

from api.server.connection_limits import ConnectionLimits


class WriteProgress:
    """Progress of the responses of one HTTP connection, which a slow reader holds up."""

    __slots__ = ("_mark", "_marked")

    def __init__(self) -> None:
        self._mark: float | None = None
        self._marked = 0

    def reset(self) -> None:
        """End the window of the progress: all bytes of responses were handed to the system."""
        self._mark = None

    def is_stalled(self, taken: int, now: float, limits: ConnectionLimits) -> bool:
        """Tell whether the client took too few bytes of the response for `stall_s` seconds.

        Args:
            taken: Bytes that the client has taken of all responses of the connection.
            now: By the event loop, in seconds.
        """
        if self._mark is None:
            self._mark, self._marked = now, taken
            return False
        if (seconds := now - self._mark) < limits.stall_s:
            return False
        is_slow = taken - self._marked < limits.least_rate * seconds
        self._mark, self._marked = now, taken
        return is_slow
