"""Limits of HTTP connections: number, bytes of a request's head, times, rates."""

import sys
from dataclasses import dataclass

from api.access.proxies import TrustedProxies
from api.middleware.timeouts import BODY_S, BYTES_PER_FURTHER_S
from api.settings import Settings

if sys.platform != "win32":
    import resource

RESERVED_FILES = 64
"""File descriptors that connections leave to the rest of the process."""

_UNLIMITED = 2**31

MIN_CONNECTIONS = 16
"""Connections that are served however low the limit of open files is."""

LOOPBACK_CONNECTIONS = 128
"""Connections of one loopback address, where no setting says otherwise."""

PROXY_IDLE_S = 65.0
"""Idle time of connections from a proxy in seconds: nginx keeps its own for 60."""


@dataclass(frozen=True)
class ConnectionLimits:
    """Limits of HTTP connections; times in seconds, sizes in bytes.

    Attributes:
        head_bytes: Request line and header fields of one request.
        head_fields: Header fields of one request.
        url_bytes: URL of one request.
        head_s: From the first byte of a request, or the start of a connection, to the end of its
            head.
        body_s: From the end of the head to the end of the body.
        bytes_per_further_s: For so many bytes of a body that have arrived it may take a second
            longer.
        least_rate: Bytes a second of a body, and of a response that a client takes.
        rate_s: Window over which the rate of a body is measured.
        stall_s: Window over which the rate of a response is measured.
        idle_s: From a response to the next request.
        fresh_s: From the start of a connection until it may be closed to make room for another.
        linger_s: For how long the rest of a refused request is discarded.
        linger_idle_s: For how long a refused client may send nothing.
        linger_bytes: How much of a refused request is discarded.
        small_rest: Rest of a body that is read after its response; a larger one ends the
            connection.
        pipelined: Requests of one connection that wait for the response to an earlier one.
        connections: Open connections in all.
        per_address: Open connections of one address; None for a quarter of all.
        per_loopback: Those of one loopback address.
        proxies: Addresses without a limit of their own.
        tick_s: Time between two checks of the times.
    """

    head_bytes: int = 16_384
    head_fields: int = 64
    url_bytes: int = 4096
    head_s: float = 10.0
    body_s: float = BODY_S
    bytes_per_further_s: int = BYTES_PER_FURTHER_S
    least_rate: int = 4096
    rate_s: float = 5.0
    stall_s: float = 15.0
    idle_s: float = 5.0
    fresh_s: float = 1.0
    linger_s: float = 30.0
    linger_idle_s: float = 5.0
    linger_bytes: int = 256 * 2**20
    small_rest: int = 65_536
    pipelined: int = 16
    connections: int = 1024
    per_address: int | None = None
    per_loopback: int = LOOPBACK_CONNECTIONS
    proxies: TrustedProxies | None = None
    tick_s: float = 0.25

    @classmethod
    def of(cls, settings: Settings, processes: int = 1) -> "ConnectionLimits":
        """Return the limits of connections by a server's settings and the limit of open files.

        Args:
            settings: Those of one process.
            processes: Processes of the server, which share the limit of a loopback address.
        """
        chosen = settings.connections_per_address
        proxies = TrustedProxies(settings.trusted_proxies) if settings.trusted_proxies else None
        idle_s = settings.idle_s or (PROXY_IDLE_S if proxies else cls.idle_s)
        return cls(
            idle_s=idle_s,
            connections=min(settings.connections, _open_files()),
            per_address=chosen,
            per_loopback=chosen or max(1, LOOPBACK_CONNECTIONS // processes),
            proxies=proxies,
        )

    def of_address(self, address: str) -> int:
        """Return the limit of connections from one address, as `address_of` returns it."""
        if not address or (self.proxies is not None and self.proxies.trusts(address)):
            return self.connections
        if address.startswith(("127.", "::1")):
            return min(self.per_loopback, self.connections)
        return self.per_address or max(1, self.connections // 4)


def _open_files() -> int:
    """Return the number of connections that the limit of open files leaves room for."""
    if sys.platform == "win32":
        return _UNLIMITED
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _UNLIMITED
    return max(MIN_CONNECTIONS, soft - RESERVED_FILES)
