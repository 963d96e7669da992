"""Command that tests the wheel: its selection of tests."""

import pytest

from tests.wheel.__main__ import SELECTED, selected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], [*SELECTED]),
        (["-k", "colours"], [*SELECTED, "-k", "colours"]),
        (["tests/api/routes", "-k", "colours"], ["tests/api/routes", "-k", "colours"]),
    ],
)
def test_flags_alone_leave_the_selection(arguments: list[str], expected: list[str]) -> None:
    """Only paths replace the selected tests."""
    assert list(selected(arguments)) == expected
