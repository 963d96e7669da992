"""Tested and certified lengths of weights, as recorded and as computed."""

import numpy as np
import pytest

from models.rnn.certificate import certify
from models.rnn.lengths import LengthLimits, length_limits
from tests.networks import counting_lstm
from tests.oracles.parameters import draw, lstm_shapes


def counting(scale: float = 30.0) -> dict[str, np.ndarray]:
    """Weights of one unit that counts exactly: gates at 1, candidate at ±1."""
    return {
        "cell.dense_i.kernel": np.array([[0, 0, 2 * scale, 0]], np.float32),
        "cell.dense_h.kernel": np.zeros((1, 4), np.float32),
        "cell.dense_h.bias": np.array([scale, scale, -scale, scale], np.float32),
        "readout.kernel": np.array([[-4, 4]], np.float32),
        "readout.bias": np.array([1, -1], np.float32),
    }


@pytest.mark.parametrize("recorded", [None, "2048", True, -5, 0, 2048.0, [1]])
def test_metadata_of_other_origin_is_no_tested_length(recorded):
    """Only a positive integer is a tested length."""
    assert (
        length_limits(counting_lstm(2), draw(lstm_shapes(2), 1), {"tested_length": recorded}).tested
        == 0
    )


def test_a_certified_length_is_computed_and_not_believed():
    """The metadata may state a certificate that the weights do not have."""
    weights = draw(lstm_shapes(2), 1)
    limits = length_limits(
        counting_lstm(2), weights, {"tested_length": 128, "certified_length": 9999}
    )
    assert limits == LengthLimits(128, 0)
    assert limits.longest == 128

    limits = length_limits(counting_lstm(1), counting(), {})
    assert limits == LengthLimits(0, certify(counting_lstm(1), counting()).length)
    assert limits.longest == limits.certified > 4096


def test_weights_that_overflow_the_bounds_certify_nothing():
    """Huge finite weights of a user are served, and prove nothing."""
    weights = {name: value * np.float32(3e37) for name, value in draw(lstm_shapes(3), 2).items()}
    assert all(np.isfinite(value).all() for value in weights.values())
    assert length_limits(counting_lstm(3), weights, {}) == LengthLimits(0, 0)
