"""Edge: what every request passes, whatever it asks for."""

import logging
import random
import re
import time

from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors.problem import bug_response
from api.middleware.access_log import AccessLog, AccessRecord
from api.middleware.cors import PUBLIC, is_public
from api.middleware.server_timing import Stopwatch

logger = logging.getLogger("lightwell")

_RANDOM = random.Random()  # noqa: S311 - a name, not a secret; asking the system takes far longer
REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class RequestContextMiddleware:
    """Names each request, times it, has it noted, and turns a bug into a 500 problem.

    Args:
        app: The application, as the endpoints know it.
        behind: Answers its requests.
        ledger: Takes note of each.
    """

    def __init__(self, app: Starlette, behind: ASGIApp, ledger: AccessLog) -> None:
        self._app = app
        self._behind = behind
        self._ledger = ledger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        scope["app"] = self._app
        if scope["type"] != "http":
            await self._behind(scope, receive, send)
            return
        watch = Stopwatch()
        request_id = _request_id(scope)
        state = scope.setdefault("state", {})
        state["request_id"], state["stopwatch"] = request_id, watch
        # HEAD is GET without the body: what lies behind knows only the one.
        head = scope["method"] == "HEAD"
        asked = {**scope, "method": "GET"} if head else scope
        status = 0

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.setdefault("headers", [])
                headers += [
                    (b"x-request-id", request_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"server-timing", watch.header.encode()),
                ]
                if is_public(scope):
                    kept = [each for each in headers if each[0] != PUBLIC[0][0]]
                    message["headers"] = [*kept, *PUBLIC]
            elif head:
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._behind(asked, receive, send_named)
        except Exception:
            logger.exception("request %s failed", request_id)
            if not status:
                await bug_response(request_id)(scope, receive, send_named)
        finally:
            route = getattr(asked.get("route"), "path", "unmatched")
            seconds, encode_s = watch.total, watch.stages.get("encode")
            self._ledger.note(
                AccessRecord(
                    time.time(), route, scope["method"], status, seconds, encode_s, request_id
                )
            )


def _request_id(scope: Scope) -> str:
    """Return the client's own name for its request where it is a sane one, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and REQUEST_ID.fullmatch(value):
            return str(value.decode())
    return _random_uuid()


def _random_uuid() -> str:
    """Make up a UUID of version 4, as `uuid.uuid4` does, in a fraction of its time."""
    digits = f"{_RANDOM.getrandbits(128):032x}"
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
