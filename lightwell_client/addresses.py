"""Addresses of servers, as users of the Python client write them."""

from urllib.parse import urlsplit

from lightwell_client.codings import LOOPBACK

SCHEMES = ("http", "https")


def server_url(address: str) -> str:
    """Return the URL of a server that the client is given with or without its scheme.

    Without one it is `http` on this machine and where a port is named (`10.0.0.5:8000`), and else
    `https`, as for a server behind a proxy.

    Raises:
        ValueError: It has another scheme, or no host.
    """
    address = address.strip()
    parts = urlsplit(address if "://" in address else f"//{address}")
    if parts.scheme not in ("", *SCHEMES) or not parts.hostname:
        raise ValueError(
            f"url {address!a} is no address of a server, such as http://127.0.0.1:8000"
        )
    if parts.scheme:
        return address
    is_plain = parts.port is not None or LOOPBACK.fullmatch(parts.hostname)
    return f"{'http' if is_plain else 'https'}://{address}"
