"""Host names: those under which a server answers, so that no foreign name leads to it.

A page of the internet can point a name of its own to 127.0.0.1 (DNS rebinding); the browser then
sends that name as `Host`, and takes the answers for the page's own.
"""

import re
import socket
from collections.abc import Iterable
from functools import lru_cache

from api.access.addresses import is_address

HOST = re.compile(r"(\[[0-9a-f:.%]{2,64}\]|[a-z0-9._-]{1,253})(:\d{1,5})?", re.IGNORECASE)


class Hosts:
    """Host names that a server answers to, besides every IP address and `localhost`.

    Args:
        names: Names; one that begins with a dot is a domain with all names below it, `*` is any.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {name.lower().rstrip(".") for name in names}
        self.allows = lru_cache(maxsize=256)(self._allows)

    def _allows(self, host: bytes) -> bool:
        """Tell whether the header `Host` is an IP address or one of the host names."""
        found = HOST.fullmatch(host.decode("latin-1"))
        if found is None:
            return False
        name = found[1].lower().rstrip(".")
        if name == "localhost" or name.endswith(".localhost"):
            return True
        if (
            is_address(name.strip("[]").partition("%")[0])
            or name in self._names
            or "*" in self._names
        ):
            return True
        domains = (f".{rest}" for rest in _suffixes(name))
        return any(domain in self._names for domain in domains)


def _suffixes(name: str) -> Iterable[str]:
    while "." in name:
        name = name.partition(".")[2]
        yield name


def own_names() -> tuple[str, ...]:
    """Return the host names of this machine: short, full, and in the local network (`.local`)."""
    name = socket.gethostname()
    return tuple(dict.fromkeys((name, socket.getfqdn(), f"{name.partition('.')[0]}.local")))
