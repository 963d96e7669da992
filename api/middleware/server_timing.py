"""Timing: the stages of one request, for `Server-Timing` and the histograms."""

import time

from starlette.types import Scope


class Stopwatch:
    """Measures the stages of one request by `time.monotonic`, from when it was made.

    Attributes:
        began: When it was made, in seconds.
        stages: How long each stage took, in seconds.
    """

    def __init__(self) -> None:
        self.began = self._last = time.monotonic()
        self.stages: dict[str, float] = {}

    @property
    def total(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self.began

    def lap(self, stage: str) -> None:
        """Say which stage has just ended."""
        now = time.monotonic()
        self.stages[stage] = now - self._last
        self._last = now

    def split(self, **stages: float) -> None:
        """Say of which stages, measured elsewhere, the time since the last one was made up."""
        self.stages |= stages
        self._last = time.monotonic()

    @property
    def header(self) -> str:
        """The stages so far and the total, in milliseconds."""
        listed = (*self.stages.items(), ("total", self.total))
        return ", ".join([f"{stage};dur={1000 * seconds:.2f}" for stage, seconds in listed])


def stopwatch(scope: Scope) -> Stopwatch:
    """Return the stopwatch of a request."""
    watch: Stopwatch = scope["state"]["stopwatch"]
    return watch
