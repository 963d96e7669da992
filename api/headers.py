"""Request headers, read from the ASGI scope without an object for all of them."""

from starlette.types import Scope


def request_header(scope: Scope, name: bytes) -> bytes:
    """Value of the first request header with a name, given in lower case; empty where missing."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return b""
