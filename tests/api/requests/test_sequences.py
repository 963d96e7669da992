"""Sequence bodies in both forms, valid and invalid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors.problem import Problem
from api.requests.bits import parse_text
from api.requests.json_object import FieldError
from api.requests.sequence_body import MAX_STATE
from models.rnn.certificate import LONGEST
from tests.api.bodies import json_body, sequence_of, told


def sequence_problem_of(value: object, hidden: int = 2) -> tuple[str, str, tuple[str | int, ...]]:
    """Return type, text and location of the problem of a sequence body."""
    with pytest.raises(Problem) as caught:
        sequence_of(json_body(value), hidden)
    return told(caught.value)


@pytest.mark.parametrize("sequence", ["10110", [1, 0, 1, 1, 0]])
def test_both_forms_of_a_sequence_are_the_same(sequence: object) -> None:
    """A text and a list give the same bits, oldest first."""
    for value in ({"sequence": sequence}, {"sequence": sequence, "initial_state": None}):
        result = sequence_of(json_body(value), 64)
        assert result.sequence.dtype == np.uint8
        assert result.sequence.tolist() == [1, 0, 1, 1, 0]
        assert result.initial_state is None


@given(st.text("01", min_size=1, max_size=4096))
def test_texts_become_their_bits(text: str) -> None:
    """Every character is a step."""
    assert "".join(map(str, parse_text(text))) == text
    assert parse_text(text).dtype == np.uint8


def test_a_sequence_has_1_to_4096_steps() -> None:
    """Empty and 4,097 steps are rejected in every form, 1 and 4,096 are not."""
    for steps in (1, 4096):
        assert len(parse_text("1" * steps)) == steps
        assert len(sequence_of(json_body({"sequence": [1] * steps}), 2).sequence) == steps
    for steps in (0, 4097):
        text = f"The sequence has {steps} steps; it must have 1 to 4096."
        for sequence in ("1" * steps, [1] * steps):
            rejected = sequence_problem_of({"sequence": sequence})
            assert rejected == ("invalid-sequence", text, ("body", "sequence"))


def test_a_shorter_limit_may_be_set() -> None:
    """A GET takes fewer steps than a POST."""
    assert len(parse_text("1" * 1024, 1024)) == 1024
    with pytest.raises(FieldError, match="has 1025 steps; it must have 1 to 1024"):
        parse_text("1" * 1025, 1024)


@pytest.mark.parametrize("step", [2, -1, 0.5, -1.0, "two", "", None, {}, 1e300])
def test_steps_are_0_and_1(step: object) -> None:
    """Anything else is rejected by its place."""
    text = "Step 3 of the sequence, counted from 1, is not 0 or 1."

    rejected = sequence_problem_of({"sequence": [0, 1, step, step]})
    assert rejected == ("invalid-sequence", text, ("body", "sequence", 2))


@pytest.mark.parametrize(
    "character", ["2", "a", ";", "\uff11", "\u0661", "\0", ",,", "\ud800", "."]
)
def test_characters_are_0_and_1(character: str) -> None:
    """So is any other character, digits of other scripts too."""
    with pytest.raises(FieldError) as caught:
        parse_text("01" + character + character)

    text = "Step 3 of the sequence, counted from 1, is not 0 or 1."
    error = caught.value
    assert (error.kind, error.reason, error.place) == ("invalid-sequence", text, (2,))


@pytest.mark.parametrize("value", [{}, {"sequence": None}, {"sequence": True}, {"sequence": {}}])
def test_a_sequence_is_a_text_or_a_list(value: object) -> None:
    """A missing sequence and other values are rejected."""
    text = "'sequence' must be a text or a list of 0 and 1."

    assert sequence_problem_of(value) == ("invalid-sequence", text, ("body", "sequence"))


def test_unknown_keys_beside_a_sequence_are_rejected() -> None:
    """A body has no other keys, nor has the state."""
    keys = "sequence, initial_state, initial_steps, inputs"
    text = f"The body has key 'image', which is not one of {keys}."
    assert sequence_problem_of({"sequence": "1", "image": 1}) == ("invalid-body", text, ("body",))
    text = "'initial_state' has key 'c', which is not one of cell, hidden."
    rejected = sequence_problem_of({"sequence": "1", "initial_state": {"c": [0, 0]}})
    assert rejected == ("invalid-body", text, ("body", "initial_state"))


def test_an_initial_state_is_read() -> None:
    """Cell and hidden state come in this order, up to their bounds."""
    state = {"hidden": [-1, 1.0], "cell": [-16777216.0, 16777216]}
    found = sequence_of(json_body({"sequence": "1", "initial_state": state}), 2).initial_state
    assert found is not None
    cell, hidden = found["cell"], found["hidden"]

    assert cell.dtype == hidden.dtype == np.float32
    assert (cell.tolist(), hidden.tolist()) == ([-(2.0**24), 2.0**24], [-1, 1])


def test_a_run_can_be_continued_up_to_the_longest_certified_length() -> None:
    """A cell state that counts every bit of a certified length is within the bound."""
    assert MAX_STATE >= LONGEST


@pytest.mark.parametrize("name", ["cell", "hidden"])
@pytest.mark.parametrize(
    "numbers",
    [None, 0, "ab", [], [0], [0, 0, 0], [0, True], [0, "0"], [0, None], [0, 16777218], [2e7, 0]],
)
def test_wrong_states_are_rejected(name: str, numbers: object) -> None:
    """A state has one bounded number for each unit."""
    bound = {"cell": "16,777,216", "hidden": "1"}[name]
    state = {"cell": [0, 0], "hidden": [0, 0]} | {name: numbers}
    text = f"'{name}' must be a list of 2 numbers from -{bound} to {bound}."

    rejected = sequence_problem_of({"sequence": "1", "initial_state": state})
    assert rejected == ("invalid-sequence", text, ("body", "initial_state", name))


def test_a_hidden_state_just_past_its_bound_is_rejected() -> None:
    """|h| = |o tanh(c)| cannot be more than 1."""
    state = {"cell": [0.0], "hidden": [np.nextafter(1, 2).item()]}

    assert "from -1 to 1" in sequence_problem_of({"sequence": "1", "initial_state": state}, 1)[1]


@pytest.mark.parametrize("state", [1, "a", [], True])
def test_a_state_is_an_object(state: object) -> None:
    """Other values are rejected."""
    text = "'initial_state' must be an object of cell, hidden."

    rejected = sequence_problem_of({"sequence": "1", "initial_state": state})
    assert rejected == ("invalid-body", text, ("body", "initial_state"))
