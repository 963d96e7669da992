import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.output.drawing.numbers import number, padded, span, ticks

EVERY_TIME_THE_SAME = settings(max_examples=200, derandomize=True, database=None)
SENSIBLE = st.floats(-1e9, 1e9, allow_nan=False)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "0"),
        (0.30000000000000004, "0.3"),
        (-2.3456, "-2.35"),
        (123.4, "123"),
        (4096.0, "4096"),
        (1.25e-5, "1.25e-5"),
        (-3e7, "-3e7"),
        (math.nan, "NaN"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
    ],
)
def test_numbers_are_written_short(value: float, words: str) -> None:
    """A number has three significant digits, no noise, and an exponent only where it must."""
    assert words == number(value)


@EVERY_TIME_THE_SAME
@given(low=SENSIBLE, width=st.floats(1e-3, 1e9), most=st.integers(2, 12))
def test_ticks_stay_inside_and_apart(low: float, width: float, most: int) -> None:
    """Ticks lie within the range, evenly apart, and are no more than asked for, ends included."""
    found = [value for value, _ in ticks(low, low + width, most)]
    slack = width * 1e-3 + 1e-6 * abs(low)

    assert len(found) <= most + 1
    assert all(low - slack <= value <= low + width + slack for value in found)
    assert np.ptp(np.diff(found)) <= slack if len(found) > 2 else True


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 1.0), (0.0, 37.0), (-0.02, 0.02)])
def test_ticks_are_written_as_they_are(low: float, high: float) -> None:
    """The label of a tick is its value, distinct from its neighbours' after rounding."""
    assert all(float(words) == pytest.approx(value) for value, words in ticks(low, high, 5))


def test_a_range_of_one_value_has_one_tick() -> None:
    """A range without width neither divides by zero nor repeats itself."""
    assert ticks(2.5, 2.5, 5) == [(2.5, "2.5")]


def test_span_looks_at_finite_values_only() -> None:
    """The span of arrays ignores values that are not finite, and is None without finite values."""
    assert span([np.array([np.nan, 4.0]), np.array([-1.0, -np.inf])]) == (-1.0, 4.0)
    assert span([np.array([np.nan]), np.array([])]) is None


@EVERY_TIME_THE_SAME
@given(value=SENSIBLE)
def test_padding_opens_a_single_value(value: float) -> None:
    """A plot of one value gets a range around it."""
    low, high = padded(value, value)

    assert low < value < high
