"""JSON text of a body, parsed within limits of values and depth."""

from typing import Any

import orjson

from api.errors.problem import body_problem

MAX_VALUES = 1_048_576  # of one JSON body: parsing as many small integers takes 0.1 s
MAX_DEPTH = 1024  # orjson's own

NOT_JSON = (
    "The body is not JSON: it must be UTF-8 text without NaN, Infinity or lone surrogates, its "
    f"numbers within a double's range, nested at most {MAX_DEPTH} deep."
)


def parse_json(content: bytes) -> Any:
    """Parse the JSON text of a request body; of keys that are given twice the last counts.

    Integers beyond 64 bits become floats, which no field accepts as integers.

    Raises:
        Problem: `invalid-json`, or `invalid-body` for more than `MAX_VALUES` values.
    """
    # Counted before parsing: a list takes thirty times the memory of the two bytes that open and
    # close it.
    if content.count(b",") + content.count(b"[") + content.count(b"{") > MAX_VALUES:
        raise body_problem("invalid-body", f"The body holds more than {MAX_VALUES} values.")
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise body_problem("invalid-json", NOT_JSON) from error
