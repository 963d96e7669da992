"""HTTP/1.1 exchanges over a raw socket, whose requests need not be HTTP at all."""

import contextlib
import http.client
import io
import socket
from dataclasses import dataclass, field
from urllib.parse import urlsplit

WAIT_S = 30.0
"""Time in which a server must answer a whole request."""


BROKEN = -1
"""Status of an answer that is not HTTP, or is cut."""


@dataclass(frozen=True)
class Request:
    """Request of a fuzzer, as the bytes on the wire.

    Attributes:
        content: Head and body.
        is_whole: Whether the server must answer; otherwise it may wait for more bytes.
    """

    content: bytes
    is_whole: bool = True

    @property
    def is_head(self) -> bool:
        """Whether the answer has no body; blank lines before a request do not count."""
        return self.content.lstrip(b"\r\n").startswith(b"HEAD ")


@dataclass(frozen=True)
class Answer:
    """Answer to a request; status 0 where the connection closed or no byte came."""

    status: int
    media_type: str = ""
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def request(
    method: str, target: str, body: bytes = b"", media_type: str = "", **headers: str
) -> Request:
    """Return a well-formed request, after which the connection is closed."""
    fields = {"Host": "127.0.0.1", "Connection": "close", **headers}
    if media_type:
        fields["Content-Type"] = media_type
    if body or method == "POST":
        fields["Content-Length"] = str(len(body))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {text}" for name, text in fields.items())]
    return Request("\r\n".join([*lines, "", ""]).encode("latin-1") + body)


def send(url: str, sent: Request, wait_s: float = WAIT_S) -> Answer:
    """Send a request on a connection of its own and read the first answer."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=10) as line:
        line.settimeout(wait_s if sent.is_whole else 0.25)
        # Where the server refuses early, its answer may have arrived before the end of the request.
        with contextlib.suppress(ConnectionError, TimeoutError):
            line.sendall(sent.content)
        return _read(line, "HEAD" if sent.is_head else "GET")


class _Socket:
    """Socket in the form that `http.client` reads from."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def makefile(self, *_: object) -> io.BufferedReader:
        return self._line.makefile("rb")


def _read(line: socket.socket, method: str) -> Answer:
    response = http.client.HTTPResponse(_Socket(line), method=method)  # type: ignore[arg-type]
    try:
        response.begin()
        body = response.read()
    except (TimeoutError, ConnectionError):
        return Answer(0)
    except http.client.HTTPException:
        return Answer(BROKEN)
    finally:
        response.close()
    headers = {name.lower(): text for name, text in response.getheaders()}
    media_type = headers.get("content-type", "").split(";")[0]
    return Answer(response.status, media_type, body, headers)
