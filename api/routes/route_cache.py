"""Route cache: repeated request lines go to their endpoint without routing and validation."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

Respond = Callable[[Request], Awaitable[Response]]
RequestLine = tuple[str, str, str, bytes]

# Any client can fill the cache: entries and their sizes are bounded.
MAX_ENTRIES = 1024
MAX_QUERY_BYTES = 256


class RouteCache:
    """Route cache of accepted request lines: the innermost ASGI application, before the router.

    Method, path and query determine the endpoint and its validated parameters; the body is read by
    the endpoint. Every middleware is outside of it, so that it sees each request, cached or not.
    The oldest entry is evicted first. It lives as long as the application.

    Args:
        routes: Handles the request lines that are not cached.
    """

    def __init__(self, routes: ASGIApp) -> None:
        self._routes = routes
        self._entries: dict[RequestLine, tuple[object, object, Respond]] = {}

    def __len__(self) -> int:
        """Number of request lines in the route cache."""
        return len(self._entries)

    def clear(self) -> None:
        """Evict every request line from the route cache."""
        self._entries.clear()

    def add(self, request: Request, respond: Respond) -> None:
        """Let `respond` answer later requests with this request line, from the route cache.

        Args:
            request: One whose parameters are valid, and whose route has no path parameters.
            respond: Keeps nothing of that request but its validated parameters.
        """
        scope, line = request.scope, _request_line(request.scope)
        if line in self._entries or len(scope["query_string"]) > MAX_QUERY_BYTES:
            return
        if len(self._entries) >= MAX_ENTRIES:
            # A dict keeps the order of insertion: its first key is the oldest.
            del self._entries[next(iter(self._entries))]
        self._entries[line] = (scope["route"], scope["endpoint"], respond)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the route cache's endpoint of a request line; hand other requests to the router."""
        entry = self._entries.get(_request_line(scope)) if scope["type"] == "http" else None
        if entry is None:
            await self._routes(scope, receive, send)
            return
        # The keys that the router sets: middleware reads them when the request has been answered.
        scope["route"], scope["endpoint"], respond = entry
        scope["path_params"] = {}
        response = await respond(Request(scope, receive, send))
        await response(scope, receive, send)


def install(router: Router) -> RouteCache:
    """Put a route cache in front of the routes of an application's router."""
    cache = RouteCache(router.middleware_stack)
    router.middleware_stack = cache
    return cache


def _request_line(scope: Scope) -> RequestLine:
    return scope["method"], scope.get("root_path", ""), scope["path"], scope["query_string"]
