"""Whose pages may read the answers: those of this machine, and those that a setting names."""

import logging
import re

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

logger = logging.getLogger("lightwell")

LOCAL = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"
EXPOSED = ("ETag", "Lightwell-Weights", "Retry-After", "Server-Timing", "X-Request-ID")
"""Headers of an answer that a page of another origin may read."""

PUBLIC = (
    (b"access-control-allow-origin", b"*"),
    (b"cross-origin-resource-policy", b"cross-origin"),
)
"""Headers of what any page may embed and read: pictures, and the modules of the SDK."""

SANE = re.compile(r"null|https?://[A-Za-z0-9.\-\[\]:]{1,190}")
"""Origins that may be repeated in the log; `null` is that of a page opened from a file."""

MAX_NOTED = 64


class LoggingCORSMiddleware(CORSMiddleware):
    """Lets pages of other origins read answers, and says how to let those that it refuses.

    Args:
        app: Answers the requests.
        allowed: Origins to allow beside those of this machine; `*` is every one.
    """

    def __init__(self, app: ASGIApp, allowed: tuple[str, ...]) -> None:
        super().__init__(
            app,
            allow_origins=allowed,
            allow_origin_regex=LOCAL,
            allow_methods=("GET", "HEAD", "POST"),
            allow_headers=("*",),
            # A page of the internet may ask a server of this machine only where a setting names it.
            allow_private_network=True,
            expose_headers=EXPOSED,
        )
        self._allowed = allowed
        self._noted: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http" and not is_public(scope):
            origin = foreign_origin(scope)
            if origin is not None and not self.is_allowed_origin(origin):
                self._note(origin)
        await super().__call__(scope, receive, send)

    def _note(self, origin: str) -> None:
        """Say in the log, once for each, which setting would allow an origin."""
        if origin in self._noted or len(self._noted) >= MAX_NOTED:
            return
        self._noted.add(origin)
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
    """Tell whether what is asked for may be embedded and read by any page."""
    path: str = scope["path"]
    return scope["method"] in {"GET", "HEAD"} and (path.endswith(".png") or path[:5] == "/sdk/")


def foreign_origin(scope: Scope) -> str | None:
    """Return the origin of the page that asks; None where it is this server's own, or no page."""
    origin = host = b""
    for name, value in scope["headers"]:
        if name == b"origin":
            origin = value
        elif name == b"host":
            host = value
    # A browser sends an origin along with every POST, also to where the page came from.
    if not origin or origin in (b"http://" + host, b"https://" + host):
        return None
    return str(origin.decode("latin-1"))
