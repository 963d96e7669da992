"""Dispatch: a request line that was answered before is not routed and validated again."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.middleware.cors import foreign_origin

Respond = Callable[[Request], Awaitable[Response]]

MAX_KNOWN = 1024
MAX_QUERY = 256  # bytes


class RouteCache:
    """Stands before the whole application and knows the request lines that it has accepted.

    Method, path and query say which endpoint is called with which parameters; bodies are read by
    the endpoint in either case. The line that was learned first is forgotten first. Requests of
    pages from other origins always go through the application, which knows who may ask.

    Args:
        app: Answers every line that is not known.
        refuse: From a request and what its endpoint raised to a response; raises what is a bug.
    """

    def __init__(self, app: ASGIApp, refuse: Callable[[Request, Exception], Response]) -> None:
        self._app = app
        self._refuse = refuse
        self._known: dict[tuple[str, str, bytes], tuple[object, Respond]] = {}

    def remember(self, request: Request, respond: Respond) -> None:
        """Answer requests of the same line by this from now on."""
        scope, line = request.scope, _line(request.scope)
        if line in self._known or len(scope["query_string"]) > MAX_QUERY:
            return
        if len(self._known) >= MAX_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[line] = (scope["route"], respond)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a known request line; pass on every other."""
        known = self._known.get(_line(scope)) if scope["type"] == "http" else None
        if known is None or foreign_origin(scope) is not None:
            await self._app(scope, receive, send)
            return
        scope["route"], respond = known
        request = Request(scope, receive, send)
        try:
            response = await respond(request)
        except Exception as error:
            response = self._refuse(request, error)
        response.raw_headers.append((b"vary", b"Origin"))
        await response(scope, receive, send)


def _line(scope: Scope) -> tuple[str, str, bytes]:
    return scope["method"], scope["path"], scope["query_string"]
