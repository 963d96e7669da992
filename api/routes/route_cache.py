"""Route cache: repeated request lines go to their endpoint without routing and validation."""

from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

Respond = Callable[[Request], Awaitable[Response]]
RequestLine = tuple[str, str, str, bytes]

# Any client can fill the cache: entries and their sizes are bounded.
MAX_ENTRIES = 1024
MAX_QUERY_BYTES = 256


class CachedRoute(NamedTuple):
    """Entry of the route cache: the keys that the router sets in the scope, and the endpoint."""

    route: object
    endpoint: object
    path_params: Mapping[str, object]
    respond: Respond


class RouteCache:
    """Route cache of accepted request lines. It lives as long as the application.

    Method, path and query determine the endpoint and its validated parameters; the body is read by
    the endpoint. The oldest entry is evicted first.
    """

    def __init__(self) -> None:
        self._entries: dict[RequestLine, CachedRoute] = {}

    def __len__(self) -> int:
        """Number of request lines in the route cache."""
        return len(self._entries)

    def clear(self) -> None:
        """Evict every request line from the route cache."""
        self._entries.clear()

    def get(self, scope: Scope) -> CachedRoute | None:
        """Return the route cache's entry for a request line; None where it has none."""
        return self._entries.get(_request_line(scope))

    def add(self, request: Request, respond: Respond) -> None:
        """Let `respond` answer later requests with this request line, from the route cache.

        Args:
            request: One whose parameters are valid.
            respond: Keeps nothing of that request but its validated parameters.
        """
        scope, line = request.scope, _request_line(request.scope)
        if line in self._entries or len(scope["query_string"]) > MAX_QUERY_BYTES:
            return
        if len(self._entries) >= MAX_ENTRIES:
            # A dict keeps the order of insertion: its first key is the oldest.
            del self._entries[next(iter(self._entries))]
        found = CachedRoute(scope["route"], scope["endpoint"], scope["path_params"], respond)
        self._entries[line] = found


def cache_route(request: Request, respond: Respond) -> None:
    """Add a request line to the route cache of its application, as `RouteCache.add` does."""
    cache: RouteCache = request.app.state.route_cache
    cache.add(request, respond)


class RouteCacheMiddleware:
    """Innermost middleware: calls the endpoint of a request line that the route cache has.

    Every other middleware is outside of it, so that it sees each request, cached or not.

    Args:
        app: Handles the request lines that are not cached: FastAPI's routing and validation.
    """

    def __init__(self, app: ASGIApp, cache: RouteCache) -> None:
        self._app = app
        self._cache = cache

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the cached endpoint of a request line, or hand the request to the router."""
        cached = self._cache.get(scope) if scope["type"] == "http" else None
        if cached is None:
            await self._app(scope, receive, send)
            return
        # The keys that the router sets: middleware reads them when the request has been answered.
        scope["route"], scope["endpoint"] = cached.route, cached.endpoint
        scope["path_params"] = dict(cached.path_params)
        request = Request(scope, receive, send)
        try:
            response = await cached.respond(request)
        except Exception as error:
            response = await _handled(request, error)
        await response(scope, receive, send)


async def _handled(request: Request, error: Exception) -> Response:
    """Answer an exception of a cached route by the application's exception handler for it.

    Starlette's middleware for exceptions is inside of the route cache, which skips it.

    Raises:
        Exception: `error` itself where the application has no handler for it.
    """
    handlers = request.app.exception_handlers
    # A handler of `Exception` is for bugs: those go on to the outermost middleware.
    known = (one for one in type(error).__mro__ if one is not Exception)
    handler = next((handlers[one] for one in known if one in handlers), None)
    if handler is None:
        raise error
    response = handler(request, error)
    found: Response = await response if isawaitable(response) else response
    return found


def _request_line(scope: Scope) -> RequestLine:
    return scope["method"], scope.get("root_path", ""), scope["path"], scope["query_string"]
