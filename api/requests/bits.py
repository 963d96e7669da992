"""Bits of a sequence: a text such as "10110" or "1, 0, 1", or a list of bits."""

import re
from typing import Any

import numpy as np
from jaxtyping import UInt8

from api.requests.json_object import FieldError

MAX_SEQUENCE_STEPS = 4096

SEPARATOR = re.compile(r"\s*,\s*|\s+")
WORDS = {
    word: bit
    for bit, words in (("0", ("0.", "0.0", "false")), ("1", ("1.", "1.0", "true")))
    for word in words
}
"""Other spellings of a bit, in lower case: NumPy prints floats as `[1. 0.]`."""

NOT_BITS = "'sequence' must be a text or a list of 0 and 1."
A_NUMBER = (
    "'sequence' must be a text or a list of 0 and 1: write it in quotes, since a number has no "
    "leading zeros."
)
SEVERAL_LISTS = (
    "'sequence' is a list of lists: it must have the shape T, T x 1 or 1 x T; write several "
    "sequences as 'inputs'."
)
SEVERAL_TEXTS = (
    "'sequence' is a list of texts: write one text, one bit each, or several sequences as 'inputs'."
)


def parse_bits(value: object) -> UInt8[np.ndarray, " time"]:
    """Parse the field `sequence` of a sequence body: a text of bits, or a list of bits.

    In a list 1.0, true and "1" are the bit 1. A list of the shape T x 1 or 1 x T, and a list of one
    text, are what they hold.

    Returns:
        0 or 1, oldest first.

    Raises:
        FieldError: It is neither, is empty or too long, or holds another value.
    """
    if isinstance(value, str):
        return parse_text(value)
    if not isinstance(value, list):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        raise FieldError("invalid-sequence", A_NUMBER if is_number else NOT_BITS)
    # By exact type: to Python True is an integer.
    if set(map(type, value)) != {int}:
        return _parse_other_list(value)
    check_length(len(value), MAX_SEQUENCE_STEPS)
    if not {0, 1}.issuperset(value):
        raise _not_a_bit(next(at for at, step in enumerate(value) if step not in {0, 1}))
    return np.frombuffer(bytes(value), np.uint8)


def parse_text(text: str, limit: int = MAX_SEQUENCE_STEPS) -> UInt8[np.ndarray, " time"]:
    """Parse the text of a sequence such as "10110" to its bits, oldest first.

    White space, or a comma, may separate the bits, and brackets may enclose them.

    Raises:
        FieldError: It is empty, longer than `limit` or has another character.
    """
    if re.search("[^01]", text) is not None:
        text = _bits_in(text)
    check_length(len(text), limit)
    return np.frombuffer(text.encode("ascii"), np.uint8) - np.uint8(ord("0"))


def _bits_in(text: str) -> str:
    """Return the bits of a text with separators, brackets or other spellings of a bit."""
    text = text.strip().lstrip("\ufeff")
    if text[:1] + text[-1:] == "[]":
        text = text[1:-1].strip()
    parts, found = SEPARATOR.split(text) if text else [], ""
    if len(parts) > MAX_SEQUENCE_STEPS:
        check_length(len(parts), MAX_SEQUENCE_STEPS)
    for part in parts:
        bits = WORDS.get(part.lower(), part)
        other = re.search("[^01]", bits)
        if other is not None or not bits:
            raise _not_a_bit(len(found) + (other.start() if other else 0))
        found += bits
    return found


def _parse_other_list(value: list[Any]) -> UInt8[np.ndarray, " time"]:
    """Parse a list of bits that are not all integers, or that are in lists of their own."""
    while len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    if len(value) == 1 and isinstance(value[0], str):
        return parse_text(value[0])
    if all(isinstance(step, list) and len(step) == 1 for step in value):
        value = [step[0] for step in value]
    check_length(len(value), MAX_SEQUENCE_STEPS)
    bits = [_bit_of(step) for step in value]
    if None in bits:
        wrong = bits.index(None)
        if isinstance(value[wrong], list):
            raise FieldError("invalid-sequence", SEVERAL_LISTS, wrong)
        if isinstance(value[wrong], str) and re.fullmatch("[01]{2,}", value[wrong]):
            raise FieldError("invalid-sequence", SEVERAL_TEXTS, wrong)
        raise _not_a_bit(wrong)
    return np.array(bits, np.uint8)


def _bit_of(step: object) -> int | None:
    """Return a step of a list as a bit: 1, 1.0, true or "1"; None where it is no bit."""
    if isinstance(step, str):
        word = step.strip().lower()
        word = WORDS.get(word, word)
        return int(word) if word in {"0", "1"} else None
    return int(step) if isinstance(step, int | float) and step in {0, 1} else None


def check_length(steps: int, limit: int) -> None:
    """Raise `FieldError` for a sequence without steps, or with more than the limit."""
    if not 1 <= steps <= limit:
        reason = f"The sequence has {steps} steps; it must have 1 to {limit}."
        raise FieldError("invalid-sequence", reason)


def _not_a_bit(index: int) -> FieldError:
    reason = f"Step {index + 1} of the sequence, counted from 1, is not 0 or 1."
    return FieldError("invalid-sequence", reason, index)
