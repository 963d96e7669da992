"""A form with files -> their bytes: strict, as browsers and curl are when they write one.

The whole form is in memory by then, so that it is cut at its boundaries (RFC 2046) and nothing
is spooled to disk; file names are ignored.
"""

from collections.abc import Mapping
from typing import NoReturn

from python_multipart.multipart import parse_options_header

from api.errors.problem import Problem, Reason

FIELD = "file"
MAX_PARTS = 64  # each a file, all of them the inputs of one request
MAX_TEXT = 4096  # bytes of a part that is no file
MAX_HEADERS = 4096  # bytes of one part's header lines
MAX_BOUNDARY = 70  # characters, by RFC 2046
TRANSFER_ENCODINGS = {b"", b"7bit", b"8bit", b"binary"}  # which leave the bytes as they are


def files_in(content: bytes, parameters: Mapping[str, str]) -> list[bytes]:
    """Return what each field `file` holds, in the order of the form; there is at least one.

    Args:
        content: The body of a `multipart/form-data` request.
        parameters: Those of its Content-Type: `boundary`, perhaps `charset`.

    Raises:
        Problem: The form is not whole, or has something other than files in fields `file`.
    """
    if parameters.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        detail = "The form's charset must be utf-8."
        raise Problem("unsupported-media-type", detail, [Reason(("body",), detail)])
    parts = [_part(part) for part in _parts(content, parameters.get("boundary", ""))]
    for name, is_file, data in parts:
        if not is_file and len(data) > MAX_TEXT:
            _refuse(f"A text field of the form holds more than {MAX_TEXT} bytes.")
        if name != FIELD:
            _mistake(f"The form has a field other than '{FIELD}'; it is the only one taken.")
    if not all(is_file for _, is_file, _ in parts):
        _mistake(f"The field '{FIELD}' must be a file: it has no file name.")
    return [data for _, _, data in parts]


def _refuse(detail: str) -> NoReturn:
    raise Problem("invalid-multipart", detail, [Reason(("body",), detail)])


def _mistake(detail: str) -> NoReturn:
    raise Problem("invalid-body", detail, [Reason(("body", FIELD), detail)])


def _parts(content: bytes, boundary: str) -> list[bytes]:
    """Cut a form at its boundaries; there is at least one part."""
    if not 1 <= len(boundary) <= MAX_BOUNDARY:
        _refuse(f"The Content-Type must name a boundary of 1 to {MAX_BOUNDARY} characters.")
    delimiter = b"\r\n--" + boundary.encode("latin-1")
    opening, *parts = (b"\r\n" + content).split(delimiter, MAX_PARTS + 2)
    if opening.strip(b"\r\n") or not parts:
        _refuse("The form does not begin with the boundary that its Content-Type names.")
    if len(parts) > MAX_PARTS + 1:
        _refuse(f"The form has more than {MAX_PARTS} parts.")
    if parts[-1].rstrip(b"\r\n") != b"--":
        _refuse("The form is cut short: it does not end with its closing boundary.")
    if len(parts) == 1:
        _refuse(f"The form has no parts; it needs a file in the field '{FIELD}'.")
    return parts[:-1]


def _part(part: bytes) -> tuple[str, bool, bytes]:
    """Take a part apart: its field's name, whether it is a file, and its bytes."""
    head, blank, data = part.partition(b"\r\n\r\n")
    if not head.startswith(b"\r\n") or not blank:
        _refuse("A part of the form has no headers, or a broken boundary.")
    if len(head) > MAX_HEADERS:
        _refuse(f"A part of the form has more than {MAX_HEADERS} bytes of headers.")
    headers = {}
    for line in head[2:].split(b"\r\n"):
        name, _, value = line.partition(b":")
        headers[name.strip().lower()] = value.strip()
    if headers.get(b"content-transfer-encoding", b"").lower() not in TRANSFER_ENCODINGS:
        detail = (
            "A part of the form has a Content-Transfer-Encoding; its bytes must be as they are."
        )
        raise Problem("unsupported-encoding", detail, [Reason(("body",), detail)])
    disposition, options = parse_options_header(
        headers.get(b"content-disposition", b"").decode("latin-1")
    )
    if disposition != b"form-data" or b"name" not in options:
        _refuse("A part of the form has no 'Content-Disposition: form-data' with a name.")
    return options[b"name"].decode("latin-1"), b"filename" in options, data
