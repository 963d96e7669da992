"""Access middleware: refuses requests by the access guard, before their body is read."""

from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode

from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access.guard import Guard
from api.access.tokens import Tokens
from api.errors.problem import Problem, problem_response

PAGES = ("", "/")
"""Addresses of the page, where a token in the query becomes a cookie."""


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
        try:
            self._guard.check(scope)
        except Problem as problem:
            response: Response = problem_response(problem, scope["state"]["request_id"])
            await response(scope, receive, send)
            return
        tokens = self._guard.rules.tokens
        if tokens is None:
            await self._app(scope, receive, send)
            return
        if (redirect := _logged_in(tokens, scope)) is not None:
            await redirect(scope, receive, send)
            return

        async def send_private(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = list(_private(message.get("headers", ())))
            await send(message)

        await self._app(scope, receive, send_private)


def _logged_in(tokens: Tokens, scope: Scope) -> Response | None:
    """Return the redirect of the page's address with a token, to the one without it.

    The token becomes a cookie, so that it is in no address that is kept, shared or sent as Referer.
    """
    query = scope["query_string"]
    if b"token=" not in query or scope["method"] not in {"GET", "HEAD"}:
        return None
    root = scope.get("root_path", "")
    if scope["path"].removeprefix(root) not in PAGES:
        return None
    sent = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    secrets = [value for name, value in sent if name == "token"]
    if not secrets:
        return None
    rest = urlencode([(name, value) for name, value in sent if name != "token"])
    response = RedirectResponse(f"{root}/{f'?{rest}' if rest else ''}", 303)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    secret = secrets[-1].encode("latin-1", "replace")
    if tokens.holder(secret) is not None:
        response.set_cookie(
            tokens.cookie_name,
            tokens.cookie(secret),
            path=f"{root}/",
            httponly=True,
            samesite="strict",
            secure=scope.get("scheme") == "https",
        )
    return response


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
