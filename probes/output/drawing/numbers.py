"""Numbers as people read them: short, and at round steps."""

import math
from collections.abc import Iterable

import numpy as np
from jaxtyping import Num

_STEPS = (1, 2, 5, 10)
_SMALL, _THOUSAND, _LARGE = 1e-3, 1e3, 1e6
"""Below and from there on a number is written with an exponent, or without decimals."""
_MOST_DECIMALS = 5


def number(value: float) -> str:
    """Return a number in three significant digits, or all digits before the point.

    >>> number(0.30000000000000004), number(1234.5), number(0.0000125), number(float("nan"))
    ('0.3', '1234', '1.25e-5', 'NaN')
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "inf" if value > 0 else "-inf"
    size = abs(value)
    if size and not _SMALL <= size < _LARGE:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return f"{value:.0f}" if size >= _THOUSAND else f"{value:.3g}"


def nice_step(least: float) -> float:
    """Return the smallest of 1, 2, 5 and their powers of ten that is at least so much."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * step for step in _STEPS if power * step >= least * (1 - 1e-9))


def ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """Return round values from low to high and how each is written; at most about `most`."""
    room = (high - low) / most
    if not (room > 0 and math.isfinite(room)):
        return [(low, number(low))]
    step = nice_step(room)
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    return [(place * step, _at_step(place * step, step)) for place in range(first, last + 1)]


def _at_step(value: float, step: float) -> str:
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if decimals > _MOST_DECIMALS or abs(value) >= _LARGE:
        return number(value)
    return f"{value + 0.0:.{decimals}f}" if value else "0"


def span(values: Iterable[Num[np.ndarray, "..."]]) -> tuple[float, float] | None:
    """Return the least and the greatest finite number of several arrays; None without any."""
    finite = [kept for each in values if (kept := each[np.isfinite(each)]).size]
    if not finite:
        return None
    return float(min(part.min() for part in finite)), float(max(part.max() for part in finite))


def padded(low: float, high: float, share: float = 0.05) -> tuple[float, float]:
    """Return a range with a little air at both ends, also where it was a single value."""
    air = (high - low) * share or abs(low) * 0.5 or 1.0
    return low - air, high + air
