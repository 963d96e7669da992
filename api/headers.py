"""Request headers, read from the ASGI scope without an object for all of them."""

from starlette.types import Scope


def request_header(scope: Scope, name: bytes) -> bytes:
    """Value of the first request header with a name, given in lower case; empty where missing."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return b""


def bearer_token(header: bytes) -> bytes | None:
    """Return the token in a value of `Authorization`; None in one of another scheme."""
    if header[:7] == b"Bearer ":
        return header[7:].strip()
    scheme, _, secret = header.strip().partition(b" ")
    return secret.strip() if scheme.lower() == b"bearer" else None
