"""Signed addresses: paths that a page may embed without a token until they expire."""

import hashlib
import hmac
import re
import secrets
import time
from urllib.parse import unquote, unquote_plus, urlencode

from api.access.tokens import Tokens

PARAMETERS = (b"holder", b"expires", b"signature")
MARK = b"signature="
ROUTE = "/signed"
"""Path of the route that signs: it takes no signature, or an address could renew itself."""

EXPIRES = re.compile(rb"\d{1,12}")
DEFAULT_S = 3600
MAX_S = 7 * 86_400
"""Seconds for which an address can be signed."""


def sign(tokens: Tokens, holder: str, path: str, expires: int) -> str:
    """Return a path and query with a signature of one token's holder.

    Args:
        path: Path of this server with its query, such as `/lstm/gates.png?sequence=1011`.
        expires: End of its validity, in seconds since 1970.
    """
    bare, _, query = path.partition("?")
    message = unquote(bare).encode(), query.encode(), str(expires).encode()
    signature = _signature(tokens, holder, *message)
    further = urlencode({"holder": holder, "expires": expires, "signature": signature})
    return f"{path}{'&' if '?' in path else '?'}{further}"


def verify(tokens: Tokens, path: str, query: bytes) -> tuple[str, bytes] | None:
    """Verify the signature of a request's path and query.

    Args:
        path: Decoded, without a prefix that the server is mounted under.
        query: As it was sent.

    Returns:
        Name of the token's holder, and the query without the signature; None where the address is
        not signed, not by these tokens, or has expired.
    """
    kept, sent = [], dict[bytes, bytes]()
    for part in query.split(b"&"):
        name, _, value = part.partition(b"=")
        if name in PARAMETERS:
            sent[name] = value
        else:
            kept.append(part)
    expires = sent.get(b"expires", b"")
    if len(sent) != len(PARAMETERS) or not EXPIRES.fullmatch(expires):
        return None
    if int(expires) < time.time():
        return None
    holder, bare = unquote_plus(sent[b"holder"].decode("latin-1")), b"&".join(kept)
    expected = _signature(tokens, holder, path.encode(), bare, expires)
    if not hmac.compare_digest(expected.encode(), sent[b"signature"]):
        return None
    return holder, bare


def _signature(tokens: Tokens, holder: str, path: bytes, query: bytes, expires: bytes) -> str:
    """Return the signature of an address; a random one of a holder that does not exist."""
    key = tokens.key(holder) or secrets.token_bytes(32)
    return hmac.new(key, b"\n".join((b"GET", path, query, expires)), hashlib.sha256).hexdigest()
