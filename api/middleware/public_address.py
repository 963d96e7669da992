"""Public address: scheme and path prefix under which clients reach the server through a proxy."""

from collections.abc import Iterable
from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send

from api.access.proxies import TrustedProxies
from api.access.public_path import forwarded_prefix, is_below

PREFIX = b"x-forwarded-prefix"
SCHEME = b"x-forwarded-proto"
SCHEMES = frozenset({"http", "https"})


class PublicAddressMiddleware:
    """Middleware that writes the public prefix and scheme of a request into its scope.

    The prefix is `root_path`, or that of the header `X-Forwarded-Prefix` of a trusted proxy.
    Whether or not the proxy removes it from the path, `path` of the scope begins with it.
    `X-Forwarded-Proto` of a trusted proxy is the scheme.

    Args:
        app: Handles the requests, with every other middleware.
        root_path: Prefix of requests whose proxy names none; empty for none.
        proxies: Those whose headers are read.
    """

    def __init__(self, app: ASGIApp, root_path: str, proxies: TrustedProxies) -> None:
        self._app = app
        self._root_path = root_path
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request at its public address."""
        if scope["type"] == "http":
            scope = self._public(scope)
        await self._app(scope, receive, send)

    def _public(self, scope: Scope) -> Scope:
        """Return the scope of a request at its public address."""
        prefix, scheme, peer = self._root_path, None, scope.get("client")
        if peer and self._proxies.trusts(peer[0]):
            prefixes = _values(scope, PREFIX)
            if prefixes and (found := forwarded_prefix(prefixes)) is not None:
                prefix = found
            scheme = _scheme(_values(scope, SCHEME))
        if scheme is not None and scheme != scope.get("scheme"):
            scope = {**scope, "scheme": scheme}
        return _below(scope, prefix) if prefix else scope


def _values(scope: Scope, name: bytes) -> list[bytes]:
    """Return the values of a header of a request with a public address, in their order."""
    return [value for key, value in scope["headers"] if key == name]


def _scheme(values: Iterable[bytes]) -> str | None:
    """Return the public scheme, of the outermost proxy that names one; None where it names none."""
    first = b",".join(values).decode("latin-1").partition(",")[0].strip().lower()
    return first if first in SCHEMES else None


def _below(scope: Scope, prefix: str) -> Scope:
    """Return the scope of a request whose path and root path begin with a public prefix."""
    root, path = scope.get("root_path", ""), scope["path"]
    scope = {**scope, "root_path": root if is_below(root, prefix) else prefix + root}
    if not is_below(path, prefix):
        scope["path"] = prefix + path
        if isinstance(raw := scope.get("raw_path"), bytes):
            scope["raw_path"] = quote(prefix).encode("ascii") + raw
    return scope
