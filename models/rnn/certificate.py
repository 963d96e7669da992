"""Certificate of a counting LSTM: a length up to which it answers every bit sequence correctly.

Intervals in float64 bound each gate over all hidden states in [-1, 1], and with them the change of
a cell state for each bit. Of a unit with forget gate near 1 and a nearly constant change they bound
the distance of its cell state from a multiple of the count, after any sequence of a length; and of
all other units the contribution to the logits. Every sequence is answered correctly as long as both
together cannot move the logit difference across zero.

References:
    Weiss, Goldberg & Yahav (2018), On the practical computational power of finite precision RNNs
    for language recognition: LSTMs count with gates at 1 and a candidate at ±1. Interval
    arithmetic: Moore, Kearfott & Cloud (2009), Introduction to interval analysis, chapter 2.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float

from models.architecture import Architecture
from models.rnn.counting import CountingWeights, counting_weights

LONGEST = 2**24
"""Longest certified length: beyond it a float32 counter no longer represents each integer."""

MAX_COUNTERS = 2
"""Largest number of counting units that a certificate is computed with."""

ROUNDING = 2.0**-24
"""Largest relative rounding error of one float32 operation."""

UNDERFLOW = 2.0**-126
"""Largest absolute error of a float32 operation whose result is subnormal: it may become 0."""

LARGEST_WEIGHT = 1e30
"""Largest weight that is certified: sums of larger ones may overflow in float32."""

SIGMOID_ERROR, TANH_ERROR = 8 * ROUNDING, 16 * ROUNDING
"""Absolute errors of σ and tanh in float32 that a certificate allows for.

Largest seen of the compiled functions on a CPU: 1.5 and 4.6 roundings.
"""

SATURATED_SIGMOID, SATURATED_TANH = 17.5, 9.25
"""Weighted sums from which σ and tanh of a certificate are exactly 1 in float32."""

Ends = Float[np.ndarray, "ends *shape"]
"""Interval bounds of a certificate: lower ends, then upper ends."""


@dataclass(frozen=True, eq=False)
class UnitBounds:
    """Interval bounds of every unit of an LSTM over all hidden states, for a certificate.

    Attributes:
        gates: Bounds of i, f, the candidate g and o, for inputs 0 and 1.
        change: Bounds of i · g, the change of the cell state but for forgetting, for inputs 0
            and 1.
        step: Mean change of the cell state for a 1, and of a 0 with the opposite sign.
        deviation: Largest distance of a change from ±step.
        leak: Largest share of the cell state that one step forgets.
        readout: Weight of the hidden state in the logit difference yes − no.
        share: Largest contribution of the hidden state to the logit difference.
    """

    gates: Float[np.ndarray, "ends gates inputs units"]
    change: Float[np.ndarray, "ends inputs units"]
    step: Float[np.ndarray, " units"]
    deviation: Float[np.ndarray, " units"]
    leak: Float[np.ndarray, " units"]
    readout: Float[np.ndarray, " units"]
    share: Float[np.ndarray, " units"]


@dataclass(frozen=True, eq=False)
class Certificate:
    """Certificate of a counting LSTM: the certified length, and the bounds that it follows from.

    Attributes:
        length: Length up to which every sequence is answered correctly, at most 2^24; 0 where
            the bounds prove nothing.
        counters: Units whose cell states carry the count in this proof; none at length 0.
        error: Largest distance of each counter from its multiple of the count, in counts, after
            any sequence of the certified length that ends with equally many 1s and 0s.
        logits: Bounds of the logit difference yes − no after any such sequence of the certified
            length: largest with a tie (below 0), smallest with one 1 more (above 0).
        bounds: Interval bounds of every unit.
    """

    length: int
    counters: tuple[int, ...]
    error: tuple[float, ...]
    logits: tuple[float, float]
    bounds: UnitBounds


def certify(architecture: Architecture, weights: Mapping[str, np.ndarray]) -> Certificate:
    """Compute the certificate of a counting LSTM: the largest length that its bounds prove.

    It holds for the zero initial state, inputs 0.0 and 1.0, and float32 arithmetic with rounding
    errors of at most those stated here, for any order of sums. Weights that are not finite, or
    beyond `LARGEST_WEIGHT`, are not certified.

    Args:
        architecture: Architecture of a network of one LSTM layer and a readout, which counts bits.
        weights: Parameters by name.

    Raises:
        ValueError: The network has other layers.
    """
    counted = counting_weights(architecture, weights)
    bounds = unit_bounds(counted)
    bias = counted.readout_bias.astype(np.float64)
    offset, rounding = float(bias[1] - bias[0]), readout_rounding(counted)
    best = Certificate(0, (), (), (np.inf, -np.inf), bounds)
    # A comparison with NaN is false too.
    if not all((np.abs(value) <= LARGEST_WEIGHT).all() for value in weights.values()):
        return best
    for counters in _candidates(bounds):
        proof = _Proof(bounds, counters, offset, rounding)
        if (length := proof.longest()) > best.length:
            best = Certificate(length, counters, *proof.at(length), bounds)
    return best


def unit_bounds(counted: CountingWeights) -> UnitBounds:
    """Bound gates, changes and readout of every unit over hidden states in [-1, 1]."""
    from_input, from_hidden, bias, kernel, _ = (one.astype(np.float64) for one in counted)
    gates = _gate_bounds(from_input, from_hidden, bias)
    change = _product(gates[:, 0], gates[:, 2])
    # Of the four ends: those of a 1 count up, those of a 0 count down.
    step = (change[0, 1] + change[1, 1] - change[0, 0] - change[1, 0]) / 4
    apart = np.abs(change - np.stack([-step, step]))
    readout = kernel[:, 1] - kernel[:, 0]
    return UnitBounds(
        gates,
        change,
        step,
        apart.max(axis=(0, 1)),
        1.0 - gates[0, 1].min(axis=0),
        readout,
        np.abs(readout) * gates[1, 3].max(axis=0) * (1 + TANH_ERROR),
    )


def _gate_bounds(
    from_input: Float[np.ndarray, " sums"],
    from_hidden: Float[np.ndarray, "units sums"],
    bias: Float[np.ndarray, " sums"],
) -> Float[np.ndarray, "ends gates inputs units"]:
    """Bound the gates of each unit for inputs 0 and 1, with the rounding of the weighted sums."""
    reach = np.abs(from_hidden).sum(axis=0) * (1 + TANH_ERROR)
    size = np.abs(from_input) + reach + np.abs(bias)
    # Each of the units + 2 additions and the products rounds once.
    reach = reach + (len(from_hidden) + 4) * ROUNDING * size
    centre = np.stack([bias, bias + from_input])
    sums = np.stack([centre - reach, centre + reach]).reshape(2, 2, 4, -1)
    i, f, g, o = np.moveaxis(sums, 2, 0)
    bounded = [_sigmoid_bounds(i), _sigmoid_bounds(f), _tanh_bounds(g), _sigmoid_bounds(o)]
    return np.stack(bounded, axis=1)


def _sigmoid_bounds(sums: Ends) -> Ends:
    """Bound σ in float32 from the ends of its argument."""
    exact = 0.5 * (1.0 + np.tanh(0.5 * sums))
    error = SIGMOID_ERROR * np.array([-1.0, 1.0]).reshape(2, *[1] * (sums.ndim - 1))
    return np.where(sums >= SATURATED_SIGMOID, 1.0, np.clip(exact + error, 0.0, 1.0))


def _tanh_bounds(sums: Ends) -> Ends:
    """Bound tanh in float32 from the ends of its argument."""
    error = TANH_ERROR * np.array([-1.0, 1.0]).reshape(2, *[1] * (sums.ndim - 1))
    near = np.clip(np.tanh(sums) + error, -1.0, 1.0)
    return np.asarray(np.where(np.abs(sums) >= SATURATED_TANH, np.sign(sums), near))


def _product(one: Ends, other: Ends) -> Ends:
    """Bound the product of two intervals, of which the first has no negative values."""
    ends = one[:, None] * other[None]
    low, high = ends.min(axis=(0, 1)), ends.max(axis=(0, 1))
    size = ROUNDING * np.maximum(np.abs(low), np.abs(high))
    # Products of ±1 are exact.
    size = np.where((low == high) & (np.abs(low) == 1.0), 0.0, size)
    return np.stack([low - size, high + size])


def readout_rounding(counted: CountingWeights) -> float:
    """Bound the float32 rounding error of the logit difference, for a certificate."""
    size = np.abs(counted.readout).sum() + np.abs(counted.readout_bias).sum()
    # Of each term: tanh, its product with a gate, the weight, the sum over units.
    operations = len(counted.readout) + 32
    # Of both logits: each weight, each product, each sum.
    return float(operations * (ROUNDING * size + 4 * UNDERFLOW))


def _candidates(bounds: UnitBounds) -> Iterator[tuple[int, ...]]:
    """Yield sets of units that may count: opposite changes for 0 and 1, and a readout of them."""
    sign = np.sign(bounds.step)
    opposite = bounds.deviation < np.abs(bounds.step)
    able = np.flatnonzero(opposite & (bounds.readout * sign > 0))
    for size in range(1, MAX_COUNTERS + 1):
        yield from combinations(able.tolist(), size)


class _Proof:
    """Proof that an LSTM answers correctly, with given counting units, as a function of length.

    Args:
        bounds: Interval bounds of every unit.
        counters: Counting units; all others count as disturbance.
        offset: Difference of the readout's biases.
        rounding: Bound of the rounding error of the logit difference.
    """

    def __init__(
        self, bounds: UnitBounds, counters: tuple[int, ...], offset: float, rounding: float
    ) -> None:
        of = list(counters)
        self._step = np.abs(bounds.step[of])[:, None]
        self._deviation = bounds.deviation[of][:, None]
        self._leak = bounds.leak[of][:, None]
        self._readout = np.abs(bounds.readout[of])[:, None]
        gates = bounds.gates[:, 3][..., of]
        self._least, self._most = gates[0].min(axis=0)[:, None], gates[1].max(axis=0)[:, None]
        others = np.delete(bounds.share, of).sum()
        self._high, self._low = offset + others + rounding, offset - others - rounding

    def longest(self) -> int:
        """Return the largest length that the proof covers, by bisection; 0 if it covers none."""
        if not self._holds(1):
            return 0
        if self._holds(LONGEST):
            return LONGEST
        low, high = 1, LONGEST
        # The errors grow with the length.
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._holds(middle) else (low, middle)
        return low

    def at(self, length: int) -> tuple[tuple[float, ...], tuple[float, float]]:
        """Return a proof's errors with a tie, in counts, and bounds of the logit difference."""
        tie, one = np.zeros(1), np.ones(1)
        # A cell state changes by `step` for each count.
        error = tuple((self.errors(length, tie) / self._step)[:, 0].tolist())
        highest = self.bound(length, tie, tie, upper=True)
        lowest = self.bound(length, one, one, upper=False)
        return error, (float(highest[0]), float(lowest[0]))

    def _holds(self, length: int) -> bool:
        """Tell whether the proof covers every margin after sequences of a length."""
        # Blocks of margins [2^k, 2^(k+1)): the smallest count with the largest error of the block.
        first = 2.0 ** np.arange(length.bit_length())
        last = np.minimum(2 * first - 1, length)
        yes = self.bound(length, first, last, upper=False) > 0
        no = self.bound(length, np.append(0, -first), np.append(0, last), upper=True) < 0
        return bool(yes.all() and no.all())

    def bound(
        self,
        length: int,
        margin: Float[np.ndarray, " margins"],
        last: Float[np.ndarray, " margins"],
        *,
        upper: bool,
    ) -> Float[np.ndarray, " margins"]:
        """Bound the logit difference from above or from below.

        Args:
            length: Length of the sequences.
            margin: Ones minus zeros; of a block of margins the one nearest to 0.
            last: Largest magnitude in the block of each margin, of which the errors are taken.
            upper: Whether the bound is the upper one.
        """
        away = self.errors(length, last)
        state = np.tanh(self._step * margin + (away if upper else -away))
        gate = np.where((state > 0) == upper, self._most, self._least)
        others = self._high if upper else self._low
        return np.asarray((self._readout * gate * state).sum(axis=0) + others)

    def errors(
        self, length: int, margin: Float[np.ndarray, " margins"]
    ) -> Float[np.ndarray, "counters margins"]:
        """Bound the distance of each counter's cell state from step · margin.

        The error e of step s obeys |e'| ≤ (1 + κ) |e| + deviation + κ · step · |n|, where κ is the
        share of the state lost by forgetting and rounding, and n the margin so far, which is at
        most min(s, |margin| + length − s).
        """
        # A change of exactly ±1 with a forget gate of exactly 1 is exact up to 2^24.
        exact = (self._leak == 0) & (self._deviation == 0) & (self._step == 1)
        kappa = np.where(exact, 0.0, self._leak + 3 * ROUNDING)
        deviation = self._deviation + np.where(exact, 0.0, ROUNDING * self._step)
        margin = np.asarray(margin, np.float64)
        peak = (length + margin) / 2
        passed = peak**2 - margin**2 / 2 + peak + margin
        grown = np.exp(np.minimum(length * kappa, 100.0))
        return np.asarray(grown * (length * deviation + kappa * self._step * passed))
