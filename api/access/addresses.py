"""IP addresses: those of this machine, and those that are one client's."""

import ipaddress
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network

IPV6_PREFIX = 64
"""Bits of an IPv6 address that name a client: its provider gives it all addresses of a prefix."""


@lru_cache(maxsize=256)
def is_loopback(address: str) -> bool:
    """Tell whether an address is one of this machine's loopback interface."""
    return is_address(address) and ipaddress.ip_address(address).is_loopback


@lru_cache(maxsize=256)
def is_address(text: str) -> bool:
    """Tell whether a text is an IP address, as that of a client or a proxy."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def address_of(peer: str) -> str:
    """Return the address that limits of clients count: IPv4, or the prefix of IPv6.

    Args:
        peer: Address of the peer; empty for a Unix socket.
    """
    if ":" not in peer:
        return peer
    address = IPv6Address(peer.partition("%")[0])
    if (mapped := address.ipv4_mapped) is not None:
        return str(mapped)
    if address.is_loopback:
        return peer
    return str(IPv6Network((address, IPV6_PREFIX), strict=False).network_address)
