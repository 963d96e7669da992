"""Announcements of the starting server: known lengths, and commands to try."""

import pytest

from api.server.announcements import examples, shown_lengths
from models.rnn.lengths import LengthLimits


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (LengthLimits(0, 0), "; no length of sequences was tested"),
        (LengthLimits(2048, 0), ", tested up to 2,048 steps"),
        (LengthLimits(0, 5), ", certified up to 5 steps"),
        (LengthLimits(4096, 9000), ", tested up to 4,096 steps, certified up to 9,000 steps"),
    ],
)
def test_known_lengths_are_told_as_tested_or_certified(limits: LengthLimits, text: str) -> None:
    """A length that is neither is not claimed."""
    assert shown_lengths(limits) == text


def test_commands_to_try_are_about_networks_that_are_served() -> None:
    """The user's first network, and those that ship; without these no path of theirs."""
    url = "http://127.0.0.1:9"
    own = [f"  curl {url}/models/mine"]

    every = list(examples(url, {"mine": False, "other": False, "cnn": True, "lstm": True}))

    assert every[:1] == own
    assert len(every) == 3
    assert "/lstm/gates" in every[1]
    assert "/cnn/predict" in every[2]
    assert list(examples(url, {"mine": False, "other": False})) == own
    assert not any("mine" in text for text in examples(url, {"cnn": True, "lstm": True}))
