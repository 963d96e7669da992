"""Head of an HTTP response: status line, header fields, and how the end of its body is marked."""

import http
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import NamedTuple

BODILESS_STATUSES = frozenset((204, 304))


class Framing(Enum):
    """Mark of the end of a response's body (RFC 9112, section 6.3)."""

    NONE = "no body"
    LENGTH = "Content-Length"
    CHUNKED = "chunked"
    CLOSE = "end of the connection"


class ResponseHead(NamedTuple):
    """Head of an HTTP response as bytes, with the framing of its body.

    Attributes:
        length: Value of Content-Length; 0 where there is none.
        keep_alive: Whether the connection goes on after the response.
    """

    content: bytes
    framing: Framing
    length: int
    keep_alive: bool


def _status_line(status: int) -> bytes:
    """Encode the first line of a response's head."""
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


_STATUS_LINES = {status: _status_line(status) for status in range(100, 600)}


def encode_head(
    status: int,
    headers: Iterable[tuple[bytes, bytes]],
    *,
    is_head: bool,
    is_old: bool,
    keep_alive: bool,
) -> ResponseHead:
    """Encode the head of an HTTP response.

    Args:
        is_head: Whether the method is HEAD, whose response has no body.
        is_old: Whether the client speaks HTTP/1.0: it knows no chunks.
        keep_alive: Whether the client wants the connection to go on, and the server can.

    Raises:
        ValueError: A header has a line break.
    """
    lines, length = [_STATUS_LINES[status]], None
    for name, value in headers:
        lower = name.lower()
        if lower == b"content-length":
            length = int(value)
        elif lower == b"connection":
            keep_alive = keep_alive and b"close" not in value.lower()
            continue
        elif lower == b"transfer-encoding":
            continue  # the connection's affair, not the application's
        lines.append(b"%b: %b\r\n" % (lower, value))
    framing = _framing(status, length, is_head=is_head, is_old=is_old)
    keep_alive = keep_alive and framing is not Framing.CLOSE
    lines += _connection_lines(framing, is_old=is_old, keep_alive=keep_alive)
    content = b"".join(lines)
    if not content.count(b"\r") == content.count(b"\n") == len(lines):
        msg = "a header of the response has a line break"
        raise ValueError(msg)
    return ResponseHead(content + b"\r\n", framing, length or 0, keep_alive)


def _connection_lines(framing: Framing, *, is_old: bool, keep_alive: bool) -> Iterator[bytes]:
    """Yield the lines of a response's head that are about its connection."""
    if framing is Framing.CHUNKED:
        yield b"transfer-encoding: chunked\r\n"
    if not keep_alive:
        yield b"connection: close\r\n"
    elif is_old:
        yield b"connection: keep-alive\r\n"


def _framing(status: int, length: int | None, *, is_head: bool, is_old: bool) -> Framing:
    """Return how a client finds the end of a response's body."""
    if is_head or status in BODILESS_STATUSES:
        return Framing.NONE
    if length is not None:
        return Framing.LENGTH
    return Framing.CLOSE if is_old else Framing.CHUNKED
