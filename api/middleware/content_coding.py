"""Content coding of responses whose routes know none: JSON, HTML and text in gzip."""

from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.content_coding import GZIP, INLINE_BYTES, LEAST_BYTES, VARIES, gzipped, takes_gzip
from api.headers import request_header

CODED = (b"application/json", b"text/html", b"text/plain")
"""Media types that the middleware compresses. JSON lines are not: each is sent when computed."""

DECIDED = (b"content-encoding", b"etag", b"transfer-encoding")
"""Headers of responses whose coding was decided: an ETag names one coding."""

Compute = Callable[..., Awaitable[bytes | None]]


class ContentCodingMiddleware:
    """Middleware that compresses responses of the router. Inside of the route cache.

    Args:
        app: Routes that know no coding, and those of probes and files, which have chosen theirs.
        compute: Runs a function in a CPU thread.
    """

    def __init__(self, app: ASGIApp, compute: Compute) -> None:
        self._app, self._compute = app, compute

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; compress its response where the client accepts gzip."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_gzip = takes_gzip(request_header(scope, b"accept-encoding"))
        await self._app(scope, receive, _Response(send, self._compute, is_gzip=is_gzip).send)


class _Response:
    """Response on its way through the content coding: its head waits for its only body."""

    def __init__(self, send: Send, compute: Compute, *, is_gzip: bool) -> None:
        self._send, self._compute, self._is_gzip = send, compute, is_gzip
        self._head: Message | None = None

    async def send(self, message: Message) -> None:
        """Send an ASGI message; hold the head of a response that may be compressed."""
        if message["type"] == "http.response.start" and _is_undecided(message):
            message["headers"] = [*message["headers"], (b"vary", VARIES)]
            if self._is_gzip:
                self._head = message
                return
        elif self._head is not None:
            head, self._head = self._head, None
            if not message.get("more_body", False):
                message = await self._coded(head, message)
            await self._send(head)
        await self._send(message)

    async def _coded(self, head: Message, message: Message) -> Message:
        """Return the body of a whole response in gzip, with its head changed."""
        body = message.get("body", b"")
        if len(body) < LEAST_BYTES:
            return message
        if len(body) <= INLINE_BYTES:
            coded = gzipped([body])
        else:
            coded = await self._compute(gzipped, [body])
        if coded is None:
            return message
        plain = [one for one in head["headers"] if one[0].lower() != b"content-length"]
        head["headers"] = [*plain, (b"content-length", b"%d" % len(coded)), GZIP]
        return {**message, "body": coded}


def _is_undecided(head: Message) -> bool:
    """Whether the coding of a response is left to the middleware, by its head."""
    if head["status"] != 200:  # noqa: PLR2004 - problems are short, parts are of a plain body
        return False
    headers = {name.lower(): value for name, value in head["headers"]}
    kind = headers.get(b"content-type", b"").partition(b";")[0]
    is_negotiated = VARIES in headers.get(b"vary", b"")
    return kind in CODED and not is_negotiated and headers.keys().isdisjoint(DECIDED)
