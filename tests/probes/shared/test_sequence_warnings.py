"""Warnings about the length of a sequence, from its steps and the lengths that are known."""

import pytest

from models.rnn.lengths import LengthLimits
from probes.shared.input_warnings import InputWarning, sequence_warnings

TESTED, CERTIFIED = LengthLimits(1024, 5), LengthLimits(128, 4096)


@pytest.mark.parametrize(
    ("steps", "before", "limits"),
    [
        (1, 0, TESTED),
        (1024, 0, TESTED),
        (24, 1000, TESTED),
        (4096, 0, CERTIFIED),
        (1, 4095, CERTIFIED),
        (7, 0, LengthLimits(0, 7)),
    ],
)
def test_a_sequence_of_a_known_length_has_no_warning(steps, before, limits):
    """Up to the longer of the tested and the certified length, that one included, none is given."""
    assert sequence_warnings(steps, before, limits) == []


@pytest.mark.parametrize(
    ("steps", "before", "limits", "message"),
    [
        (
            1025,
            0,
            TESTED,
            (
                "The sequence has 1,025 steps; the network was tested on sequences of up to "
                "1,024, so its answer may be wrong."
            ),
        ),
        (
            25,
            1000,
            TESTED,
            (
                "The sequence has 1,025 steps, with the 1,000 before its initial state; the "
                "network was tested on sequences of up to 1,024, so its answer may be wrong."
            ),
        ),
        (
            1,
            4096,
            CERTIFIED,
            (
                "The sequence has 4,097 steps, with the 4,096 before its initial state; the "
                "network's answers are certified for sequences of up to 4,096, so its answer "
                "may be wrong."
            ),
        ),
    ],
)
def test_a_longer_sequence_warns_with_the_sum_and_the_limit(steps, before, limits, message):
    """Steps before the initial state count; the message names the limit as tested or certified."""
    assert sequence_warnings(steps, before, limits) == [InputWarning("long-sequence", message)]


def test_unknown_steps_warn_at_any_length():
    """After an unknown number of steps one more may be too many; the message has the way out."""
    (warning,) = sequence_warnings(1, None, TESTED)
    assert warning.code == "unknown-length"
    assert "which `initial_steps` states" in warning.message
    assert "tested on sequences of up to 1,024" in warning.message


@pytest.mark.parametrize("before", [0, 7, None])
def test_weights_without_any_known_length_warn_at_every_length(before):
    """Without a test and a certificate there is one warning, after any number of steps."""
    (warning,) = sequence_warnings(1, before, LengthLimits(0, 0))
    assert warning.code == "untested"
    assert "No test of these weights" in warning.message


def test_the_subject_of_the_message_is_given():
    """The second input of an intervention is named."""
    (warning,) = sequence_warnings(2000, 0, TESTED, "source")
    assert warning.message.startswith("The source has 2,000 steps;")
