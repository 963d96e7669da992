"""Credentials of a request: its token as header, cookie or login, or its signed address."""

from collections.abc import Mapping

from starlette.types import Scope

from api.access.login import login_secret
from api.access.signed_addresses import MARK, ROUTE, verify
from api.access.tokens import Tokens
from api.headers import bearer_token

WRONG = ""
"""Name in place of a holder's, where the credentials of a request are wrong."""

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing and compute nothing large (RFC 9110, section 9.2.1)."""


def holder_of(tokens: Tokens, scope: Scope, path: str, sent: Mapping[bytes, bytes]) -> str | None:
    """Return the holder of the token that a request's credentials have.

    The signature of a signed address is removed from the query.

    Args:
        path: Path of the request, without a prefix that the server is mounted under.
        sent: Headers of the request.

    Returns:
        Name of the holder; `WRONG` where credentials are sent and none is right; None without any.
    """
    if (secret := login_secret(scope, path)) is not None:
        return tokens.holder(secret) or WRONG
    # Other schemes are those of a proxy, which may send them on.
    if (secret := bearer_token(sent.get(b"authorization", b""))) is not None:
        return tokens.holder(secret) or WRONG
    query = scope["query_string"]
    is_signed = MARK in query and scope["method"] in SAFE and path != ROUTE
    if is_signed and (verified := verify(tokens, path, query)) is not None:
        holder, scope["query_string"] = verified
        return holder
    value = _cookie(sent.get(b"cookie", b""), tokens.cookie_name)
    if value is not None:
        return tokens.cookie_holder(value) or WRONG
    return WRONG if is_signed else None


def _cookie(header: bytes, name: str) -> bytes | None:
    """Return the first value of a cookie in a header; None where it has none of the name."""
    wanted = name.encode()
    if wanted not in header:
        return None
    for part in header.split(b";"):
        found, _, value = part.strip().partition(b"=")
        if found == wanted:
            return value.strip(b'"')
    return None
