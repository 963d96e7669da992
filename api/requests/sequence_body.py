"""Sequence bodies: steps, and the network's state before the first of them."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float32
from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationInfo

from api.requests.declared_body import DeclaredInput, declare_body
from api.requests.json_object import FieldError, check_object, network_of
from api.requests.sequence_steps import parse_steps
from models.architecture import Architecture, State
from models.declaration.operations import Recurrent

MAX_STATE = 2**24
"""Bound of an unbounded state in a sequence body: of a cell, and of units with a ReLU.

It contains all that a cell can reach in float32: |c| grows by at most 1 a step, which no longer
changes it at 2^24, however many requests continue each other.
"""

MAX_INITIAL_STEPS = 2_147_483_647
"""Most steps before the initial state of a sequence body, or in the query."""


def parse_initial_state(value: object, info: ValidationInfo) -> Mapping[str, np.ndarray]:
    """Parse the initial state of a sequence body: a vector for each state of the network.

    Raises:
        FieldError: It has not the network's states, or one has another length or a number beyond
            its bound.
    """
    network = network_of(info)
    given = check_object(value, "'initial_state'", [state.name for state in network.states])
    return {
        state.name: _parse_vector(given.get(state.name), state, state_bound(network, state))
        for state in network.states
    }


def state_bound(network: Architecture, state: State) -> int:
    """Return the largest magnitude of a network's state in a sequence body.

    |h| = |o tanh(c)| <= 1 in an LSTM; in a GRU and with tanh it is 1 too.
    """
    operation = network.node(state.layer).operation
    is_bounded = isinstance(operation, Recurrent) and operation.activation == "tanh"
    return 1 if state.value == "hidden" and is_bounded else MAX_STATE


def _parse_vector(value: object, state: State, bound: int) -> Float32[np.ndarray, " units"]:
    """Parse a state vector: one number for each unit of the layer.

    Raises:
        FieldError: It has another length, or a number beyond the bound.
    """
    value = _flat(value, state.units)
    if (
        not isinstance(value, list)
        or len(value) != state.units
        or not all(type(number) in {int, float} and abs(number) <= bound for number in value)
    ):
        reason = (
            f"'{state.name}' must be a list of {state.units} numbers from -{bound:,} to {bound:,}."
        )
        raise FieldError("invalid-sequence", reason, state.name)
    return np.array(value, np.float32)


def _flat(value: object, units: int) -> object:
    """Return a state of the shape units x 1 or 1 x units as a list of numbers."""
    if isinstance(value, list) and all(isinstance(each, list) for each in value):
        if len(value) == 1:
            return value[0]
        if len(value) == units and all(len(each) == 1 for each in value):
            return [each[0] for each in value]
    return value


def parse_steps_before(value: object) -> int:
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


class InitialState(BaseModel):
    """Initial state in a sequence body: final states of another answer, by the network's names.

    An LSTM has `cell` and `hidden`, other layers `hidden` alone; in stacks their names begin with
    the layer's, such as `lstm1.cell`.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, list[float]]
    cell: list[float] | None = None
    hidden: list[float] | None = None


Steps = Annotated[
    np.ndarray,
    PlainValidator(parse_steps, json_schema_input_type=str | list[float | str | list[float]]),
]
States = Annotated[
    Mapping[str, np.ndarray],
    PlainValidator(parse_initial_state, json_schema_input_type=InitialState),
]
StepsBefore = Annotated[
    int,
    PlainValidator(
        parse_steps_before, json_schema_input_type=Annotated[int, Field(ge=0, le=MAX_INITIAL_STEPS)]
    ),
]


class SequenceInput(DeclaredInput):
    """Sequence in a JSON body: steps, oldest first, and perhaps the network's initial state."""

    noun = "A sequence"
    sequence: Steps = Field(
        description="1 to 4,096 steps, oldest first: a string of the symbols of the network's "
        "alphabet, a list of symbols, or a list of rows of numbers. Commas or white space may "
        "separate the bits of a string of 0 and 1."
    )
    initial_state: States | None = Field(None, description="Zeros where it is left out.")
    initial_steps: StepsBefore | None = Field(
        None,
        description="Number of steps before `initial_state`, for the warning about long "
        "sequences; that of the query where left out.",
    )

    @classmethod
    def check_keys(cls, given: dict[str, Any], network: Architecture) -> dict[str, Any]:
        """Check the keys of a sequence body: `initial_steps` comes with `initial_state` alone."""
        if "initial_steps" in given and "initial_state" not in given:
            reason = (
                "'initial_steps' is the number of steps before 'initial_state', which is missing: "
                "send both, or neither."
            )
            raise FieldError("invalid-body", reason, "initial_steps")
        return super().check_keys(given, network)


SequenceBody = declare_body(
    "SequenceBody",
    SequenceInput,
    "1 to 64 sequences; the answer has `answers`, in the same order.",
)
