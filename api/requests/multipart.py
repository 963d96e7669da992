"""Files of a `multipart/form-data` body, read strictly, as browsers and curl write it.

The whole form is in memory, so that it is cut at its boundaries (RFC 2046) and nothing is spooled
to disk; file names are ignored. python-multipart's parser is not used, for its rules differ: it
accepts text behind the closing boundary, padding behind a boundary and lines in a file that begin
with the boundary, and rejects header lines without a colon. With the checks that make up for it, a
form of 8 KB takes 32 µs of CPU time instead of 10, one of 4 MiB 2.3 ms instead of 0.9.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from python_multipart.multipart import parse_options_header

from api.errors.problem import Problem, body_problem

FILE_FIELD = "file"
MAX_PARTS = 64  # each a file, all of them the inputs of one request
MAX_TEXT = 4096  # bytes of a part that is not a file
MAX_HEADERS = 4096  # bytes of the header lines of one part
MAX_BOUNDARY = 70  # characters, by RFC 2046
TRANSFER_ENCODINGS = {b"", b"7bit", b"8bit", b"binary"}  # those that leave the bytes unchanged


class _Part(NamedTuple):
    """One part of a `multipart/form-data` body."""

    name: str
    is_file: bool
    content: bytes


def files_in(content: bytes, parameters: Mapping[str, str]) -> list[bytes]:
    """Return the content of each `file` field of a multipart form, in order; there is at least one.

    Args:
        content: The body of a `multipart/form-data` request.
        parameters: Those of its Content-Type: `boundary`, perhaps `charset`.

    Raises:
        Problem: The form is not whole, or has anything other than files in fields `file`.
    """
    if parameters.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        raise body_problem("unsupported-media-type", "The form's charset must be utf-8.")
    boundary = parameters.get("boundary", "")
    if not 1 <= len(boundary) <= MAX_BOUNDARY:
        limit = f"1 to {MAX_BOUNDARY} characters"
        raise _broken(f"The Content-Type must name a boundary of {limit}.")
    spans = list(_spans(content, b"\r\n--" + boundary.encode("latin-1")))
    if not spans:
        raise _broken(f"The form has no parts; it needs a file in the field '{FILE_FIELD}'.")
    parts = [_parse_part(content, start, end) for start, end in spans]
    for part in parts:
        _check_part(part)
    if not all(part.is_file for part in parts):
        detail = f"The field '{FILE_FIELD}' must be a file: it has no file name."
        raise body_problem("invalid-body", detail, FILE_FIELD)
    return [part.content for part in parts]


def _broken(detail: str) -> Problem:
    return body_problem("invalid-multipart", detail)


def _check_part(part: _Part) -> None:
    """Raise where a part of a multipart form is a long text or has a field other than `file`."""
    if not part.is_file and len(part.content) > MAX_TEXT:
        raise _broken(f"A text field of the form holds more than {MAX_TEXT} bytes.")
    if part.name != FILE_FIELD:
        detail = f"The form has a field other than '{FILE_FIELD}', the only one that is read."
        raise body_problem("invalid-body", detail, FILE_FIELD)


def _spans(content: bytes, delimiter: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end of each part of a multipart form, from behind its boundary to the next.

    Args:
        delimiter: CRLF, two hyphens and the boundary.
    """
    # RFC 2046 allows text before the first boundary; here it may be line breaks only.
    opening = 0 if content.startswith(delimiter[2:]) else content.find(delimiter) + 2
    if not content.startswith(delimiter[2:], opening) or content[:opening].strip(b"\r\n"):
        raise _broken("The form does not begin with the boundary that its Content-Type names.")
    start, parts = opening + len(delimiter) - 2, 0
    while (end := content.find(delimiter, start)) >= 0:
        parts += 1
        if parts > MAX_PARTS:
            raise _broken(f"The form has more than {MAX_PARTS} parts.")
        yield start, end
        start = end + len(delimiter)
    if content[start:].rstrip(b"\r\n") != b"--":
        raise _broken("The form is cut short: it does not end with its closing boundary.")


def _parse_part(content: bytes, start: int, end: int) -> _Part:
    """Parse the headers of one part of a multipart form."""
    blank = content.find(b"\r\n\r\n", start, end)
    if not content.startswith(b"\r\n", start) or blank < 0:
        raise _broken("A part of the form has no headers, or a broken boundary.")
    if blank - start > MAX_HEADERS:
        raise _broken(f"A part of the form has more than {MAX_HEADERS} bytes of headers.")
    headers = {}
    for line in content[start + 2 : blank].split(b"\r\n"):
        name, _, value = line.partition(b":")
        headers[name.strip().lower()] = value.strip()
    if headers.get(b"content-transfer-encoding", b"").lower() not in TRANSFER_ENCODINGS:
        detail = "A part of the form has a Content-Transfer-Encoding; it must be sent unchanged."
        raise body_problem("unsupported-encoding", detail)
    disposition = headers.get(b"content-disposition", b"").decode("latin-1")
    kind, options = parse_options_header(disposition)
    if kind != b"form-data" or b"name" not in options:
        raise _broken("A part of the form has no 'Content-Disposition: form-data' with a name.")
    field = options[b"name"].decode("latin-1")
    return _Part(field, b"filename" in options, content[blank + 4 : end])
