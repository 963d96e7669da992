"""Context of a response in the making: engine, model, timeout and stopwatch of its request."""

import time
from typing import NamedTuple

from starlette.requests import Request

from api.client_identity import client_of
from api.content_coding import takes_gzip
from api.headers import request_header
from api.inference.engine import Engine
from api.inference.jobs import Job
from api.inference.memory_budget import HeldBytes
from api.inference.served_model import ServedModel
from api.middleware.server_timing import Stopwatch, stopwatch


class RequestContext(NamedTuple):
    """Context that a request's response is made in: engine, model, timeout and stopwatch.

    Attributes:
        engine: The resident models and the queue of the device.
        served: Model that answers, with the weights that are served when the request begins.
        timeout_s: Seconds that the request may take, from the arrival of its body.
        watch: Measures the stages for `Server-Timing`; it began with the request.
        job: Work of the request, with its client and its deadline.
        held: Bytes of memory that the request holds; entered while it is in flight.
        takes_gzip: Whether the client accepts the content coding gzip.
    """

    engine: Engine
    served: ServedModel
    timeout_s: float
    watch: Stopwatch
    job: Job
    held: HeldBytes
    takes_gzip: bool

    @classmethod
    def of(cls, request: Request, served: ServedModel) -> "RequestContext":
        """Return the context for the response to a request that has passed the middleware.

        Args:
            served: Model that answers.
        """
        state, watch = request.app.state, stopwatch(request.scope)
        timeout_s = state.settings.deadline_s
        job = Job(client_of(request.scope), watch.began + timeout_s)
        engine: Engine = state.engine
        held = HeldBytes(engine.admission.memory, job)
        gzip = takes_gzip(request_header(request.scope, b"accept-encoding"))
        return cls(engine, served, timeout_s, watch, job, held, gzip)

    @property
    def chunk_deadline(self) -> float:
        """Deadline of a response's next chunk in this context, by `time.monotonic`, in seconds."""
        return time.monotonic() + self.timeout_s
