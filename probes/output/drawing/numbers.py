"""Numbers on charts: formatting, tick values and ranges."""

import math
from collections.abc import Iterable

import numpy as np
from jaxtyping import Num

_STEPS = (1, 2, 5, 10)
_SMALL, _THOUSAND, _LARGE = 1e-3, 1e3, 1e6
"""Limits of number formatting: exponents below the first and from the last on, and no decimals
from the second on."""
_MOST_DECIMALS = 5


def number(value: float) -> str:
    """Format a number on a chart with three significant digits, or all digits before the point.

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
    """Return the smallest round number, 1, 2 or 5 times a power of ten, of at least `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    # The tolerance: rounding must not turn a step into the next larger one.
    return next(power * step for step in _STEPS if power * step >= least * (1 - 1e-9))


def ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """Return about `most` round numbers as ticks from low to high, each with its text."""
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
    """Return minimum and maximum of the finite numbers in arrays; None without any."""
    finite = [kept for each in values if (kept := each[np.isfinite(each)]).size]
    if not finite:
        return None
    return float(min(part.min() for part in finite)), float(max(part.max() for part in finite))


def padded(low: float, high: float, share: float = 0.05) -> tuple[float, float]:
    """Return a range of numbers with padding at both ends, also for a single number."""
    padding = (high - low) * share or abs(low) * 0.5 or 1.0
    return low - padding, high + padding
