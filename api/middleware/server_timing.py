"""Server-Timing: stages of one request and their durations."""

import time

from starlette.types import Scope


class Stopwatch:
    """Server-Timing's stopwatch of one request: measures its stages by `time.monotonic`.

    Attributes:
        began: Time at which it was started, in seconds.
        stages: Duration of each stage, in seconds.
    """

    def __init__(self) -> None:
        self.began = self._last = time.monotonic()
        self.stages: dict[str, float] = {}

    @property
    def total(self) -> float:
        """Seconds since the stopwatch was started: the `total` of Server-Timing."""
        return time.monotonic() - self.began

    def lap(self, stage: str) -> None:
        """End a stage of Server-Timing, which began when the last one ended."""
        now = time.monotonic()
        self.stages[stage] = now - self._last
        self._last = now

    def split(self, **stages: float) -> None:
        """Add stages of Server-Timing measured elsewhere, in seconds; the next stage begins now."""
        self.stages |= stages
        self._last = time.monotonic()

    @property
    def header(self) -> str:
        """Value of the `Server-Timing` header: the stages so far and the total, in milliseconds."""
        listed = (*self.stages.items(), ("total", self.total))
        return ", ".join([f"{stage};dur={1000 * seconds:.2f}" for stage, seconds in listed])


def stopwatch(scope: Scope) -> Stopwatch:
    """Server-Timing's stopwatch that the middleware gave a request."""
    watch: Stopwatch = scope["state"]["stopwatch"]
    return watch
