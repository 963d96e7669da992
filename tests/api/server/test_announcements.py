"""Announcements of the starting server: the lengths up to which a model's answers are known."""

import pytest

from api.server.announcements import shown_lengths
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
