"""Login of the page: its token becomes a cookie, which no script can read.

A token in the query of the page's address leads to the address without it, by a redirect. The form
of the page posts the token in a header, so that it is in no address, and in no log of a proxy.
"""

from urllib.parse import parse_qsl, quote, urlencode

from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from api.access.tokens import Tokens
from api.errors.problem import Problem
from api.headers import bearer_token
from api.own_path import own_path

METHODS = frozenset({"GET", "HEAD"})
PARAMETER = "token"


def login_secret(scope: Scope, path: str) -> bytes | None:
    """Return the token in the query of the page's address; None in that of any other request.

    Args:
        path: Path of the request, without a prefix that the server is mounted under.
    """
    query: bytes = scope["query_string"]
    if path != "/" or b"token=" not in query or scope["method"] not in METHODS:
        return None
    secrets = [value for name, value in _parameters(query) if name == PARAMETER]
    return secrets[-1].encode("utf-8", "replace") if secrets else None


def login_response(tokens: Tokens, scope: Scope) -> Response | None:
    """Return the response to a login by address or by form; None to any other request.

    Raises:
        Problem: `unauthorised`, for a form with a token that no holder has.
    """
    path = own_path(scope)
    if path != "/":
        return None
    if scope["method"] == "POST":
        sent = [value for name, value in scope["headers"] if name == b"authorization"]
        return _form_response(tokens, scope, sent) if sent else None
    secret = login_secret(scope, path)
    return None if secret is None else _redirect(tokens, scope, secret)


def _form_response(tokens: Tokens, scope: Scope, headers: list[bytes]) -> Response:
    """Return the empty response to the form of the page, with the cookie.

    Args:
        headers: Values of `Authorization`; of several none counts, as the guard examines none.

    Raises:
        Problem: `unauthorised`, for a token that no holder has.
    """
    secret = bearer_token(headers[0]) if len(headers) == 1 else None
    if secret is None or tokens.holder(secret) is None:
        how = {"WWW-Authenticate": 'Bearer realm="lightwell"'}
        raise Problem("unauthorised", "The token is not one of this server's.", headers=how)
    response = Response(status_code=204, headers={"Cache-Control": "no-store"})
    _set_cookie(response, tokens, scope, secret)
    return response


def _redirect(tokens: Tokens, scope: Scope, secret: bytes) -> Response:
    """Return the redirect of the page's address with a token, to the one without it.

    The token becomes a cookie, so that it is in no address that is kept, shared or sent as Referer.

    Args:
        secret: Token that was sent; a wrong one becomes no cookie.
    """
    # The browser's own address has the prefix of every proxy, of which this server may not know.
    folder = "./"
    if scope["path"] == (root := scope.get("root_path", "")):
        folder = f"{quote(root.rpartition('/')[2])}/"
    sent = _parameters(scope["query_string"])
    rest = urlencode([(name, value) for name, value in sent if name != PARAMETER])
    response = RedirectResponse(f"{folder}{f'?{rest}' if rest else ''}", 303)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    if tokens.holder(secret) is not None:
        _set_cookie(response, tokens, scope, secret)
    return response


def _set_cookie(response: Response, tokens: Tokens, scope: Scope, secret: bytes) -> None:
    """Set the cookie of the page in a response.

    Args:
        secret: Token of a holder; the cookie has a digest of it.
    """
    root = scope.get("root_path", "")
    response.set_cookie(
        tokens.cookie_name,
        tokens.cookie(secret),
        # Without a path it is sent to what is below the folder of the page's own address.
        path=f"{root}/" if root and scope["path"] == root else None,
        httponly=True,
        samesite="strict",
        secure=scope.get("scheme") == "https",
    )


def _parameters(query: bytes) -> list[tuple[str, str]]:
    """Return the names and values in a query, decoded."""
    return parse_qsl(query.decode("latin-1"), keep_blank_values=True)
