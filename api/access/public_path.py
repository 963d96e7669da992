"""Public path: prefix below which a proxy serves the server, from its setting or header."""

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import unquote

MAX_LENGTH = 256
"""Most characters of a prefix."""

PREFIX = re.compile(r"(?:/[A-Za-z0-9._~%!$&'()*+,;=:@-]+)*")
"""Segments of a path (RFC 3986, section 3.3), each after a slash; the empty text is no prefix."""

FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\?#]|/\.{1,2}(?=/|$)|//")
"""Characters and segments that a decoded prefix must not have: its addresses would be others."""


@lru_cache(maxsize=256)
def parse_prefix(text: str) -> str:
    """Parse a prefix such as `/lightwell`, of which a last slash is left out; decode its escapes.

    Raises:
        ValueError: It is no absolute path, or one with segments that are empty, `.` or `..`.
    """
    bare = text.strip().rstrip("/")
    decoded = unquote(bare)
    if len(bare) > MAX_LENGTH or not PREFIX.fullmatch(bare) or FORBIDDEN.search(decoded):
        msg = (
            f"must be an absolute path of at most {MAX_LENGTH} characters, such as /lightwell, "
            "without query and without segments that are empty or dots"
        )
        raise ValueError(msg)
    return decoded


def forwarded_prefix(values: Iterable[bytes]) -> str | None:
    """Return the prefix of `X-Forwarded-Prefix`; None where a value is none.

    Several values are those of several proxies, the outermost first: each has removed its own.
    """
    parts = b",".join(values).decode("latin-1").split(",")
    try:
        return "".join(parse_prefix(part) for part in parts)
    except ValueError:
        return None


def is_below(path: str, prefix: str) -> bool:
    """Tell whether a path is a prefix, or below it."""
    return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/")
