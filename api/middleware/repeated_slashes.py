"""Repeated slashes in a request path are collapsed to one before anything reads the path."""

import re

from starlette.types import ASGIApp, Receive, Scope, Send

REPEATED = re.compile(r"/{2,}")
REPEATED_RAW = re.compile(rb"(?:/|%2[Ff]){2,}")


class RepeatedSlashesMiddleware:
    """Middleware that collapses repeated slashes in the path: `//cnn//predict` is `/cnn/predict`.

    Clients write them by joining a base address that ends in a slash with a path that begins with
    one. The prefix of a mounted application and the query stay as they were sent.

    Args:
        app: Handles the requests, with every other middleware.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request by its path with single slashes."""
        if scope["type"] == "http" and "//" in scope["path"]:
            scope = _with_single_slashes(scope)
        await self._app(scope, receive, send)


def _with_single_slashes(scope: Scope) -> Scope:
    """Return the scope of a request with repeated slashes collapsed behind its mounted prefix."""
    path, prefix = scope["path"], scope.get("root_path", "")
    start = len(prefix) if path.startswith(prefix) else 0
    collapsed = {**scope, "path": path[:start] + REPEATED.sub("/", path[start:])}
    # Without a repetition in the prefix the whole of the path as sent may be collapsed.
    if isinstance(raw := scope.get("raw_path"), bytes) and "//" not in prefix:
        collapsed["raw_path"] = REPEATED_RAW.sub(b"/", raw)
    return collapsed
