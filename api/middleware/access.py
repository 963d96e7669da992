"""Access middleware: refuses requests by the access guard, before their body is read."""

from starlette.types import ASGIApp, Receive, Scope, Send

from api.access.guard import Guard
from api.access.login import login_response
from api.errors.problem import Problem, problem_response
from api.middleware.request_context import IS_PRIVATE


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
        if tokens is not None:
            scope["state"][IS_PRIVATE] = True
        try:
            self._guard.check(scope)
            response = None if tokens is None else login_response(tokens, scope)
        except Problem as problem:
            response = problem_response(problem, scope["state"]["request_id"], scope)
        if response is not None:
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)
