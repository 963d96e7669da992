"""Unit statistics of a recurrent layer over fixed held-out sequences: saturation, R², roles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped, UInt8

from models.architecture import CELL_STATES, CELL_VALUES, KEEPING_GATES, Architecture
from models.declaration.operations import Recurrent
from models.rnn.layout import layout_of
from models.rnn.programs import run_sequence
from models.runtime.resident import ResidentProgram, drive

GATES = ("input_gate", "forget_gate", "output_gate")
"""Unit statistics: gates of an LSTM, in the order of its statistics."""

STATES = CELL_STATES["lstm"]
"""Unit statistics: states of an LSTM, in the order of its statistics."""

QUANTITIES = ("difference", "ones", "zeros", "steps", "bit", "answer")
"""Unit statistics of networks that count bits: quantities that a state may follow.

These are ones minus zeros so far, either count, the number of steps, the last bit, and whether
there are more ones than zeros.
"""

HELD_OUT_SEQUENCES = 64
HELD_OUT_STEPS = 64
HELD_OUT_SEED = 2025

LEAST_SEQUENCES = 4
"""Unit statistics: held-out sequences of the largest networks, which run in small batches."""

SATURATED_LOW, SATURATED_HIGH = 0.1, 0.9
"""Unit statistics: limits of a closed and an open gate.

From Karpathy, Johnson & Fei-Fei (2015), section 4.2.
"""

STRONG_R2 = 0.9
"""Unit statistics: smallest R² at which a unit's role is the quantity followed best."""

CONSTANT_DEVIATION = 0.05
"""Unit statistics: deviation of a state below which a unit's role is `constant`."""

ROLES = {
    "difference": "counter",
    "ones": "counts ones",
    "zeros": "counts zeros",
    "steps": "clock",
    "bit": "last bit",
    "answer": "answer",
}


def held_out_sequences() -> UInt8[np.ndarray, "sequences time"]:
    """Return the held-out sequences of bits for unit statistics.

    The share of ones differs from sequence to sequence (uniform from 0 to 1), since fair coins keep
    the count near zero, where no counter can be distinguished.
    """
    random = np.random.default_rng(HELD_OUT_SEED)
    share = random.uniform(0.0, 1.0, (HELD_OUT_SEQUENCES, 1))
    return (random.uniform(0.0, 1.0, (HELD_OUT_SEQUENCES, HELD_OUT_STEPS)) < share).astype(np.uint8)


def held_out_inputs(architecture: Architecture) -> Shaped[np.ndarray, "sequences time *features"]:
    """Return the held-out sequences of any network for unit statistics, fewer of a large one.

    Symbols are drawn independently, their shares from a uniform distribution for each sequence;
    features are standard normal.
    """
    layout, spec = layout_of(architecture), architecture.sequence
    number = min(HELD_OUT_SEQUENCES, max(LEAST_SEQUENCES, 4 * layout.rows(HELD_OUT_STEPS)))
    if len(spec.alphabet) == 2:  # noqa: PLR2004
        return held_out_sequences()[:number]
    random, shape = np.random.default_rng(HELD_OUT_SEED), (number, HELD_OUT_STEPS)
    if not spec.alphabet:
        return random.standard_normal((*shape, spec.features)).astype(np.float32)
    shares = random.dirichlet(np.ones(len(spec.alphabet)), number)
    drawn = [random.choice(len(share), HELD_OUT_STEPS, p=share) for share in shares]
    return np.stack(drawn).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class UnitStatistics:
    """Statistics of each unit of a recurrent layer over the held-out sequences.

    Attributes:
        r2: Share of a state's variance that a linear fit in a quantity explains; without quantities
            where the network does not count bits.
        slope: Slope of that fit: change of a state for one more of the quantity.
        saturation: Share of the steps at which a gate is below 0.1, and above 0.9; without gates in
            a plain RNN.
        time_constant: E-folding time of the state in steps, from the mean of the gate that keeps
            it; infinite where that is 1, NaN in a plain RNN.
        roles: Role of each unit, such as `counter` or `last bit`; empty where the network does not
            count bits.
    """

    r2: Float[np.ndarray, "states quantities units"]
    slope: Float[np.ndarray, "states quantities units"]
    saturation: Float[np.ndarray, "gates ends units"]
    time_constant: Float[np.ndarray, " units"]
    roles: tuple[str, ...]


def gates_of(cell: str) -> tuple[str, ...]:
    """Return the gates of a cell in the order of its unit statistics: values between 0 and 1."""
    return tuple(name for name in CELL_VALUES[cell] if name.endswith("_gate"))


def quantities(
    sequences: UInt8[np.ndarray, "sequences time"],
) -> Int[np.ndarray, "quantities sequences time"]:
    """Return each quantity that a state may follow after each step, for unit statistics."""
    ones = np.cumsum(sequences, axis=1, dtype=np.int64)
    steps = np.broadcast_to(np.arange(1, sequences.shape[1] + 1), sequences.shape)
    difference = 2 * ones - steps
    bits = sequences.astype(np.int64)
    return np.stack(
        [difference, ones, steps - ones, steps, bits, (difference > 0).astype(np.int64)]
    )


def measure_units(
    sequences: Shaped[np.ndarray, "sequences time *features"],
    trace: Mapping[str, Float[np.ndarray, "sequences time units"]],
    cell: str = "lstm",
    *,
    counts_bits: bool = True,
) -> UnitStatistics:
    """Compute unit statistics: linear fits, gate saturation, time constants, roles.

    Args:
        sequences: Input sequences.
        trace: Gates and states of one layer after each step, without the initial state.
        cell: Kind of the layer: `lstm`, `gru` or `rnn`.
        counts_bits: Whether the sequences are bits whose count the network reports, so that units
            may follow quantities.

    References:
        Weiss, Goldberg & Yahav (2018), On the practical computational power of finite precision
        RNNs: LSTMs count in the cell state. Saturation: Karpathy, Johnson & Fei-Fei (2015),
        Visualizing and understanding recurrent networks, section 4.2.
    """
    states, gates = CELL_STATES[cell], gates_of(cell)
    units = trace[states[0]].shape[-1]
    followed = list(quantities(sequences)) if counts_bits else []
    shape = (len(states), len(followed), units)
    fits = [_fit(trace[state], quantity) for state in states for quantity in followed]
    r2, slope = (np.array([one[part] for one in fits]).reshape(shape) for part in (0, 1))
    ends = [
        [(trace[gate] < SATURATED_LOW).mean((0, 1)), (trace[gate] > SATURATED_HIGH).mean((0, 1))]
        for gate in gates
    ]
    saturation = np.array(ends).reshape(len(gates), 2, units)
    still = trace[states[0]].std(axis=(0, 1)) < CONSTANT_DEVIATION
    roles = [_role(r2[0, :, unit], bool(still[unit])) for unit in range(units) if counts_bits]
    return UnitStatistics(r2, slope, saturation, _time_constant(trace, cell, units), tuple(roles))


def _time_constant(
    trace: Mapping[str, Float[np.ndarray, "sequences time units"]], cell: str, units: int
) -> Float[np.ndarray, " units"]:
    """Compute the time constant of each unit's state, for unit statistics."""
    if cell not in KEEPING_GATES:
        return np.full(units, np.nan)
    kept = trace[KEEPING_GATES[cell]].mean(axis=(0, 1), dtype=np.float64)
    # A mean of gates, each at most 1, may exceed 1 by rounding; that of closed gates is 0.
    with np.errstate(divide="ignore"):
        return np.asarray(1.0 / np.maximum(-np.log(kept), 0.0))


def _fit(
    state: Float[np.ndarray, "sequences time units"], quantity: Int[np.ndarray, "sequences time"]
) -> tuple[Float[np.ndarray, " units"], Float[np.ndarray, " units"]]:
    """Fit each unit linearly in a quantity for unit statistics: R² and slope.

    Both are 0 for a constant unit.
    """
    y = state.reshape(-1, state.shape[-1]).astype(np.float64)
    y = y - y.mean(axis=0)
    x = quantity.reshape(-1).astype(np.float64)
    x = x - x.mean()
    covariance, variance = x @ y, (y**2).sum(axis=0)
    slope = covariance / (x @ x)
    explained = slope * covariance
    # The floor only avoids a division by zero, whose quotient is not used.
    return np.where(variance > 0, explained / np.maximum(variance, 1e-30), 0.0), slope


def _role(r2: Float[np.ndarray, " quantities"], still: bool) -> str:
    """Return the role of a unit by its statistics: the quantity its state follows, or `mixed`."""
    if still:
        return "constant"
    best = int(r2.argmax())
    return ROLES[QUANTITIES[best]] if r2[best] >= STRONG_R2 else "mixed"


def unit_statistics(
    architecture: Architecture,
    sequences: Shaped[np.ndarray, "sequences time *features"],
    traces: Sequence[Mapping[str, np.ndarray]],
) -> dict[str, UnitStatistics]:
    """Compute the unit statistics of each recurrent layer, by its name.

    Args:
        architecture: Architecture of the network.
        sequences: Input sequences.
        traces: Outputs `statistics_outputs` of a run of `trace` for each sequence.
    """
    found = {}
    states = {state.name for state in architecture.states}
    for node in architecture.recurrent:
        cell = node.operation.cell  # type: ignore[union-attr]
        names = {one: architecture.value_name(node.name, one) for one in _measured(cell)}
        # States begin with the initial one.
        trace = {
            one: np.stack([each[name][int(name in states) :] for each in traces])
            for one, name in names.items()
        }
        counts_bits = architecture.declaration.counts_bits
        found[node.name] = measure_units(sequences, trace, cell, counts_bits=counts_bits)
    return found


def statistics_outputs(architecture: Architecture) -> frozenset[str]:
    """Return the outputs of `trace` that unit statistics need: gates and states of all layers."""
    return frozenset(
        architecture.value_name(node.name, name)
        for node in architecture.recurrent
        if isinstance(node.operation, Recurrent)
        for name in _measured(node.operation.cell)
    )


def _measured(cell: str) -> tuple[str, ...]:
    """Return the values of a cell of which there are unit statistics."""
    return (*gates_of(cell), *CELL_STATES[cell])


def measure_resident_units(
    programs: Mapping[str, ResidentProgram], architecture: Architecture
) -> dict[str, UnitStatistics]:
    """Measure unit statistics: run the held-out sequences through the resident trace program.

    Args:
        programs: Compiled programs of the model, by name.
        architecture: Architecture of the model.

    Returns:
        Statistics by the name of each recurrent layer.
    """
    sequences = held_out_inputs(architecture)
    state, outputs = layout_of(architecture).initial_state(), statistics_outputs(architecture)
    runs = [
        run_sequence(architecture, "trace", {"sequence": one, **state}, outputs)
        for one in sequences
    ]
    return unit_statistics(architecture, sequences, drive(runs, programs))
