import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.output.drawing.numbers import ends, number, padded, span, ticks

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
        (-0.0, "0"),
        (99.96, "100"),
        (999.4, "999"),
        (999.5, "1000"),
        (-999.7, "-1000"),
        (0.0009996, "0.001"),
        (999_999.4, "999999"),
        (999_999.7, "1e6"),
        (1e308, "1e308"),
        (5e-324, "4.94e-324"),
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


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.761594, 0.7615943, ["0.7615940", "0.7615941", "0.7615942", "0.7615943"]),
        (1e6, 1.01e6, ["1e6", "1.002e6", "1.004e6", "1.006e6", "1.008e6", "1.01e6"]),
        (0.0, 2e6, ["0", "5e5", "1e6", "1.5e6", "2e6"]),
        (0.0, 3e-6, ["0", "1e-6", "2e-6", "3e-6"]),
        (-1e-3, 0.0, ["-0.0010", "-0.0008", "-0.0006", "-0.0004", "-0.0002", "0"]),
    ],
)
def test_ticks_have_the_digits_of_their_step(low: float, high: float, words: list[str]) -> None:
    """Values that differ little have more digits, not one label."""
    assert words == [shown for _, shown in ticks(low, high, 5 if high != 0.7615943 else 4)]


@EVERY_TIME_THE_SAME
@given(
    low=st.floats(1e-8, 1e9),
    sign=st.sampled_from([-1, 1]),
    share=st.floats(1e-9, 10.0),
    most=st.integers(2, 8),
)
def test_labels_of_ticks_and_ends_are_distinct(
    low: float, sign: int, share: float, most: int
) -> None:
    """Neighbours have labels of their own, which are their values; so have the ends of a range."""
    first, last = sorted((sign * low, sign * low * (1 + share)))
    found = ticks(first, last, most)

    assert len({words for _, words in found}) == len(found)
    assert len(set(ends(first, last))) == 2
    step = (last - first) / most
    assert all(abs(float(words) - value) < step / 2 for value, words in found)


def test_a_range_of_noise_has_one_tick() -> None:
    """Rounding errors of a number of 16 digits are not shown with 16 digits."""
    assert [words for _, words in ticks(0.1, 0.1 + 3e-17, 5)] == ["0.1"]
    assert ends(0.1, 0.1 + 3e-17) == ("0.1", "0.1")


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


def test_the_widest_range_is_padded_to_finite_ends() -> None:
    """Values of a run that diverges are of any size."""
    most = sys.float_info.max

    assert padded(-most, most) == (-most, most)
    assert ticks(-most, most, 5) == [(-most, number(-most))]
