"""Wire of the comparison: HTTP requests as bytes on a socket, so that these can be malformed."""

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

TIMEOUT_S = 120
HOST = "127.0.0.1"
MULTIPART = "multipart/form-data; boundary=boundary-of-the-comparison"

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Request:
    """Request on the wire, sent to both checkouts of a comparison.

    Attributes:
        name: Identifies it in the report and in the table of expected differences.
        operation: `METHOD /path/{template}` as OpenAPI lists it; empty for other requests.
        withheld: How many bytes at the end of the body are announced but never sent.
        raw: Bytes to send in place of everything else.
    """

    name: str
    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""
    operation: str = ""
    withheld: int = 0
    raw: bytes = b""

    @property
    def content(self) -> bytes:
        """Bytes of a request on the wire: request line, headers, as much of the body as is sent."""
        if self.raw:
            return self.raw
        lines = [f"{self.method} {self.target} HTTP/1.1", f"Host: {HOST}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.body or self.method == "POST":
            lines.append(f"Content-Length: {len(self.body)}")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        return head + self.body[: len(self.body) - self.withheld]


@dataclass(frozen=True)
class Answer:
    """Answer from the wire: status, headers (names in lower case) and body of one response."""

    status: int
    headers: Headers
    body: bytes

    def header(self, name: str) -> str:
        """Return the value of a header of an answer from the wire; empty where it is absent."""
        return dict(self.headers).get(name, "")

    @property
    def media_type(self) -> str:
        """Media type of an answer from the wire, without parameters."""
        return self.header("content-type").partition(";")[0].strip()

    @property
    def problem(self) -> str:
        """Problem type of an answer from the wire; empty where the body is no problem."""
        if self.media_type != "application/problem+json":
            return ""
        try:
            kind = json.loads(self.body)["type"]
        except (ValueError, KeyError, TypeError):
            return ""
        return str(kind).rpartition(":")[2]


def exchange(port: int, request: Request) -> Answer:
    """Send one request on the wire, on a connection of its own, and read the response.

    Raises:
        OSError: The connection failed or timed out.
        http.client.HTTPException: The response is not HTTP.
    """
    with _connected(port) as connection:
        connection.sendall(request.content)
        return _read(connection, request.method)


@contextmanager
def unfinished(port: int, request: Request) -> Iterator[None]:
    """Keep a request open on the wire, without all of its body, so that it occupies the server."""
    with _connected(port) as connection:
        connection.sendall(request.content)
        yield


@contextmanager
def _connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection((HOST, port), TIMEOUT_S) as connection:
        yield connection


def _read(connection: socket.socket, method: str) -> Answer:
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    headers = tuple((name.lower(), value) for name, value in response.getheaders())
    return Answer(response.status, headers, response.read())


def target(path: str, query: Mapping[str, Any] | None = None) -> str:
    """Join path and query into a request target on the wire; a list is a repeated parameter."""
    return path + ("?" + urlencode(query, doseq=True, safe=",") if query else "")


def json_body(value: Any) -> tuple[Headers, bytes]:
    """Return headers and bytes on the wire of a JSON body."""
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return (("Content-Type", "application/json"),), content


def form_body(*files: bytes, field: str = "file") -> tuple[Headers, bytes]:
    """Return headers and bytes on the wire of a multipart form of files."""
    boundary = MULTIPART.partition("boundary=")[2]
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{at}.png"\r\n'
        "Content-Type: image/png\r\n\r\n".encode()
        + content
        + b"\r\n"
        for at, content in enumerate(files)
    ]
    return (("Content-Type", MULTIPART),), b"".join(parts) + f"--{boundary}--\r\n".encode()
