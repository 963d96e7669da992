"""Sequences of other alphabets, of words and of numbers, and states of other layers."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors.problem import Problem
from api.requests.inputs import queried_sequence
from api.requests.model_input import ModelInput, sequence_input
from api.requests.options import SequenceQuery
from api.requests.posted import parse_body
from api.requests.sequence_body import SequenceBody
from models.architecture import Architecture
from models.registry import ResidentModel
from models.runtime.checkpoints import Checkpoint
from tests.api.bodies import json_body, told
from tests.networks import FEATURES, LETTERS, WORDS, network


def read(value: object, asked: Architecture) -> ModelInput:
    """Return the model input of a JSON body of one sequence."""
    [found] = parse_body(json_body(value), SequenceBody, asked).inputs
    return sequence_input(found, asked)


def refused(value: object, asked: Architecture) -> tuple[str, str, Any]:
    """Return type, text and location of the problem of a JSON body."""
    with pytest.raises(Problem) as caught:
        read(value, asked)
    return told(caught.value)


@given(st.text("abcde", min_size=1, max_size=4096))
def test_symbols_are_indices_of_the_alphabet(text: str) -> None:
    """A text and a list of symbols are the same, and the echo is the text."""
    for sequence in (text, list(text)):
        found = read({"sequence": sequence}, LETTERS)
        assert found.row["sequence"].tolist() == ["abcde".index(one) for one in text]
        assert found.row["sequence"].dtype == np.uint8
        assert (found.echo or {})["sequence"] == text
        assert "ones" not in (found.echo or {})


def test_words_are_symbols_of_a_list() -> None:
    """Symbols of several characters come as a list, and the echo is a list."""
    found = read({"sequence": ["the", "cat", "<pad>"]}, WORDS)

    assert found.row["sequence"].tolist() == [1, 2, 0]
    assert (found.echo or {})["sequence"] == ["the", "cat", "<pad>"]


def test_whole_numbers_are_symbols_that_are_written_so() -> None:
    """In a list 7 is the symbol "7"; 7.0 and true are none."""
    digits = network(
        'classes = ["a", "b"]\ninput = { alphabet = "0123456789" }\nlayers = ["gru 2", "dense 2"]'
    )

    assert read({"sequence": [7, "0"]}, digits).row["sequence"].tolist() == [7, 0]
    for step in (7.0, True, None, "10", 10):
        assert refused({"sequence": [step]}, digits)[2] == ("body", "sequence", 0)


@pytest.mark.parametrize(
    ("sequence", "asked", "text", "place"),
    [
        ("abx", LETTERS, "Step 3 of the sequence, counted from 1, is not one of 'a', 'b'", (2,)),
        ("", LETTERS, "has 0 steps; it must have 1 to 4096", ()),
        ("a" * 4097, LETTERS, "has 4097 steps", ()),
        (3, LETTERS, "a text or a list of the symbols 'a', 'b', 'c', 'd', 'e'", ()),
        ("the", WORDS, "must be a list of the symbols '<pad>', 'the', 'cat'", ()),
        (["the", "dog"], WORDS, "Step 2", (1,)),
        ("0.5", FEATURES, "a list of steps, each a list of 2 numbers", ()),
        (
            [[1, 2], [1]],
            FEATURES,
            "Step 2 of the sequence, counted from 1, must be 2 numbers",
            (1,),
        ),
        ([[1, 2e6]], FEATURES, "from -1,000,000 to 1,000,000", (0,)),
        ([[1, True]], FEATURES, "Step 1", (0,)),
        ([1, 2], FEATURES, "Step 1", (0,)),
    ],
)
def test_other_steps_are_refused(
    sequence: object, asked: Architecture, text: str, place: tuple[int, ...]
) -> None:
    """The problem has the place of the step and the network's symbols, and no value of the body."""
    kind, detail, location = refused({"sequence": sequence}, asked)

    assert kind == "invalid-sequence"
    assert text in detail
    assert location == ("body", "sequence", *place)
    assert "dog" not in detail
    assert "'x'" not in detail


def test_rows_of_numbers_are_read_as_float32() -> None:
    """Integers and floats of every step reach the network, and the echo gives the same bits."""
    values = np.random.default_rng(0).normal(size=(5, 2))
    found = read({"sequence": values.tolist()}, FEATURES)
    again = read({"sequence": np.asarray((found.echo or {})["sequence"]).tolist()}, FEATURES)

    assert found.row["sequence"].tolist() == values.astype(np.float32).tolist()
    assert again.row["sequence"].tobytes() == found.row["sequence"].tobytes()


def test_a_single_feature_may_be_a_list_of_numbers() -> None:
    """T numbers are T x 1."""
    one = network('classes = ["a", "b"]\ninput = { features = 1 }\nlayers = ["gru 2", "dense 2"]')

    for sequence in ([0.5, 1], [[0.5], [1]]):
        assert read({"sequence": sequence}, one).row["sequence"].tolist() == [[0.5], [1.0]]


def test_states_have_the_names_and_sizes_of_the_layers() -> None:
    """Each layer of a stack has its own states, zeros where the body has none."""
    state = {"gru1.hidden": [1, -1, 0.5, 0], "gru2.hidden": [0.25, 0, 1]}
    found = read({"sequence": "a", "initial_state": state}, LETTERS)
    zero = read({"sequence": "a"}, LETTERS)

    assert {name: found.row[name].tolist() for name in state} == state
    assert {name: zero.row[name].tolist() for name in state} == {
        "gru1.hidden": [0] * 4,
        "gru2.hidden": [0] * 3,
    }
    assert (found.echo or {})["initial_state"] == "given"


@pytest.mark.parametrize(
    ("state", "asked", "text", "place"),
    [
        ({"hidden": [0]}, LETTERS, "not one of gru1.hidden, gru2.hidden", ()),
        ({"gru1.hidden": [0] * 4}, LETTERS, "'gru2.hidden' must be a list of 3", ("gru2.hidden",)),
        (
            {"gru1.hidden": [2, 0, 0, 0], "gru2.hidden": [0] * 3},
            LETTERS,
            "'gru1.hidden' must be a list of 4 numbers from -1 to 1.",
            ("gru1.hidden",),
        ),
        ({"hidden": [2e7, 0, 0]}, FEATURES, "from -16,777,216 to 16,777,216", ("hidden",)),
        (7, FEATURES, "'initial_state' must be an object of hidden.", ()),
    ],
)
def test_other_states_are_refused(
    state: object, asked: Architecture, text: str, place: tuple[str, ...]
) -> None:
    """The problem names the states that the network has, their sizes and bounds."""
    step = "a" if asked is LETTERS else [[0, 0]]
    _, detail, location = refused({"sequence": step, "initial_state": state}, asked)

    assert text in detail
    assert location == ("body", "initial_state", *place)


def test_units_with_a_relu_have_no_bound_of_1() -> None:
    """A state that ReLU units reached continues their run."""
    found = read({"sequence": [[0, 0]], "initial_state": {"hidden": [5.5, 0, 100]}}, FEATURES)

    assert found.row["hidden"].tolist() == [5.5, 0, 100]


def test_a_query_has_symbols_of_one_character() -> None:
    """`?sequence=` is read by the alphabet, up to 1,024 steps."""
    model = ResidentModel("letters", LETTERS, Checkpoint({}, {}, ""))

    assert queried_sequence(SequenceQuery(sequence="edcba"), model).row["sequence"].tolist() == [
        4,
        3,
        2,
        1,
        0,
    ]
    with pytest.raises(Problem, match="1025 steps; it must have 1 to 1024"):
        queried_sequence(SequenceQuery(sequence="a" * 1025), model)
