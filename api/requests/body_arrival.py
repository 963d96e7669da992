"""Arrival of a request's body: its bytes are counted, then the request takes its place."""

from starlette.requests import Request

from api.inference.admission import BodyBytes
from api.inference.place import Place
from api.middleware.timeouts import RequestTimeout
from api.responses.context import RequestContext


class BodyArrival:
    """Arrival of the body of one request: `with arrival: …` counts it while it is read and decoded.

    Args:
        request: Its body must not have been read.
        context: Its engine counts the bytes of all bodies; the deadline of its job is set.
        place: Taken when the body has arrived.
        timeout: Of the body until then, and of the client's connection from then on.

    Attributes:
        request: The request.
        context: Of the request.
        engine: Engine of the context.
        job: Work of the request.
    """

    def __init__(
        self, request: Request, context: RequestContext, place: Place, timeout: RequestTimeout
    ) -> None:
        self.request, self.engine, self.job = request, context.engine, context.job
        self.context, self._place, self._timeout = context, place, timeout
        self._bytes: BodyBytes = context.engine.admission.body(context.job)

    def __enter__(self) -> "BodyArrival":
        self._bytes.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._bytes.__exit__()

    def add(self, nbytes: int) -> None:
        """Count bytes of the body that have arrived.

        Raises:
            EngineBusyError: The bodies of all requests would exceed the limit.
        """
        self._bytes.add(nbytes)
        self._timeout.add(nbytes)

    def end(self) -> None:
        """End the arrival of the body, or of a request without one: the request is in flight.

        Its deadline begins: the time in which a client sends its body is no part of the work.

        Raises:
            EngineBusyError: As many requests are in flight as are allowed.
        """
        self._place.take()
        self.job.deadline = self.context.chunk_deadline
        self._timeout.body_received(self.request.receive, self.job.deadline)
