"""Context of a response in the making: engine, timeout and stopwatch of its request."""

import time
from typing import NamedTuple

from starlette.requests import Request

from api.inference.engine import Engine
from api.middleware.server_timing import Stopwatch, stopwatch


class RequestContext(NamedTuple):
    """Context that a request's response is made in: engine, timeout and stopwatch.

    Attributes:
        engine: The resident models and the queue of the device.
        timeout_s: Seconds that the request may take, of its arrival and of each device call.
        watch: Measures the stages for `Server-Timing`; it began with the request.
    """

    engine: Engine
    timeout_s: float
    watch: Stopwatch

    @classmethod
    def of(cls, request: Request) -> "RequestContext":
        """Return the context for the response to a request that has passed the middleware."""
        state = request.app.state
        return cls(state.engine, state.settings.deadline_s, stopwatch(request.scope))

    @property
    def deadline(self) -> float:
        """Deadline of the response made in this context, by `time.monotonic`, in seconds."""
        return self.watch.began + self.timeout_s

    @property
    def chunk_deadline(self) -> float:
        """Deadline of a response's next chunk in this context, by `time.monotonic`, in seconds."""
        return time.monotonic() + self.timeout_s
