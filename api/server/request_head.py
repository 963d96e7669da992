"""Head of an HTTP request: its validation by RFC 9112, and the ASGI scope made of it."""

import re
from typing import Any, NamedTuple
from urllib.parse import unquote

import httptools

from api.errors.problem import Problem
from api.server.connection_limits import ConnectionLimits

Fields = list[tuple[bytes, bytes]]

VERSIONS = ("1.1", "1.0")
WITHOUT_BODY = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"DELETE"))
"""Methods whose body no route reads: its bytes are counted and discarded."""


class RequestHead(NamedTuple):
    """Head of an HTTP request, as the parser has read it.

    Attributes:
        version: `1.1` or `1.0`; the parser knows others.
        names: Lower-case names of its fields, repeated ones as often as they were sent.
        values: The last value of each field.
    """

    method: bytes
    url: bytes
    version: str
    fields: Fields
    names: list[bytes]
    values: dict[bytes, bytes]

    @classmethod
    def of(cls, method: bytes, url: bytes, version: str, fields: Fields) -> "RequestHead":
        """Return the head of an HTTP request with its fields by name.

        The authority of a URL in absolute form takes the place of `Host` (RFC 9112, section 3.2.2).
        """
        if not url.startswith(b"/") and (authority := _authority(url)):
            fields = [(name, authority if name == b"host" else one) for name, one in fields]
        return cls(method, url, version, fields, [name for name, _ in fields], dict(fields))

    @property
    def content_length(self) -> int | None:
        """Declared length of the request's body; None for a chunked one."""
        if b"transfer-encoding" in self.values:
            return None
        return int(self.values.get(b"content-length", b"0"))

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for `100 Continue` before it sends the body."""
        expected = self.values.get(b"expect")
        return expected is not None and expected.lower() == b"100-continue"

    def fault(self, limits: ConnectionLimits) -> Problem | None:
        """Return the problem of a head that is no HTTP/1.1 request, or over a limit; else None."""
        if len(self.fields) > limits.head_fields:
            return head_too_large(limits)
        sentence = self._violation()
        return None if sentence is None else bad_request(sentence)

    def _violation(self) -> str | None:
        """Return the violation of RFC 9112 in a request's head as a sentence; None without one."""
        if self.version not in VERSIONS:
            return "The request's version is not HTTP/1.1 or HTTP/1.0."
        if self.method == b"CONNECT":
            return "This server is no proxy: it has no method CONNECT."
        hosts = self.names.count(b"host")
        # Section 3.2. HTTP/1.0 has no Host, and most of its clients send one all the same.
        if hosts > 1 or (not hosts and self.version == "1.1"):
            return f"The request has {hosts} Host headers; HTTP/1.1 needs one."
        coding = self.values.get(b"transfer-encoding")
        # Section 6.1. Other codings are for intermediaries, and HTTP/1.0 has none.
        if coding is not None and (coding.lower() != b"chunked" or self.version != "1.1"):
            return "The only Transfer-Encoding that is read is chunked, in HTTP/1.1."
        return None

    def without_upgrade(self) -> bytes:
        """Return the head as bytes, without its offer to switch to another protocol."""
        lines = [b"%s %s HTTP/%s\r\n" % (self.method, self.url, self.version.encode())]
        lines += [b"%s: %s\r\n" % each for each in self.fields if each[0] != b"upgrade"]
        return b"".join((*lines, b"\r\n"))

    def scope(self, root_path: str) -> dict[str, Any]:
        """Return the keys of an ASGI scope that the head of a request determines.

        Raises:
            ValueError: The URL cannot be parsed.
        """
        try:
            url = httptools.parse_url(self.url)
        except httptools.HttpParserInvalidURLError as error:
            msg = "the URL cannot be parsed"
            raise ValueError(msg) from error
        raw_path = url.path or b"/"  # the URL of a proxy's request may end with its host
        path = raw_path.decode("ascii")
        if "%" in path:
            path = unquote(path)
        return {
            "http_version": self.version,
            "method": self.method.decode("ascii"),
            "path": root_path + path,
            "raw_path": root_path.encode("ascii") + raw_path,
            "query_string": url.query or b"",
            "headers": self.fields,
        }


def _authority(url: bytes) -> bytes:
    """Return host and port of a URL in absolute form; empty for another form."""
    return re.split(rb"[/?#]", url.partition(b"://")[2], maxsplit=1)[0].rpartition(b"@")[2]


def bad_request(detail: str) -> Problem:
    """Return the problem of bytes that are no HTTP request; its response ends the connection."""
    return Problem("invalid-request", detail, headers={"Connection": "close"})


def head_too_large(limits: ConnectionLimits) -> Problem:
    """Return the problem of a request whose head has too many bytes or header fields."""
    return Problem(
        "headers-too-large",
        f"The request line and headers may have {limits.head_bytes} bytes and "
        f"{limits.head_fields} header fields: send fewer or shorter headers, such as cookies.",
        headers={"Connection": "close"},
    )


def url_too_long(limits: ConnectionLimits) -> Problem:
    """Return the problem of a request whose URL has too many bytes."""
    return Problem(
        "url-too-long",
        f"The URL may have {limits.url_bytes} bytes: send a long sequence in a body instead.",
        headers={"Connection": "close"},
    )
