"""Sequence bodies: bits, and the state of the LSTM before the first of them."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float32
from pydantic import Field, PlainValidator, ValidationInfo

from api.requests.bits import parse_sequence
from api.requests.declared_body import DeclaredInput, declare_body
from api.requests.json_object import FieldError, JSONObject

STATE_BOUNDS: Mapping[str, int] = {"cell": 2**24, "hidden": 1}
"""Bounds of the states in a sequence body, which contain all that an LSTM can reach in float32.

|h| = |o tanh(c)| <= 1. |c| grows by at most 1 a step, which no longer changes it at 2^24, however
many requests continue each other.
"""

MAX_INITIAL_STEPS = 2_147_483_647
"""Most steps before the initial state of a sequence body, or in the query."""


def parse_state(value: object, info: ValidationInfo) -> Float32[np.ndarray, " hidden"]:
    """Parse a state vector of a sequence body: one number for each hidden unit of the LSTM.

    Args:
        info: Its context has the number of units, `hidden`; its field is a key of `STATE_BOUNDS`.

    Raises:
        FieldError: It has another length, or a number beyond the bound.
    """
    name, units = str(info.field_name), (info.context or {})["hidden"]
    bound, value = STATE_BOUNDS[name], _flat(value, units)
    if (
        not isinstance(value, list)
        or len(value) != units
        or not all(type(number) in {int, float} and abs(number) <= bound for number in value)
    ):
        reason = f"'{name}' must be a list of {units} numbers from -{bound:,} to {bound:,}."
        raise FieldError("invalid-sequence", reason)
    return np.array(value, np.float32)


def _flat(value: object, units: int) -> object:
    """Return a state of the shape units x 1 or 1 x units as a list of numbers."""
    if isinstance(value, list) and all(isinstance(each, list) for each in value):
        if len(value) == 1:
            return value[0]
        if len(value) == units and all(len(each) == 1 for each in value):
            return [each[0] for each in value]
    return value


def parse_steps(value: object) -> int:
    """Parse the number of steps before the initial state of a sequence body.

    Raises:
        FieldError: It is not a whole number, or beyond the limit.
    """
    # A float is read where it is whole: some clients write every number with a fraction.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not 0 <= value <= MAX_INITIAL_STEPS:
        reason = f"'initial_steps' must be an integer from 0 to {MAX_INITIAL_STEPS}."
        raise FieldError("invalid-sequence", reason)
    return value


Bits = Annotated[
    np.ndarray,
    PlainValidator(
        parse_sequence,
        json_schema_input_type=str | list[Annotated[int, Field(ge=0, le=1)]],
    ),
]
StateVector = Annotated[np.ndarray, PlainValidator(parse_state, json_schema_input_type=list[float])]
Steps = Annotated[
    int,
    PlainValidator(
        parse_steps, json_schema_input_type=Annotated[int, Field(ge=0, le=MAX_INITIAL_STEPS)]
    ),
]


class InitialState(JSONObject):
    """Initial state in a sequence body: `final_cell` and `final_hidden` of another answer."""

    noun = "'initial_state'"
    cell: StateVector
    hidden: StateVector


class SequenceInput(DeclaredInput):
    """Sequence in a JSON body: bits, oldest first, and perhaps the LSTM's initial state."""

    noun = "A sequence"
    sequence: Bits = Field(
        description="1 to 4,096 bits, oldest first: a string of 0 and 1, or a list. Commas or "
        "white space may separate the bits of a string."
    )
    initial_state: InitialState | None = Field(None, description="Zeros where it is left out.")
    initial_steps: Steps | None = Field(
        None,
        description="Number of steps before `initial_state`, for the warning about long "
        "sequences; that of the query where left out.",
    )

    @classmethod
    def check_keys(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Check the keys of a sequence body: `initial_steps` comes with `initial_state` alone."""
        if "initial_steps" in given and "initial_state" not in given:
            reason = (
                "'initial_steps' is the number of steps before 'initial_state', which is missing: "
                "send both, or neither."
            )
            raise FieldError("invalid-body", reason, "initial_steps")
        return super().check_keys(given)


SequenceBody = declare_body(
    "SequenceBody",
    SequenceInput,
    "1 to 64 sequences; the answer has `answers`, in the same order.",
)
