"""Request context, the outermost middleware: request ID, Server-Timing, access log, bugs as 500."""

import logging
import random
import re
import time
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors.problem import bug_response
from api.middleware.access_log import AccessLog, AccessRecord
from api.middleware.cors import CROSS_ORIGIN, PUBLIC, SAME_ORIGIN, VARIES, is_public
from api.middleware.server_timing import Stopwatch

logger = logging.getLogger("lightwell")

_RANDOM = random.Random()  # noqa: S311 - no secret; asking the system takes far longer
TRACE = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""Value of `traceparent`; IDs of zeros, and the version ff, are not valid (Trace Context, 3.2)."""

IS_PRIVATE = "is_private"
"""Key of a request's state: shared caches may keep nothing of the response."""

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class RequestContextMiddleware:
    """Middleware that gives each request its context (ID, stopwatch), logs it, answers bugs as 500.

    Args:
        app: Handles the requests; never sees HEAD, which is GET with the body left out.
        access_log: Records each finished request.
    """

    def __init__(self, app: ASGIApp, access_log: AccessLog) -> None:
        self._app = app
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request with a context of its own: request ID, stopwatch, access record."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        response = _Response(scope, send)
        state["request_id"], state["stopwatch"] = response.request_id, response.watch
        inner_scope = {**scope, "method": "GET"} if response.is_head else scope
        try:
            await self._app(inner_scope, receive, response.send)
        except Exception:
            logger.exception("request %s failed", response.request_id)
            # After the head no other response can follow: the cut connection tells the client.
            if not response.status:
                await bug_response(response.request_id, scope)(scope, receive, response.send)
        finally:
            # The router has put the route into the scope by now.
            route = getattr(inner_scope.get("route"), "path", "unmatched")
            self._access_log.record(response.access_record(route))


class _Response:
    """Response that gets the headers of its request context, such as the ID, as it is sent.

    Attributes:
        has_origin: Whether the request names an origin, so that CORS sets the header `Vary`.
        status: 0 until its head is sent.
    """

    def __init__(self, scope: Scope, send: Send) -> None:
        self.watch = Stopwatch()
        headers = dict(scope["headers"])
        self.request_id = _request_id(headers.get(b"x-request-id", b""))
        self.trace = _trace(headers.get(b"traceparent", b""))
        self.has_origin = b"origin" in headers
        self.status = 0
        self.is_head = scope["method"] == "HEAD"
        self._scope, self._send = scope, send

    async def send(self, message: Message) -> None:
        """Send an ASGI message; add request ID and Server-Timing of the context to its headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = message.setdefault("headers", [])
            headers += [
                (b"x-request-id", self.request_id.encode()),
                (b"x-content-type-options", b"nosniff"),
                (b"server-timing", self.watch.header.encode()),
            ]
            if not self.has_origin:
                headers.append(VARIES)
            if IS_PRIVATE in self._scope["state"]:
                _make_private(headers)
            if is_public(self._scope):
                kept = [each for each in headers if each[0] != PUBLIC[0][0]]
                message["headers"] = [*kept, *PUBLIC]
            else:
                headers.append(_resource_policy(headers))
        elif self.is_head:
            message = {**message, "body": b""}
        await self._send(message)

    def access_record(self, route: str) -> AccessRecord:
        """Access record of the request in this context, once it is finished."""
        seconds, encode_s = self.watch.total, self.watch.stages.get("encode")
        method = self._scope["method"]
        return AccessRecord(
            time.time(), route, method, self.status, seconds, encode_s, self.request_id, self.trace
        )


def _trace(sent: bytes) -> str:
    """Return a request's trace context (W3C `traceparent`) for the log; empty where not valid."""
    return sent.decode() if sent and TRACE.fullmatch(sent) else ""


def _make_private(headers: list[tuple[bytes, bytes]]) -> None:
    """Change the headers of a response so that shared caches keep nothing of it."""
    for at, (name, value) in enumerate(headers):
        if name == b"cache-control":
            if b"no-store" not in value and b"private" not in value:
                headers[at] = name, b"private, " + value
            return
    headers.append((b"cache-control", b"private"))


def _resource_policy(headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
    """Return the header that lets pages of any origin embed a picture, and nothing else."""
    for name, value in headers:
        if name == b"content-type":
            return CROSS_ORIGIN if value.startswith(b"image/") else SAME_ORIGIN
    return SAME_ORIGIN


def _request_id(sent: bytes) -> str:
    """Request ID for the context: the client's, where it is short and plain, else a new UUID."""
    return sent.decode() if sent and REQUEST_ID.fullmatch(sent) else _random_uuid()


def _random_uuid() -> str:
    """Random request ID: a UUID of version 4, made in a fraction of the time of `uuid.uuid4`."""
    digits = f"{_RANDOM.getrandbits(128):032x}"
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
