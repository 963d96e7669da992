"""A JSON body -> an object of known keys -> the bytes, pixels, bits and states that it spells."""

import binascii
from collections.abc import Mapping
from typing import Any, Literal, NoReturn, TypeAlias

import numpy as np
import orjson
from jaxtyping import Float32, UInt8

from api.errors.problem import SHOWABLE, Problem, Reason
from api.requests.image_decoding import check_size

MAX_VALUES = 1_048_576  # of one JSON body: parsing as many small integers takes 0.1 s
MAX_DEPTH = 1024  # orjson's own
# What an LSTM can reach: |h| = |o tanh(c)| <= 1; |c| grows by at most 1 a step, so that the bound
# is 244 times what the longest sequence can make.
STATE_BOUNDS: Mapping[str, float] = {"cell": 1e6, "hidden": 1.0}

DATA_URLS = ("data:image/png;base64,", "data:image/jpeg;base64,")
NO_JSON = (
    "The body is not JSON: it must be UTF-8 text without NaN, Infinity or lone surrogates, its "
    f"numbers within a double's range, nested at most {MAX_DEPTH} deep."
)
NO_BASE64 = (
    "'image' must be base64 (A-Z, a-z, 0-9, + and /, padded with =, no white space), "
    f"alone or after {' or '.join(DATA_URLS)}"
)

Where = Literal["body", "query"]
"""Where a sequence came in."""

State: TypeAlias = tuple[Float32[np.ndarray, " hidden"], Float32[np.ndarray, " hidden"]]


def refuse(kind: str, detail: str, *location: str | int) -> NoReturn:
    """Say no to something in the body, and where it is.

    Raises:
        Problem: Always.
    """
    raise Problem(kind, detail, [Reason(("body", *location), detail)])


def json_object(content: bytes, keys: tuple[str, ...]) -> dict[str, Any]:
    """Read a JSON object of known keys; one that is null counts as absent, of doubles the last.

    Integers past 64 bits come as floating-point numbers, which nothing here takes for integers.

    Raises:
        Problem: It is not JSON, not an object, has more than `MAX_VALUES` values or another key.
    """
    # Counted before parsing: a list costs thirty times the two bytes that open and close it.
    if content.count(b",") + content.count(b"[") + content.count(b"{") > MAX_VALUES:
        refuse("invalid-body", f"The body holds more than {MAX_VALUES} values.")
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Problem("invalid-json", NO_JSON, [Reason(("body",), NO_JSON)]) from error
    return known_keys(value, keys, "The body")


def known_keys(value: object, keys: tuple[str, ...], name: str, *location: str) -> dict[str, Any]:
    """Return what an object holds, without nulls.

    Raises:
        Problem: It is no object, or has another key.
    """
    if not isinstance(value, dict):
        refuse("invalid-body", f"{name} must be an object of {', '.join(keys)}.", *location)
    for key in value.keys() - set(keys):
        which = f"key '{key}', which" if SHOWABLE.fullmatch(key) else "a key that"
        refuse("invalid-body", f"{name} has {which} is not one of {', '.join(keys)}.", *location)
    return {key: item for key, item in value.items() if item is not None}


def base64_bytes(text: object) -> bytes:
    """Decode base64, alone or in a data URL, strictly: no white space, no URL alphabet.

    Raises:
        Problem: It is not a text, or not that.
    """
    if not isinstance(text, str):
        refuse("invalid-body", "'image' must be a text: base64 or a data URL.", "image")
    for prefix in DATA_URLS:
        if text.startswith(prefix):
            text = text[len(prefix) :]
            break
    try:
        data = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except ValueError:
        data = None
    # Strict mode lets padding pass that nothing needed.
    if data is None or 4 * len(data) != 3 * len(text) - 4 * text.count("="):
        refuse("invalid-body", NO_BASE64, "image")
    return data


def pixels_of(rows: object) -> UInt8[np.ndarray, "height width"]:
    """Turn rows of integers from 0 to 255 into a picture.

    Raises:
        Problem: It is not that, ragged, empty or too large.
    """
    if not isinstance(rows, list) or not rows:
        refuse("invalid-image", "'pixels' must be a list of rows, at least 1.", "pixels")
    width = len(rows[0]) if isinstance(rows[0], list) else 0
    if width:
        check_size(width, len(rows))
    return np.stack([_row(row, number, width) for number, row in enumerate(rows)])


def _row(row: object, number: int, width: int) -> UInt8[np.ndarray, " width"]:
    fault = None
    if not isinstance(row, list) or not row:
        fault = "must be a list of at least 1 integer"
    elif len(row) != width:
        fault = f"has {len(row)} values, row 0 has {width}"
    # By exact type: to Python True is an integer, and what 0.5 means would be a guess.
    elif set(map(type, row)) != {int} or min(row) < 0 or max(row) > 255:  # noqa: PLR2004
        fault = "must hold integers from 0 to 255 only"
    if fault:
        refuse("invalid-image", f"Row {number} of 'pixels' {fault}.", "pixels", number)
    return np.array(row, np.uint8)


def bits_of(steps: list[Any], limit: int) -> UInt8[np.ndarray, " time"]:
    """Turn a list of the integers 0 and 1 into bits.

    Raises:
        Problem: It is empty, longer than `limit` or holds something else.
    """
    check_length(len(steps), limit)
    for number, step in enumerate(steps):
        if type(step) is not int or step not in {0, 1}:
            refuse_step(number)
    return np.array(steps, np.uint8)


def check_length(steps: int, limit: int, where: Where = "body") -> None:
    """Refuse a sequence of no steps or too many.

    Raises:
        Problem: With the limit.
    """
    if not 1 <= steps <= limit:
        detail = f"The sequence has {steps} steps; it must have 1 to {limit}."
        raise Problem("invalid-sequence", detail, [Reason((where, "sequence"), detail)])


def refuse_step(number: int, where: Where = "body") -> NoReturn:
    """Say that a step is not a bit.

    Raises:
        Problem: Always.
    """
    detail = f"Step {number + 1} of the sequence, counted from 1, is not 0 or 1."
    raise Problem("invalid-sequence", detail, [Reason((where, "sequence", number), detail)])


def state_of(value: object, hidden: int) -> State | None:
    """Turn an object of two lists into a cell and a hidden state; None into None.

    Raises:
        Problem: One is missing, has not `hidden` numbers or one past what an LSTM can reach.
    """
    if value is None:
        return None
    states = known_keys(value, ("cell", "hidden"), "'initial_state'", "initial_state")
    return _state(states, "cell", hidden), _state(states, "hidden", hidden)


def _state(states: Mapping[str, Any], name: str, hidden: int) -> Float32[np.ndarray, " hidden"]:
    numbers, bound = states.get(name), STATE_BOUNDS[name]
    if (
        not isinstance(numbers, list)
        or len(numbers) != hidden
        or not all(type(number) in {int, float} and abs(number) <= bound for number in numbers)
    ):
        detail = f"'{name}' must be a list of {hidden} numbers from -{bound:g} to {bound:g}."
        refuse("invalid-sequence", detail, "initial_state", name)
    return np.array(numbers, np.float32)
