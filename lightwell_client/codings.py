"""Content codings of answers in the Python client: gzip, except from this machine."""

import re
from urllib.parse import urlsplit

LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1")
"""Python client: hosts of this machine, from where compressed answers would arrive no sooner."""


def accepted_codings(url: str) -> dict[str, str]:
    """Return the header with the content codings that the client accepts from a server."""
    is_here = LOOPBACK.fullmatch(urlsplit(url).hostname or "")
    return {"Accept-Encoding": "identity" if is_here else "gzip"}
