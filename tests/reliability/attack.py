"""An attack over the wire: bytes of one connection, and the answers that end it."""

import contextlib
import http.client
import io
import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.access.tokens import Tokens

LONG, SHORT = "a-token-of-many-characters", "correct-horse"
TOKENS = f"anna:{LONG},ben:{SHORT}"
COOKIE = f"{Tokens.parse(TOKENS).cookie_name}={Tokens.cookie(LONG.encode())}".encode()

PROXY = "127.0.0.9"
ALLOWED = "https://allowed.example"
FLAGS = ("--token", TOKENS, "--trusted-proxies", PROXY, "--cors-origins", ALLOWED)
"""Flags of the attacked server."""

HOST = b"Host: 127.0.0.1\r\n"
AUTH = b"Authorization: Bearer %b\r\n" % LONG.encode()
JSON = b"Content-Type: application/json\r\n"
END = b"GET /livez HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
"""A last request, whose answer shows that the connection is in step."""

ALIVE = b'{"status":"alive"}'
SEQUENCE = b'{"sequence":"10110"}'
GATES = "/lstm/gates?sequence=10110"
TIMEOUT_S = 20.0
"""Longest wait for an answer, ten times as long as any takes."""


@dataclass(frozen=True)
class Attack:
    """Attack of one connection.

    Attributes:
        name: The attack in a few words.
        sent: All bytes that are sent.
        statuses: Those of the answers, in order, before the server closes the connection.
        withheld: Text that no answer has.
        source: Address that the connection comes from; empty for one of its own.
        is_survived: Whether the connection goes on after the attack, to a last request.
    """

    name: str
    sent: bytes
    statuses: tuple[int, ...]
    withheld: bytes = b""
    source: str = ""
    is_survived: bool = False


def get(target: str, fields: bytes = b"", auth: bytes = AUTH, host: bytes = HOST) -> bytes:
    """Bytes of a GET, with the token."""
    return b"GET %b HTTP/1.1\r\n%b%b%b\r\n" % (target.encode("latin-1"), host, auth, fields)


def post(target: str, body: bytes, fields: bytes = JSON, auth: bytes = AUTH) -> bytes:
    """Bytes of a POST, with the token."""
    length = b"Content-Length: %d\r\n" % len(body)
    head = b"POST %b HTTP/1.1\r\n%b%b%b%b\r\n" % (target.encode(), HOST, auth, fields, length)
    return head + body


def chunked(body: bytes, trailer: bytes = b"", auth: bytes = AUTH) -> bytes:
    """Bytes of a POST with a body in chunks, given as they are sent."""
    fields = b"Transfer-Encoding: chunked\r\n" + JSON
    return b"POST /lstm/gates HTTP/1.1\r\n%b%b%b\r\n%b%b\r\n" % (HOST, auth, fields, body, trailer)


def survived(name: str, sent: bytes, *statuses: int, **further: Any) -> Attack:
    """Attack after which the connection goes on."""
    return Attack(name, sent + END, (*statuses, 200), is_survived=True, **further)


def ended(name: str, sent: bytes, *statuses: int, **further: Any) -> Attack:
    """Attack after whose answer the server closes the connection."""
    return Attack(name, sent, statuses, **further)


@dataclass(frozen=True)
class Reply:
    """One answer of a connection."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class _Received:
    """Received bytes in place of a socket, for the parser of the standard library."""

    def __init__(self, content: bytes) -> None:
        self.file = io.BytesIO(content)
        self.file.close = lambda: None  # type: ignore[method-assign]

    def makefile(self, _mode: str) -> io.BytesIO:
        """Return the file of all answers."""
        return self.file


def replies(content: bytes, methods: Sequence[str] = ()) -> list[Reply]:
    """Parse the answers of one connection; an interim one is no answer."""
    received, found = _Received(content), list[Reply]()
    while received.file.tell() < len(content):
        method = methods[len(found)] if len(found) < len(methods) else "GET"
        response = http.client.HTTPResponse(received, method=method)  # type: ignore[arg-type]
        response.begin()
        found.append(Reply(response.status, response.headers, response.read()))
    return found


def connect(port: int, source: str) -> socket.socket:
    """Open a connection from an address of loopback."""
    connection = socket.create_connection(("127.0.0.1", port), TIMEOUT_S, (source, 0))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def until_end(connection: socket.socket) -> bytes:
    """Receive until the server closes the connection, or resets it."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65_536):
            received += part
    return received


def ask(port: int, sent: bytes, source: str) -> bytes:
    """Send bytes on a connection of their own; return all that comes back until its end."""
    with connect(port, source) as connection:
        # The server may have refused the first of them already.
        with contextlib.suppress(ConnectionError):
            connection.sendall(sent)
        return until_end(connection)


def is_problem(reply: Reply) -> bool:
    """Tell whether an answer is a problem of its status, small and without a traceback.

    Below /v2 it has the media type of JSON, and its sentence under `error` too.
    """
    if len(reply.body) > 4096 or b"Traceback" in reply.body:
        return False
    found, media_type = json.loads(reply.body), reply.headers.get_content_type()
    is_of_protocol = media_type == "application/json" and "error" in found
    return found["status"] == reply.status and (
        is_of_protocol or media_type == "application/problem+json"
    )
