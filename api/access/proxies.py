"""Proxies: the address of a client behind proxies that the server trusts."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from api.access.addresses import is_address

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MAX_FORWARDED = 2048
"""Bytes of `X-Forwarded-For` that are read, from its end."""


class TrustedProxies:
    """Proxies whose header `X-Forwarded-For` a server trusts.

    Args:
        networks: Addresses or networks of the proxies, such as `10.0.0.0/8`.

    Raises:
        ValueError: One is neither an address nor a network.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ipaddress.ip_network(one, strict=False) for one in networks]
        self.trusts = lru_cache(maxsize=1024)(self._trusts)

    def client(self, peer: str, forwarded: Iterable[bytes]) -> str:
        """Return the address of the client behind proxies: the last one that is not trusted.

        Args:
            peer: Address of the connection.
            forwarded: Values of `X-Forwarded-For`, in order; a client can write the first ones.
        """
        if not self.trusts(peer):
            return peer
        listed = b",".join(forwarded)[-MAX_FORWARDED:].decode("latin-1").split(",")
        found = peer
        for one in reversed(listed):
            address = _address(one.strip())
            if address is None:
                break  # not written by a proxy
            found = address
            if not self.trusts(address):
                break
        return found

    def _trusts(self, address: str) -> bool:
        """Tell whether an address is one of the trusted proxies'."""
        if not is_address(address):
            return False
        parsed = ipaddress.ip_address(address)
        return any(parsed in network for network in self._networks)


@lru_cache(maxsize=1024)
def _address(text: str) -> str | None:
    """Return an address of `X-Forwarded-For` without its port; None where it is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
