"""CORS: pages of this machine, and of configured origins, may read responses."""

import logging
import re
from collections.abc import Callable

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from api.headers import request_header
from api.own_path import own_path

logger = logging.getLogger("lightwell")

LOCAL = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"
EXPOSED = ("ETag", "Lightwell-Weights", "Retry-After", "Server-Timing", "X-Request-ID")
"""Response headers that CORS lets a page of another origin read."""

VARIES = (b"vary", b"Origin")
"""Response header for caches: a request with another origin may be answered otherwise."""

CROSS_ORIGIN = (b"cross-origin-resource-policy", b"cross-origin")
SAME_ORIGIN = (b"cross-origin-resource-policy", b"same-origin")
"""Response headers that let pages of any origin, or of the server's own, embed a response."""

PUBLIC = ((b"access-control-allow-origin", b"*"), CROSS_ORIGIN)
"""CORS headers of pictures and SDK modules, which any page may embed and read."""

SANE = re.compile(r"null|https?://[A-Za-z0-9.\-\[\]:]{1,190}")
"""Origins that the CORS middleware may log; `null` is that of a page opened from a file."""

MAX_LOGGED = 64
"""Most refused origins that the CORS middleware of one application logs."""


def allowed_origins(configured: tuple[str, ...]) -> Callable[[str], bool]:
    """Return the function that tells whether CORS allows the pages of an origin."""
    local = re.compile(LOCAL)
    listed = frozenset(configured)
    return lambda origin: "*" in listed or origin in listed or local.fullmatch(origin) is not None


class LoggingCORSMiddleware(CORSMiddleware):
    """CORS middleware that logs, for each refused origin, the setting that would allow it.

    A request without an origin passes unchanged; the request context adds `VARIES` to its response,
    since one more wrapper of `send` would take longer than all else here.

    Args:
        app: Handles the requests.
        allowed: Origins to allow in addition to those of this machine; `*` is any.
    """

    def __init__(self, app: ASGIApp, allowed: tuple[str, ...]) -> None:
        super().__init__(
            app,
            allow_origins=allowed,
            allow_origin_regex=LOCAL,
            allow_methods=("GET", "HEAD", "POST"),
            allow_headers=("*",),
            # Chromium asks for this when a page of the internet calls a server on this machine.
            allow_private_network=True,
            expose_headers=EXPOSED,
        )
        self._allowed = allowed
        self._allows = allowed_origins(allowed)
        self._logged: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request by CORS, and log its origin where that is refused."""
        if scope["type"] == "http":
            origin = request_header(scope, b"origin")
            if not origin:
                await self.app(scope, receive, send)
                return
            if is_foreign(scope, origin) and not (is_public(scope) or is_navigation(scope)):
                self._check(origin.decode("latin-1"))
        await super().__call__(scope, receive, send)

    def is_allowed_origin(self, origin: str) -> bool:
        """Tell whether CORS allows the pages of an origin, as the access guard does."""
        return self._allows(origin)

    def _check(self, origin: str) -> None:
        if not self.is_allowed_origin(origin):
            self._log_refusal(origin)

    def _log_refusal(self, origin: str) -> None:
        """Log, once for each origin that CORS refuses, the setting that would allow it."""
        # Any client can send any origin: a bound keeps log and memory small.
        if origin in self._logged or len(self._logged) >= MAX_LOGGED:
            return
        self._logged.add(origin)
        if SANE.fullmatch(origin) is None:
            logger.warning("a page was refused whose origin is not one")
            return
        setting = ",".join((*self._allowed, origin))
        logger.warning(
            "a page of %s was refused; to let it in: --cors-origins %s "
            "(or LIGHTWELL_CORS_ORIGINS=%s)",
            origin,
            setting,
            setting,
        )


def is_public(scope: Scope) -> bool:
    """Whether CORS lets any page embed and read the response: a picture, view or module."""
    if scope["method"] not in {"GET", "HEAD"}:
        return False
    # The path of a mounted application begins with the prefix it is mounted under.
    path = own_path(scope)
    pictures = (".png", ".svg", ".pdf")
    return bool(path.endswith(pictures) or path.startswith(("/embed/", "/sdk/")))


def is_navigation(scope: Scope) -> bool:
    """Whether a browser opens the response as a page, as after a form, which CORS never refuses."""
    return request_header(scope, b"sec-fetch-mode") == b"navigate"


def is_foreign(scope: Scope, origin: bytes) -> bool:
    """Whether the page that sent a request has a foreign origin, for which CORS is needed."""
    # A browser sends its origin with every POST, also to the origin of the page itself.
    host = request_header(scope, b"host")
    return origin not in (b"http://" + host, b"https://" + host)
