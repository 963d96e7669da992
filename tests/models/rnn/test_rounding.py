"""Rounding of the served LSTM, measured against the float64 network by length."""

import numpy as np
import pytest

from models.registry import ResidentModel
from tests.oracles.rounding import COMPARED, LENGTHS, Differences, differences, drawn, table


@pytest.fixture(scope="module")
def found(lstm: ResidentModel) -> list[Differences]:
    """Differences of three sequences of each kind, at the steps of the whole length."""
    return [one for bits in drawn(3, 1).values() for one in differences(lstm, bits)]


def test_rounding_stays_far_below_one_count(found: list[Differences]) -> None:
    """After 4,096 steps every cell state is within a thousandth of its size, or of one."""
    for one in found:
        assert one["cell"].shape == (LENGTHS[-1],)
        largest = np.maximum(np.maximum.accumulate(one["largest cell"]), 1)
        assert (one["cell"] < 1e-3 * largest).all()


def test_rounding_is_measured_at_every_step(found: list[Differences], lstm: ResidentModel) -> None:
    """With other weights in float64, a difference shows at the first step and in the table."""
    bits = drawn(1, 2)["coins"][:, :100]
    (same,) = differences(lstm, bits)
    for name in COMPARED:
        assert same[name].max() < 1e-4
        assert same[name].max() > 0

    rows = table(found).splitlines()

    assert [int(row.split()[0]) for row in rows[1:]] == list(LENGTHS)
    largest = max(one["cell"].max() for one in found)
    assert float(rows[-1].split()[1]) == pytest.approx(largest, rel=0.1)
