"""Numbers on charts: formatting, tick values and ranges."""

import math
import sys
from collections.abc import Iterable

import numpy as np
from jaxtyping import Num

_STEPS = (1, 2, 5, 10)
_SMALL, _HUNDRED, _LARGE = 1e-3, 1e2, 1e6
"""Limits of number formatting: exponents below the first and from the last on, and no decimals
from the second on."""
_MOST_DECIMALS = 5
"""Most decimals of ticks that are below the smallest number without an exponent."""
_MOST = sys.float_info.max
_NOISE = 1e-12
"""Distance of ticks, relative to their size, below which they only show rounding errors."""


def number(value: float) -> str:
    """Format a number on a chart with three significant digits, or all digits before the point.

    >>> number(0.30000000000000004), number(1234.5), number(0.0000125), number(float("nan"))
    ('0.3', '1234', '1.25e-5', 'NaN')
    >>> number(999.7), number(999999.7), number(-0.0)
    ('1000', '1e6', '0')
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "inf" if value > 0 else "-inf"
    # Rounded first: 999.7 has the form of 1000. Adding 0 takes the sign of a negative zero.
    rounded = (round(value, 0) if abs(value) >= _HUNDRED else float(f"{value:.2e}")) + 0.0
    size = abs(rounded)
    if size and not _SMALL <= size < _LARGE:
        return _with_exponent(rounded, 2)
    return f"{rounded:.0f}" if size >= _HUNDRED else f"{rounded:.3g}"


def _with_exponent(value: float, digits: int) -> str:
    """Write a number with an exponent, with at most some digits after the point."""
    mantissa, exponent = f"{value:.{digits}e}".split("e")
    shown = mantissa.rstrip("0").rstrip(".") if digits else mantissa
    return f"{shown}e{int(exponent)}"


def ends(low: float, high: float) -> tuple[str, str]:
    """Write both ends of a range of numbers, with more digits where they would look equal.

    >>> ends(-1.0, 0.3), ends(0.761594, 0.7615943)
    (('-1', '0.3'), ('0.7615940', '0.7615943'))
    """
    found = number(low), number(high)
    if found[0] != found[1] or not _is_wide(high - low, low, high):
        return found
    step = nice_step((high - low) / 2)
    largest = max(abs(low), abs(high))
    return _at_step(low, step, largest), _at_step(high, step, largest)


def _is_wide(apart: float, low: float, high: float) -> bool:
    """Return whether the numbers of a range, at a distance of each other, are not mere noise."""
    return math.isfinite(apart) and apart > _NOISE * max(abs(low), abs(high))


def nice_step(least: float) -> float:
    """Return the smallest round number, 1, 2 or 5 times a power of ten, of at least `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    # The tolerance: rounding must not turn a step into the next larger one.
    return next(power * step for step in _STEPS if power * step >= least * (1 - 1e-9))


def ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """Return about `most` round numbers as ticks from low to high, each with its text."""
    room = (high - low) / most
    if not _is_wide(room, low, high):
        return [(low, number(low))]
    step = nice_step(room)
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    largest = max(abs(first), abs(last)) * step
    return [
        (place * step, _at_step(place * step, step, largest)) for place in range(first, last + 1)
    ]


def _at_step(value: float, step: float, largest: float) -> str:
    """Write a tick with as many digits as the step to the next one has.

    Args:
        value: Value of the tick.
        step: Distance of two ticks.
        largest: Largest magnitude of all ticks, which decides on exponents.
    """
    if not value:
        return "0"
    place = _exponent(step)
    if largest < _LARGE and (largest >= _SMALL or -place <= _MOST_DECIMALS):
        return f"{value:.{max(0, -place)}f}"
    return _with_exponent(value, max(0, _exponent(value) - place))


def _exponent(value: float) -> int:
    """Return the exponent of a number's first digit."""
    return math.floor(math.log10(abs(value)) + 1e-9)


def span(values: Iterable[Num[np.ndarray, "..."]]) -> tuple[float, float] | None:
    """Return minimum and maximum of the finite numbers in arrays; None without any."""
    finite = [kept for each in values if (kept := each[np.isfinite(each)]).size]
    if not finite:
        return None
    return float(min(part.min() for part in finite)), float(max(part.max() for part in finite))


def padded(low: float, high: float, share: float = 0.05) -> tuple[float, float]:
    """Return a range of numbers with padding at both ends, also for a single number."""
    # Of halves: the difference of two numbers may be infinite, and the padded ones.
    padding = (high / 2 - low / 2) * (2 * share) or abs(low) * 0.5 or 1.0
    return max(low - padding, -_MOST), min(high + padding, _MOST)
