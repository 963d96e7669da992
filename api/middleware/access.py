"""Access middleware: refuses requests by the access guard, before their body is read."""

from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access.guard import Guard
from api.access.login import login_response
from api.errors.problem import Problem, problem_response


class AccessMiddleware:
    """Middleware of access: answers refused requests with a problem, and logs the page in.

    Args:
        app: Handles the requests that are let in.
        guard: Refuses requests by their heads.
    """

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        tokens = self._guard.rules.tokens
        try:
            self._guard.check(scope)
            response = None if tokens is None else login_response(tokens, scope)
        except Problem as problem:
            response = problem_response(problem, scope["state"]["request_id"])
        if response is not None:
            await response(scope, receive, send)
            return
        if tokens is None:
            await self._app(scope, receive, send)
            return

        async def send_private(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = list(_private(message.get("headers", ())))
            await send(message)

        await self._app(scope, receive, send_private)


def _private(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
    """Yield response headers of which shared caches keep nothing."""
    kept = False
    for name, value in headers:
        if name.lower() == b"cache-control":
            kept = True
            if b"no-store" not in value and b"private" not in value:
                value = b"private, " + value  # noqa: PLW2901 - one header at a time
        yield name, value
    if not kept:
        yield b"cache-control", b"private"
