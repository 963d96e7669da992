"""JSON text of a body, parsed within limits of values and depth."""

import json
import re
from typing import Any

import orjson

from api.errors.problem import SHOWABLE, body_problem

MAX_VALUES = 1_048_576  # of one JSON body: parsing as many small integers takes 0.1 s
MAX_DEPTH = 1024  # orjson's own
DATA_URL = b'"data:'
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

NOT_JSON = (
    "The body is not JSON: it must be UTF-8 text without NaN, Infinity or lone surrogates, its "
    f"numbers within a double's range, nested at most {MAX_DEPTH} deep."
)
EMPTY = "The body is empty, and its Content-Type is that of JSON: send an object."
UTF_16 = "The body is UTF-16 or UTF-32; JSON must be UTF-8."
CONTROL_CHARACTER = (
    "The body is not JSON: a string has a line break or another control character; write \\n, or "
    "base64 without line breaks (base64 -w0)."
)

# First bytes of bodies that are sent as JSON by mistake -> what they are.
MISTAKEN: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"\x89PNG"), "an image: send it with Content-Type: image/png"),
    (re.compile(rb"\xff\xd8\xff"), "an image: send it with Content-Type: image/jpeg"),
    (
        re.compile(rb"--[^\r\n]+\r?\ncontent-", re.IGNORECASE),
        "a form: its Content-Type must be multipart/form-data with its boundary",
    ),
    (re.compile(rb"[\w.%+-]+=[^=]"), "a text of names and values: write an object"),
    (re.compile(rb"[\[{]\s*'"), "a Python literal: texts have double quotes in JSON"),
)
NOT_A_NUMBER = re.compile(rb"-?(nan|inf)", re.IGNORECASE)
SHOWN = 256  # bytes in front by which a mistaken body is known


def parse_json(content: bytes) -> Any:
    """Parse the JSON text of a request body; each key of an object is there once.

    Integers beyond 64 bits become floats, which no field accepts as integers. A byte order mark of
    UTF-8 before the text is ignored (RFC 8259, section 8.1).

    Raises:
        Problem: `invalid-json`, or `invalid-body` for more than `MAX_VALUES` values or for a key
            that is there twice, of which parsers read one or the other (RFC 8259, section 4).
    """
    # Counted before parsing: a list takes thirty times the memory of the two bytes that open and
    # close it.
    if content.count(b",") + content.count(b"[") + content.count(b"{") > MAX_VALUES:
        raise body_problem("invalid-body", f"The body holds more than {MAX_VALUES} values.")
    try:
        content = content.removeprefix(BYTE_ORDER_MARK)
        parsed = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise body_problem("invalid-json", _fault_of(content, error)) from error
    # Each key has a colon, and so have the data URLs that bodies hold; other texts hardly ever.
    colons = content.count(b":")
    if not (isinstance(parsed, dict) and colons == len(parsed)):
        colons -= content.count(DATA_URL)
        if colons != _count_keys(parsed):
            _refuse_repeated_keys(content)
    return parsed


def _count_keys(parsed: Any) -> int:
    """Count the keys of all objects of a JSON text: at most its colons, fewer if one repeats."""
    count, remaining = 0, [parsed]
    while remaining:
        value = remaining.pop()
        if isinstance(value, dict):
            count += len(value)
            remaining += value.values()
        elif isinstance(value, list) and value and isinstance(value[0], (dict, list)):
            remaining += value
    return count


def _refuse_repeated_keys(content: bytes) -> None:
    """Parse a JSON text a second time to find a key that its object has twice.

    Raises:
        Problem: `invalid-body` for such a key, `invalid-json` for a nesting beyond Python's limit.
    """
    try:
        json.loads(content, object_pairs_hook=_unique, parse_int=str, parse_float=str)
    except RecursionError as error:
        raise body_problem("invalid-json", NOT_JSON) from error


def _unique(pairs: list[tuple[str, object]]) -> None:
    """Check that the keys of one JSON object are unique."""
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            which = f"key '{key}'" if SHOWABLE.fullmatch(key) else "same key"
            raise body_problem("invalid-body", f"The body has the {which} twice in one object.")
        seen.add(key)


def _fault_of(content: bytes, error: orjson.JSONDecodeError) -> str:
    """Return why a body is not JSON, as a sentence."""
    if not content.strip():
        return EMPTY
    if b"\0" in content[:4] or content.startswith((b"\xfe\xff", b"\xff\xfe")):
        return UTF_16
    for pattern, found in MISTAKEN:
        if pattern.match(content[:SHOWN]):
            return f"The body is not JSON but {found}."
    # The position is one of characters: behind others than ASCII the general sentence is left.
    if NOT_A_NUMBER.match(content, error.pos) or NOT_A_NUMBER.match(content, max(0, error.pos - 1)):
        return "The body is not JSON: it has NaN or Infinity, and JSON has numbers only."
    return CONTROL_CHARACTER if "control character" in error.msg else NOT_JSON
