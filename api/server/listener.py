"""Listener: the sockets of the server's address, bound before anything is loaded or compiled."""

import errno
import os
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

ACCEPTED_AT_ONCE: Final = 16
"""Connections that are accepted in one iteration of the event loop, some 0.3 ms of it each."""


class ListenerError(Exception):
    """The server cannot listen on its address: a sentence that names it and the way out."""


def bind(host: str, port: int) -> list[socket.socket]:
    """Bind the listener's sockets; none listens yet, so that clients are refused until then.

    Args:
        host: Address or name; a name with several addresses has a socket for each.
        port: Port; 0 picks a free one, the same for all of them.

    Raises:
        ListenerError: The port is taken or privileged, or the host unknown or another machine's.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        msg = f"host {host!a} is unknown: --host takes an address or a name of this machine"
        raise ListenerError(msg) from error
    with ExitStack() as opened:
        bound: list[socket.socket] = []
        for family, kind, protocol, _, address in dict.fromkeys(found):
            chosen = bound[0].getsockname()[1] if bound else port
            one = _bound(family, kind, protocol, (address[0], chosen, *address[2:]))
            if one is not None:
                bound.append(opened.enter_context(one))
        opened.pop_all()
    if not bound:
        msg = f"host {host!a} has no address that this system supports"
        raise ListenerError(msg)
    return bound


def duplicated(sockets: Sequence[socket.socket]) -> list[socket.socket]:
    """Return `ACCEPTED_AT_ONCE` file descriptors for each socket of a listener.

    Libuv accepts one connection of a descriptor in an iteration of the event loop. While hundreds
    of clients connect and send requests, one more client would wait for seconds.
    """
    return [
        one for own in sockets for one in (own, *(own.dup() for _ in range(ACCEPTED_AT_ONCE - 1)))
    ]


def _bound(
    family: int, kind: int, protocol: int, address: tuple[object, ...]
) -> socket.socket | None:
    """Bind one socket of a listener; None where the system has not this family of addresses."""
    try:
        one = socket.socket(family, kind, protocol)
    except OSError:
        return None
    try:
        if os.name == "posix":
            # A port whose connections were closed just now can be taken again.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)
    except OSError as error:
        one.close()
        raise ListenerError(reason(error, str(address[0]), address[1])) from error
    return one


def reason(error: OSError, host: str, port: object) -> str:
    """Return why a listener cannot have an address, as a sentence."""
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"port {port} of {host} is taken, perhaps by another server of this kind: "
                f"choose another by {_way('port')}, or 0 for a free one"
            )
        case errno.EACCES | errno.EPERM:
            return f"port {port} is reserved for privileged users: choose another by {_way('port')}"
        case errno.EADDRNOTAVAIL:
            return f"{host} is no address of this machine: choose another by {_way('host')}"
        case _:
            return f"port {port} of {host} cannot be used: {error.strerror}"


def _way(setting: str) -> str:
    """Return the flag of a listener's setting as the user gives it, to the command or to make."""
    return f'make serve ARGS="--{setting} …"' if "MAKELEVEL" in os.environ else f"--{setting}"
