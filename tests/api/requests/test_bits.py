"""Bits in every spelling that has one meaning, and sentences about the others."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from api.errors.problem import Problem
from api.requests.bits import parse_bits, parse_text
from tests.api.bodies import json_body, sequence_of, told

BITS = [1, 0, 1, 1, 0]


@pytest.mark.parametrize(
    "sequence",
    [
        "1,0,1,1,0",
        "1, 0, 1, 1, 0",
        "1 0 1 1 0",
        "101 10",
        "101\n10\n",
        "\t10110 ",
        "[1, 0, 1, 1, 0]",
        "[1. 0. 1. 1. 0.]",
        "1.0,0.0,1.0,1.0,0.0",
        "true,false,True,TRUE,False",
        "\ufeff10110",
        [1.0, 0.0, 1.0, 1.0, 0.0],
        [True, False, True, True, False],
        [1, 0.0, True, 1, False],
        ["1", "0", "1", "1", "0"],
        ["1.0", "0", "true", 1, "False"],
        ["10110"],
        ["1,0,1,1,0"],
        [[1], [0], [1], [1], [0]],
        [[1.0], [0.0], [1.0], [1.0], [0.0]],
        [[1, 0, 1, 1, 0]],
        [[[1, 0, 1, 1, 0]]],
    ],
)
def test_every_spelling_is_the_same_sequence(sequence: object) -> None:
    """Separators, brackets, floats, booleans, texts, and axes of length 1, as programs write."""
    result = sequence_of(json_body({"sequence": sequence}), 2)

    assert result.sequence.tolist() == BITS
    assert result.sequence.dtype == np.uint8


@given(
    st.lists(st.integers(0, 1), min_size=1, max_size=40),
    st.lists(st.sampled_from(["", " ", ",", ", ", " ,\n", "\t"]), min_size=40, max_size=40),
)
def test_separators_change_nothing(bits: list[int], separators: list[str]) -> None:
    """Any way to separate bits in a text gives the same sequence."""
    text = str(bits[0])
    for bit, separator in zip(bits[1:], separators, strict=False):
        text += f"{separator}{bit}"

    assert parse_text(text).tolist() == bits


@given(st.lists(st.integers(0, 1), min_size=1, max_size=40), st.data())
def test_types_change_nothing(bits: list[int], data: st.DataObject) -> None:
    """Any mixture of integers, floats, booleans and texts gives the same sequence."""
    kinds: st.SearchStrategy[Callable[[int], object]]
    kinds = st.sampled_from([int, float, bool, str, lambda bit: f" {bit} "])

    assert parse_bits([data.draw(kinds)(bit) for bit in bits]).tolist() == bits


@pytest.mark.parametrize(
    ("sequence", "step"),
    [
        ("1,,0", 2),
        (",1", 1),
        ("1,", 2),
        ("10 1,2", 4),
        ("1;0", 2),
        ("10.0", 3),
        ("1.5,0", 2),
        ("[1,0", 1),
        ("[[1,0]]", 1),
        ("yes", 1),
    ],
)
def test_a_text_with_another_meaning_is_refused(sequence: str, step: int) -> None:
    """Steps are counted without separators."""
    text = f"Step {step} of the sequence, counted from 1, is not 0 or 1."

    with pytest.raises(Problem) as caught:
        sequence_of(json_body({"sequence": sequence}), 2)
    assert told(caught.value) == ("invalid-sequence", text, ("body", "sequence", step - 1))


@pytest.mark.parametrize(
    ("sequence", "text"),
    [
        (
            10110,
            (
                "'sequence' must be a text or a list of 0 and 1: write it in quotes, since a "
                "number has no leading zeros."
            ),
        ),
        (
            ["101", "10"],
            (
                "'sequence' is a list of texts: write one text, one bit each, or several sequences "
                "as 'inputs'."
            ),
        ),
        (
            [[1, 0], [0, 1]],
            (
                "'sequence' is a list of lists: it must have the shape T, T x 1 or 1 x T; write "
                "several sequences as 'inputs'."
            ),
        ),
        ([], "The sequence has 0 steps; it must have 1 to 4096."),
        ([[]], "The sequence has 0 steps; it must have 1 to 4096."),
        (" \n", "The sequence has 0 steps; it must have 1 to 4096."),
        ("1 " * 4097, "The sequence has 4097 steps; it must have 1 to 4096."),
        ([1.0] * 4097, "The sequence has 4097 steps; it must have 1 to 4096."),
    ],
    ids=range(8),
)
def test_the_cause_is_named(sequence: object, text: str) -> None:
    """Numbers, several texts and wrong lengths each have their sentence."""
    with pytest.raises(Problem) as caught:
        sequence_of(json_body({"sequence": sequence}), 2)
    kind, detail, location = told(caught.value)

    assert (kind, detail) == ("invalid-sequence", text)
    assert location[:2] == ("body", "sequence")


def test_deeply_nested_lists_are_read_or_refused() -> None:
    """Axes of length 1 may be many; anything else is a problem."""
    for inner, length in ((b"1", 1), (b"1,0", 2)):
        content = b'{"sequence": ' + b"[" * 900 + inner + b"]" * 900 + b"}"
        assert len(sequence_of(json_body(content), 2).sequence) == length


@pytest.mark.parametrize(
    "state",
    [
        {"cell": [[0.5, 1]], "hidden": [[0, 1]]},
        {"cell": [[0.5], [1]], "hidden": [[0], [1.0]]},
    ],
)
def test_states_may_have_axes_of_length_1(state: object) -> None:
    """A state of the shape 1 x units or units x 1 is that of its numbers."""
    found = sequence_of(json_body({"sequence": "1", "initial_state": state}), 2).initial_state

    assert found is not None
    assert (found["cell"].tolist(), found["hidden"].tolist()) == ([0.5, 1.0], [0.0, 1.0])


@pytest.mark.parametrize("query", ["1,0,1", "1%200%201", "1+0+1", "%5B1,0,1%5D", "1%0A01%0A"])
def test_a_query_takes_the_same_spellings(query: str, client: TestClient) -> None:
    """The answer is that of the bits alone, and shows them as the server read them."""
    answer = client.get(f"/lstm/predict?sequence={query}")

    assert answer.content == client.get("/lstm/predict?sequence=101").content
    assert answer.json()["input"]["sequence"] == "101"
