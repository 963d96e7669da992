"""Steps of a sequence in a body or a query: bits, symbols of any alphabet, or rows of numbers."""

from itertools import chain
from typing import Any, cast

import numpy as np
from jaxtyping import Float32, Shaped, UInt8
from pydantic import ValidationInfo

from api.requests.bits import MAX_SEQUENCE_STEPS, check_length, parse_bits, parse_text
from api.requests.json_object import FieldError, network_of
from api.requests.pixel_values import MAX_VALUE
from models.declaration.declaration import SequenceSpec

BITS = ("0", "1")
MAX_SHOWN = 16
"""Symbols of an alphabet that an error names."""


def is_binary(spec: SequenceSpec) -> bool:
    """Tell whether the steps of a network's sequences are the bits 0 and 1."""
    return spec.alphabet == BITS


def parse_steps(value: object, info: ValidationInfo) -> Shaped[np.ndarray, "time *features"]:
    """Parse the field `sequence` of a sequence body: bits, symbols, or rows of numbers.

    Returns:
        Index of each symbol in the alphabet, or the numbers of each step; oldest first.

    Raises:
        FieldError: It is empty or too long, or a step is not one of the network's.
    """
    spec = network_of(info).sequence
    if is_binary(spec):
        return parse_bits(value)
    return parse_symbols(value, spec) if spec.alphabet else _parse_features(value, spec.features)


def parse_queried_steps(text: str, spec: SequenceSpec, limit: int) -> UInt8[np.ndarray, " time"]:
    """Parse the sequence of a query (`?sequence=`), whose symbols are single characters.

    Raises:
        FieldError: It is empty or longer than `limit`, or has another character.
    """
    return parse_text(text, limit) if is_binary(spec) else parse_symbols(text, spec, limit)


def parse_symbols(
    value: object, spec: SequenceSpec, limit: int = MAX_SEQUENCE_STEPS
) -> UInt8[np.ndarray, " time"]:
    """Parse the symbols of a sequence: a text of characters, or a list of texts.

    Whole numbers in a list are the symbols that are written so.

    Raises:
        FieldError: It is neither, is empty or too long, or has another symbol.
    """
    forms = "a text or a list" if spec.is_text else "a list"
    if not isinstance(value, list | (str if spec.is_text else list)):
        reason = f"'sequence' must be {forms} of the symbols {_listed(spec)}."
        raise FieldError("invalid-sequence", reason)
    check_length(len(value), limit)
    places = {symbol: index for index, symbol in enumerate(spec.alphabet)}
    # By exact type: to Python True is an integer.
    found = [places.get(str(step) if type(step) is int else step) for step in _texts(value)]
    if None in found:
        wrong = found.index(None)
        reason = f"Step {wrong + 1} of the sequence, counted from 1, is not one of {_listed(spec)}."
        raise FieldError("invalid-sequence", reason, wrong)
    return np.array(found, np.uint8)


def _texts(value: Any) -> list[Any]:
    """Return the steps of a sequence, those that are neither text nor whole number as None."""
    return [step if type(step) in {str, int} else None for step in value]


def _listed(spec: SequenceSpec) -> str:
    """Return the symbols of an alphabet for an error: all of a few, the first of many."""
    shown = ", ".join(f"'{symbol}'" for symbol in spec.alphabet[:MAX_SHOWN])
    rest = len(spec.alphabet) - MAX_SHOWN
    return shown + (f" and {rest} more" if rest > 0 else "")


def _parse_features(value: object, features: int) -> Float32[np.ndarray, "time features"]:
    """Parse rows of numbers, one row a step; of a single feature also a list of numbers.

    Raises:
        FieldError: It is empty, too long or of another width, or a value is no number or beyond
            `MAX_VALUE`.
    """
    if not isinstance(value, list):
        reason = f"'sequence' must be a list of steps, each a list of {_numbers(features)}."
        raise FieldError("invalid-sequence", reason)
    check_length(len(value), MAX_SEQUENCE_STEPS)
    rows = [step if isinstance(step, list) or features > 1 else [step] for step in value]
    for index, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != features or not all(map(_is_number, row)):
            reason = (
                f"Step {index + 1} of the sequence, counted from 1, must be {_numbers(features)} "
                f"from -{MAX_VALUE:,} to {MAX_VALUE:,}."
            )
            raise FieldError("invalid-sequence", reason, index)
    flat = np.fromiter(chain.from_iterable(rows), np.float32, len(rows) * features)
    return flat.reshape(len(rows), features)


def _is_number(value: object) -> bool:
    # By exact type: to Python True is an integer.
    return type(value) in {int, float} and abs(cast("float", value)) <= MAX_VALUE


def _numbers(count: int) -> str:
    return "1 number" if count == 1 else f"{count} numbers"


def shown_sequence(
    steps: Shaped[np.ndarray, "time *features"], spec: SequenceSpec
) -> str | list[str] | Float32[np.ndarray, "time features"]:
    """Return a sequence as a body may have it, for the response: a text, a list or an array."""
    if not spec.alphabet:
        return np.ascontiguousarray(steps)
    if not spec.is_text:
        return [spec.alphabet[index] for index in steps.tolist()]
    # One lookup for all steps is faster than one for each, and of bytes faster than of an array.
    if spec.bytes_table is not None:
        return steps.tobytes().translate(spec.bytes_table).decode("latin-1")
    return str(spec.code_points[steps], "utf-32-le")
