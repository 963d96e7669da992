"""Interchange interventions on an LSTM: runs in float64 with values of other runs, and lines."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from models.runtime.cancellation import raise_if_cancelled
from probes.rnn.float64_cell import LSTMCell, counting_cell

Bits = UInt8[np.ndarray, "sequences time"]
Values = Float[np.ndarray, "sequences time units"]
State = Float[np.ndarray, "sequences units"]

PAIRS = 256
"""Interchange pairs of sequences; an even number, as a line is fitted on every other one."""

STEPS = 64
SWAPPED_STEP = STEPS // 2
"""Step of an interchange after which two runs exchange states: half of the sequence is read."""

SEED = 2026
TRIES = 64
"""First halves that are drawn for the second sequence of an interchange pair."""


class Pairs(NamedTuple):
    """Interchange pairs: sequences of fair coins with one second half and different answers."""

    own: Bits
    other: Bits


@cache
def pairs() -> Pairs:
    """Draw the interchange pairs, the same at each call.

    Where one sequence of a pair has more ones, the other has not, so that the answer to an
    exchanged run tells whose first half it follows, and a constant answer follows each as often.
    """
    random = np.random.default_rng(SEED)
    # Some second halves are so uneven that none of the first halves changes the answer.
    number = PAIRS + PAIRS // 2
    own = random.integers(0, 2, (number, STEPS), np.uint8)
    drawn = random.integers(0, 2, (number, TRIES, SWAPPED_STEP), np.uint8)
    rest = margin(own[:, SWAPPED_STEP:])
    differs = (margin(drawn) + rest[:, None] > 0) != (margin(own) > 0)[:, None]
    first = drawn[np.arange(number), differs.argmax(axis=1)]
    other = np.concatenate([first, own[:, SWAPPED_STEP:]], axis=1)
    found = differs.any(axis=1)
    return Pairs(own[found][:PAIRS], other[found][:PAIRS])


def margin(bits: UInt8[np.ndarray, "*rows time"]) -> Int[np.ndarray, "*rows"]:
    """Return the margin, ones minus zeros, of each sequence of an interchange."""
    return np.asarray(2 * bits.sum(axis=-1, dtype=np.int64) - bits.shape[-1])


class Trace(NamedTuple):
    """Trace of an LSTM's run in an interchange: gates, candidate and states after each step."""

    input_gate: Values
    forget_gate: Values
    candidate: Values
    output_gate: Values
    cell: Values
    hidden: Values


@dataclass(frozen=True, eq=False)
class HostLSTM:
    """LSTM with its readout in float64 on the host, for interchange interventions.

    Attributes:
        cell: The LSTM cell.
        kernel: Weights of the readout, to "no" and "yes".
        bias: Bias of the readout.
    """

    cell: LSTMCell
    kernel: Float[np.ndarray, "units 2"]
    bias: Float[np.ndarray, "2"]

    @classmethod
    def of(cls, weights: Mapping[str, np.ndarray]) -> "HostLSTM":
        """Build the LSTM of an interchange from weights by the shipped network's names."""
        kernel, bias = (weights[f"readout.{name}"] for name in ("kernel", "bias"))
        return cls(counting_cell(weights), kernel.astype(np.float64), bias.astype(np.float64))

    def run(
        self,
        bits: Bits,
        cell: State | None = None,
        hidden: State | None = None,
        given: Float[np.ndarray, "sequences given units"] | None = None,
    ) -> Trace:
        """Run the LSTM of an interchange over sequences of one length.

        Args:
            bits: Sequences.
            cell: Cell state before the first step; zero without one.
            hidden: Hidden state before the first step; zero without one.
            given: Hidden state of another run after each of the first steps, which replaces the
                run's own for the next step and for the readout.
        """
        zeros = np.zeros((len(bits), self.cell.units))
        cell, hidden = (zeros if one is None else one for one in (cell, hidden))
        steps = []
        for step, inputs in enumerate(bits.T):
            i, f, g, o = self.cell.gates(hidden, inputs[:, None].astype(np.float64))
            cell = f * cell + i * g
            hidden = o * np.tanh(cell)
            if given is not None and step < given.shape[1]:
                hidden = given[:, step]
            steps.append((i, f, g, o, cell, hidden))
        return Trace(*(np.stack(values, axis=1) for values in zip(*steps, strict=True)))

    def yes(self, hidden: Float[np.ndarray, "*rows units"]) -> Bool[np.ndarray, "*rows"]:
        """Return whether the readout of an interchange's LSTM answers yes to hidden states."""
        logits = hidden @ self.kernel + self.bias
        return np.asarray(logits[..., 1] > logits[..., 0])


def exchanged(own: Trace, other: Trace, names: Collection[str]) -> Trace:
    """Recompute a run with some of its gates, or its candidate, from another run.

    All gates and candidates are those of unedited runs, which no state feeds back to: only the
    cell and the hidden state are computed again.

    Args:
        own: Run of the values that are not named.
        other: Run of the values that are named, step by step.
        names: Values to exchange, of `input_gate`, `forget_gate`, `candidate` and `output_gate`.
    """
    mixed = own._replace(**{name: getattr(other, name) for name in names})
    cell = np.zeros_like(own.cell[:, 0])
    cells = np.empty_like(own.cell)
    written = mixed.input_gate * mixed.candidate
    for step in range(cells.shape[1]):
        raise_if_cancelled()
        cell = mixed.forget_gate[:, step] * cell + written[:, step]
        cells[:, step] = cell
    return mixed._replace(cell=cells, hidden=mixed.output_gate * np.tanh(cells))


@dataclass(frozen=True, eq=False)
class Line:
    """Line from states to a quantity, by least squares: a linear readout of an interchange.

    Attributes:
        mean: Mean of the fitted states.
        weights: Change of the quantity with each entry of the states.
        height: Mean of the fitted quantity.
    """

    mean: Float[np.ndarray, " entries"]
    weights: Float[np.ndarray, " entries"]
    height: float

    @classmethod
    def fit(cls, states: np.ndarray, quantity: np.ndarray) -> "Line":
        """Fit the line of an interchange to states and the quantity that belongs to each."""
        rows, wanted = states.reshape(-1, states.shape[-1]), quantity.reshape(-1)
        mean, height = rows.mean(axis=0), float(wanted.mean())
        centred = rows - mean
        # By normal equations, as rows are many and entries few. Directions of negligible variance
        # are left out, in which a line would fit rounding.
        inverse = np.linalg.pinv(centred.T @ centred, rcond=1e-12, hermitian=True)
        return cls(mean, inverse @ (centred.T @ (wanted - height)), height)

    def __call__(self, states: Float[np.ndarray, "*rows entries"]) -> Float[np.ndarray, "*rows"]:
        """Return the quantity that the line of an interchange reads from states."""
        return np.asarray((states - self.mean) @ self.weights + self.height)


FITTED, TESTED = slice(0, None, 2), slice(1, None, 2)
"""Sequences of an interchange that lines are fitted on, and others that they are tested on."""


def explained(states: np.ndarray, quantity: np.ndarray) -> float:
    """Return R² of an interchange's line on sequences that it was not fitted on; at least 0."""
    line = Line.fit(states[FITTED], quantity[FITTED])
    return r2(quantity[TESTED], line(states[TESTED]))


def r2(quantity: np.ndarray, read: np.ndarray) -> float:
    """Return R² of a reading in an interchange; 0 where it is no better than the mean."""
    rest, variance = ((quantity - read) ** 2).sum(), ((quantity - quantity.mean()) ** 2).sum()
    return max(0.0, 1.0 - float(rest / variance)) if variance else 0.0


def shared(read: np.ndarray, quantity: np.ndarray) -> float:
    """Return the squared correlation of a reading with a quantity; 0 for a constant reading."""
    if read.std() <= 1e-9 * (1.0 + abs(read.mean())):
        return 0.0
    return float(np.corrcoef(read.ravel(), quantity.ravel())[0, 1]) ** 2
