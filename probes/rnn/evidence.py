"""Evidence for the findings about an LSTM: three interchange experiments, and their references."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float

from models.rnn.structured_sequences import margins
from models.runtime.cancellation import raise_if_cancelled
from probes.rnn.interchange import (
    FITTED,
    STEPS,
    SWAPPED_STEP,
    TESTED,
    HostLSTM,
    Line,
    Trace,
    exchanged,
    explained,
    margin,
    pairs,
    r2,
    shared,
)

GATE_SETS: Mapping[str, tuple[str, ...]] = {
    "all gates": ("input_gate", "forget_gate", "output_gate"),
    "input gate": ("input_gate",),
    "forget gate": ("forget_gate",),
}
"""Gates that the evidence about an LSTM exchanges; the output gate alone does not change a cell."""

LATE = slice(STEPS - 16, None)
"""Steps whose states the evidence about gates reads: the last 16."""

SETTLED = slice(16, None)
"""Steps whose hidden states the evidence about context reads: those after the first 16."""

NEAR = 2
"""Largest margin of the states in which the evidence about context reads the margin."""

REPLACED_STEPS = (1, 4, 16)
"""Numbers of steps for which the evidence about context replaces the hidden state."""

MOST_UNTRAINED, LEAST_UNTRAINED = 20, 5
"""Untrained networks whose evidence is the reference of an LSTM's findings, by its size."""

UNTRAINED_UNITS = 320
"""Units of all untrained networks together, above 16 units each: bounds the time of references."""

LONGEST = 31.0
"""Longest time constant, in steps, that half of the untrained networks begin with."""


@dataclass(frozen=True)
class GateEvidence:
    """Evidence of whether gates decide the memory: gates of one run, candidates of another.

    Attributes:
        counted: R² of the margin that a line reads from cell states of unedited runs.
        gates: Share of the variance of that reading, with gates exchanged, that follows the
            sequence of the gates; by set of gates.
        candidate: The share that follows the sequence of the candidate.
        refit_gates: R² of the gates' margin by a line fitted to runs with all gates exchanged.
        refit_candidate: R² of the candidate's margin by such a line.
        answers: Share of the answers, of those that differ, that follow the gates' sequence.
    """

    counted: float
    gates: tuple[float, ...]
    candidate: tuple[float, ...]
    refit_gates: float
    refit_candidate: float
    answers: float


@dataclass(frozen=True)
class StateEvidence:
    """Evidence of which state holds the memory: two runs exchange one of them half way.

    Attributes:
        right: Accuracy of the unedited runs.
        cell: Share of the answers that follow the first half of the cell state's run; the others
            follow that of the hidden state's run.
        read_cell: Partial R² of the margin of the cell state's first half, by a line on the final
            cell state, with the other half and the other run known.
        read_hidden: Partial R² of the margin of the hidden state's first half.
    """

    right: float
    cell: float
    read_cell: float
    read_hidden: float


@dataclass(frozen=True)
class ContextEvidence:
    """Evidence of the context in hidden states: quantities that a line reads from them.

    Attributes:
        near: R² of the margin, in states with a margin of -2 to 2.
        read: R² of other quantities, by name.
    """

    near: float
    read: Mapping[str, float]


def trace(network: HostLSTM) -> Trace:
    """Run an LSTM on the first sequences of all pairs: the unedited runs of its evidence."""
    return network.run(pairs().own)


def gate_evidence(network: HostLSTM, unedited: Trace) -> GateEvidence:
    """Measure whether the cell state's count follows the gates or the candidate of a mixed run."""
    fitted, tested = (_part(unedited, part) for part in (FITTED, TESTED))
    count = margins(pairs().own).astype(np.float64)
    line = Line.fit(fitted.cell[:, LATE], count[FITTED, LATE])
    # The gates of a sequence are those of its neighbour, which is independent of it.
    donor, donated = _rolled(tested), np.roll(count[TESTED], 1, axis=0)[:, LATE]
    own = count[TESTED, LATE]
    read = [line(exchanged(tested, donor, names).cell[:, LATE]) for names in GATE_SETS.values()]
    mixed = exchanged(unedited, _rolled(unedited), GATE_SETS["all gates"])
    gates = np.roll(count, 1, axis=0)
    yes, differ = network.yes(mixed.hidden[:, -1]), (gates[:, -1] > 0) != (count[:, -1] > 0)
    return GateEvidence(
        r2(own, line(tested.cell[:, LATE])),
        tuple(shared(one, donated) for one in read),
        tuple(shared(one, own) for one in read),
        explained(mixed.cell[:, LATE], gates[:, LATE]),
        explained(mixed.cell[:, LATE], count[:, LATE]),
        float((yes == (gates[:, -1] > 0))[differ].mean()),
    )


def state_evidence(network: HostLSTM, unedited: Trace) -> StateEvidence:
    """Measure whose first half a run follows: that of its cell state or of its hidden state."""
    own, other = pairs()
    read, rest = SWAPPED_STEP - 1, own[:, SWAPPED_STEP:]
    first = network.run(other[:, :SWAPPED_STEP])
    mixed = [
        network.run(rest, unedited.cell[:, read], first.hidden[:, read]),
        network.run(rest, first.cell[:, read], unedited.hidden[:, read]),
    ]
    truth = margin(own) > 0
    # The answers to the two sequences of a pair differ.
    follows = [
        network.yes(one.hidden[:, -1]) == (truth ^ second) for second, one in enumerate(mixed)
    ]
    final = np.concatenate([one.cell[:, -1] for one in mixed])
    halves = [margin(bits[:, :SWAPPED_STEP]).astype(np.float64) for bits in (own, other)]
    held, shown = np.concatenate(halves), np.concatenate(halves[::-1])
    after = np.tile(margin(rest).astype(np.float64), 2)
    return StateEvidence(
        float((network.yes(unedited.hidden[:, -1]) == truth).mean()),
        float(np.mean(follows)),
        _partial(final, held, np.stack([shown, after], axis=1)),
        _partial(final, shown, np.stack([held, after], axis=1)),
    )


def context_evidence(unedited: Trace) -> ContextEvidence:
    """Measure the margin and other quantities that a line reads from hidden states."""
    bits = pairs().own
    count, hidden = margins(bits).astype(np.float64), unedited.hidden
    near = np.zeros(bits.shape, bool)
    near[:, SETTLED] = np.abs(count[:, SETTLED]) <= NEAR
    fitted, tested = near[FITTED], near[TESTED]
    line = Line.fit(hidden[FITTED][fitted], count[FITTED][fitted])
    steps = np.broadcast_to(np.arange(float(STEPS)), bits.shape)
    before = [np.roll(bits, lag, axis=1).astype(np.float64) for lag in range(3)]
    followed = dict(zip(QUANTITIES, (count, steps, *before), strict=True))
    read = {
        name: explained(hidden[:, SETTLED], quantity[:, SETTLED])
        for name, quantity in followed.items()
    }
    return ContextEvidence(r2(count[TESTED][tested], line(hidden[TESTED][tested])), read)


QUANTITIES = ("margin", "step", "bit", "bit before", "two before")
"""Quantities whose R² the evidence about context has, over all margins."""


def replaced_accuracies(network: HostLSTM, unedited: Trace) -> Float[np.ndarray, " lengths"]:
    """Return the accuracy with the hidden state of another run for 1, 4 and 16 steps half way."""
    own = pairs().own
    read, truth = SWAPPED_STEP - 1, margin(own) > 0
    given = np.roll(unedited.hidden, 1, axis=0)[:, SWAPPED_STEP:]
    states = (unedited.cell[:, read], unedited.hidden[:, read])
    ended = [
        network.run(own[:, SWAPPED_STEP:], *states, given[:, :number]).hidden[:, -1]
        for number in REPLACED_STEPS
    ]
    return np.array([(network.yes(one) == truth).mean() for one in ended])


def _part(run: Trace, part: slice) -> Trace:
    return Trace(*(values[part] for values in run))


def _rolled(run: Trace) -> Trace:
    return Trace(*(np.roll(values, 1, axis=0) for values in run))


def _partial(states: np.ndarray, wanted: np.ndarray, known: np.ndarray) -> float:
    """Return the R² that an LSTM's states add to known quantities, on sequences not fitted on."""
    with_states = np.concatenate([states, known], axis=1)
    rest = [
        wanted[TESTED] - Line.fit(given[FITTED], wanted[FITTED])(given[TESTED])
        for given in (known, with_states)
    ]
    without, remaining = (float((one**2).sum()) for one in rest)
    return max(0.0, 1.0 - remaining / without)


@dataclass(frozen=True)
class Evidence:
    """Evidence for all findings about one LSTM."""

    gates: GateEvidence
    states: StateEvidence
    context: ContextEvidence


def evidence(network: HostLSTM) -> Evidence:
    """Measure an LSTM by all three interchange experiments."""
    run = trace(network)
    return Evidence(
        gate_evidence(network, run), state_evidence(network, run), context_evidence(run)
    )


@cache
def references(units: int) -> tuple[Evidence, ...]:
    """Return the evidence of the untrained networks with a number of units, measured once."""
    return tuple(evidence(HostLSTM.of(weights)) for weights in untrained(units))


def untrained(units: int) -> Iterator[dict[str, np.ndarray]]:
    """Draw the parameters of untrained LSTMs, the references of the findings.

    There are 20 of up to 16 units, fewer of more, and 5 of 64. Their weights are drawn as Flax's
    are: orthogonal ones from the hidden state, others normal with the variance 1 / fan-in. Every
    second network has the forget biases of chrono initialisation, with which an LSTM remembers
    before it is trained.

    References:
        Tallec & Ollivier (2018), Can recurrent neural networks warp time?, section 2.
    """
    number = min(MOST_UNTRAINED, max(LEAST_UNTRAINED, UNTRAINED_UNITS // units))
    for seed in range(number):
        raise_if_cancelled()
        random = np.random.default_rng(seed)
        bias = np.zeros(4 * units)
        if seed % 2:
            bias[units : 2 * units] = np.log(random.uniform(1.0, LONGEST, units))
        yield {
            "cell.dense_i.kernel": random.normal(size=(1, 4 * units)),
            "cell.dense_h.kernel": np.linalg.qr(random.normal(size=(4 * units, units)))[0].T,
            "cell.dense_h.bias": bias,
            "readout.kernel": random.normal(0.0, units**-0.5, (units, 2)),
            "readout.bias": np.zeros(2),
        }
