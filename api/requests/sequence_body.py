"""Sequence bodies: bits, and the state of the LSTM before the first of them."""

import re
from collections.abc import Mapping
from typing import Annotated

import numpy as np
from jaxtyping import Float32, UInt8
from pydantic import Field, PlainValidator, ValidationInfo

from api.requests.declared_body import DeclaredInput, declare_body
from api.requests.json_object import FieldError, JSONObject

MAX_SEQUENCE_STEPS = 4096

# Bounds of what an LSTM can reach: |h| = |o tanh(c)| <= 1; |c| grows by at most 1 a step, so that
# this bound is 244 times what the longest sequence can make.
STATE_BOUNDS: Mapping[str, float] = {"cell": 1e6, "hidden": 1.0}


def parse_sequence(value: object) -> UInt8[np.ndarray, " time"]:
    """Parse the field `sequence` of a sequence body: a string such as "10110", or a list of bits.

    Returns:
        0 or 1, oldest first.

    Raises:
        FieldError: It is neither, is empty or too long, or holds another value.
    """
    if isinstance(value, str):
        return parse_text(value)
    if not isinstance(value, list):
        reason = "'sequence' must be a text or a list of 0 and 1."
        raise FieldError("invalid-sequence", reason)
    _check_length(len(value), MAX_SEQUENCE_STEPS)
    # By exact type: to Python True is an integer.
    if set(map(type, value)) != {int} or not {0, 1}.issuperset(value):
        raise _not_a_bit(next(at for at, step in enumerate(value) if not _is_bit(step)))
    return np.frombuffer(bytes(value), np.uint8)


def parse_text(text: str, limit: int = MAX_SEQUENCE_STEPS) -> UInt8[np.ndarray, " time"]:
    """Parse the text of a sequence such as "10110" to its bits, oldest first.

    Raises:
        FieldError: It is empty, longer than `limit` or has another character.
    """
    _check_length(len(text), limit)
    if (other := re.search("[^01]", text)) is not None:
        raise _not_a_bit(other.start())
    return np.frombuffer(text.encode("ascii"), np.uint8) - np.uint8(ord("0"))


def _is_bit(step: object) -> bool:
    return type(step) is int and step in {0, 1}


def _check_length(steps: int, limit: int) -> None:
    if not 1 <= steps <= limit:
        reason = f"The sequence has {steps} steps; it must have 1 to {limit}."
        raise FieldError("invalid-sequence", reason)


def _not_a_bit(index: int) -> FieldError:
    reason = f"Step {index + 1} of the sequence, counted from 1, is not 0 or 1."
    return FieldError("invalid-sequence", reason, index)


def parse_state(value: object, info: ValidationInfo) -> Float32[np.ndarray, " hidden"]:
    """Parse a state vector of a sequence body: one number for each hidden unit of the LSTM.

    Args:
        info: Its context has the number of units, `hidden`; its field is a key of `STATE_BOUNDS`.

    Raises:
        FieldError: It has another length, or a number beyond the bound.
    """
    name, units = str(info.field_name), (info.context or {})["hidden"]
    bound = STATE_BOUNDS[name]
    if (
        not isinstance(value, list)
        or len(value) != units
        or not all(type(number) in {int, float} and abs(number) <= bound for number in value)
    ):
        reason = f"'{name}' must be a list of {units} numbers from -{bound:g} to {bound:g}."
        raise FieldError("invalid-sequence", reason)
    return np.array(value, np.float32)


Bits = Annotated[
    np.ndarray,
    PlainValidator(
        parse_sequence,
        json_schema_input_type=str | list[Annotated[int, Field(ge=0, le=1)]],
    ),
]
StateVector = Annotated[np.ndarray, PlainValidator(parse_state, json_schema_input_type=list[float])]


class InitialState(JSONObject):
    """Initial state in a sequence body: `final_cell` and `final_hidden` of another answer."""

    noun = "'initial_state'"
    cell: StateVector
    hidden: StateVector


class SequenceInput(DeclaredInput):
    """Sequence in a JSON body: bits, oldest first, and perhaps the LSTM's initial state."""

    noun = "A sequence"
    sequence: Bits = Field(
        description="1 to 4,096 bits, oldest first: a string of 0 and 1, or a list."
    )
    initial_state: InitialState | None = Field(None, description="Zeros where it is left out.")


SequenceBody = declare_body(
    "SequenceBody",
    SequenceInput,
    "1 to 64 sequences; the answer has `answers`, in the same order.",
)
