"""Login of the page: a token in the query of its address becomes a cookie by a redirect."""

from urllib.parse import parse_qsl, urlencode

from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from api.access.tokens import Tokens

PAGES = frozenset({"", "/"})
"""Paths of the page."""

METHODS = frozenset({"GET", "HEAD"})
PARAMETER = "token"


def login_secret(scope: Scope, path: str) -> bytes | None:
    """Return the token in the query of the page's address; None in that of any other request.

    Args:
        path: Path of the request, without a prefix that the server is mounted under.
    """
    query: bytes = scope["query_string"]
    if b"token=" not in query or path not in PAGES or scope["method"] not in METHODS:
        return None
    secrets = [value for name, value in _parameters(query) if name == PARAMETER]
    return secrets[-1].encode("utf-8", "replace") if secrets else None


def login_redirect(tokens: Tokens, scope: Scope, secret: bytes) -> Response:
    """Return the redirect of the page's address with a token, to the one without it.

    The token becomes a cookie, so that it is in no address that is kept, shared or sent as Referer.

    Args:
        secret: Token that was sent; a wrong one becomes no cookie.
    """
    root = scope.get("root_path", "")
    sent = _parameters(scope["query_string"])
    rest = urlencode([(name, value) for name, value in sent if name != PARAMETER])
    response = RedirectResponse(f"{root}/{f'?{rest}' if rest else ''}", 303)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
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


def _parameters(query: bytes) -> list[tuple[str, str]]:
    """Return the names and values in a query, decoded."""
    return parse_qsl(query.decode("latin-1"), keep_blank_values=True)
