"""Unit statistics of an LSTM over fixed held-out sequences: R², saturation, roles."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from models.rnn.counting import run_lstm
from models.runtime.resident import ResidentProgram, drive

GATES = ("input_gate", "forget_gate", "output_gate")
STATES = ("cell", "hidden")
QUANTITIES = ("difference", "ones", "zeros", "steps", "bit", "answer")
"""LSTM unit statistics: quantities that a state may follow.

These are ones minus zeros so far, either count, the number of steps, the last bit, and whether
there are more ones than zeros.
"""

HELD_OUT_SEQUENCES = 64
HELD_OUT_STEPS = 64
HELD_OUT_SEED = 2025

SATURATED_LOW, SATURATED_HIGH = 0.1, 0.9
"""LSTM unit statistics: limits of a closed and an open gate.

From Karpathy, Johnson & Fei-Fei (2015), section 4.2.
"""

STRONG_R2 = 0.9
"""LSTM unit statistics: smallest R² at which a unit's role is the quantity followed best."""

CONSTANT_DEVIATION = 0.05
"""LSTM unit statistics: cell state deviation below which a unit's role is `constant`."""

ROLES = {
    "difference": "counter",
    "ones": "counts ones",
    "zeros": "counts zeros",
    "steps": "clock",
    "bit": "last bit",
    "answer": "answer",
}


def held_out_sequences() -> UInt8[np.ndarray, "sequences time"]:
    """Return the held-out sequences of the LSTM's unit statistics.

    The share of ones differs from sequence to sequence (uniform from 0 to 1), since fair coins keep
    the count near zero, where no counter can be distinguished.
    """
    random = np.random.default_rng(HELD_OUT_SEED)
    share = random.uniform(0.0, 1.0, (HELD_OUT_SEQUENCES, 1))
    return (random.uniform(0.0, 1.0, (HELD_OUT_SEQUENCES, HELD_OUT_STEPS)) < share).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class UnitStatistics:
    """Statistics of each unit of an LSTM over the held-out sequences.

    Attributes:
        r2: Share of a state's variance that a linear fit in a quantity explains.
        slope: Slope of that fit: change of a state for one more of the quantity.
        saturation: Share of the steps at which a gate is below 0.1, and above 0.9.
        time_constant: E-folding time of the cell state in steps, from the mean forget gate;
            infinite where that is 1.
        roles: Role of each unit, such as `counter` or `last bit`.
    """

    r2: Float[np.ndarray, "states quantities units"]
    slope: Float[np.ndarray, "states quantities units"]
    saturation: Float[np.ndarray, "gates ends units"]
    time_constant: Float[np.ndarray, " units"]
    roles: tuple[str, ...]


def quantities(
    sequences: UInt8[np.ndarray, "sequences time"],
) -> Int[np.ndarray, "quantities sequences time"]:
    """LSTM unit statistics: return each quantity that a state may follow, after each step."""
    ones = np.cumsum(sequences, axis=1, dtype=np.int64)
    steps = np.broadcast_to(np.arange(1, sequences.shape[1] + 1), sequences.shape)
    difference = 2 * ones - steps
    bits = sequences.astype(np.int64)
    return np.stack(
        [difference, ones, steps - ones, steps, bits, (difference > 0).astype(np.int64)]
    )


def measure_units(
    sequences: UInt8[np.ndarray, "sequences time"],
    trace: dict[str, Float[np.ndarray, "sequences time units"]],
) -> UnitStatistics:
    """Compute LSTM unit statistics: linear fits, gate saturation, time constants, roles.

    Args:
        sequences: Input sequences.
        trace: Gates and states after each step, without the initial state.

    References:
        Weiss, Goldberg & Yahav (2018), On the practical computational power of finite precision
        RNNs: LSTMs count in the cell state. Saturation: Karpathy, Johnson & Fei-Fei (2015),
        Visualizing and understanding recurrent networks, section 4.2.
    """
    followed = quantities(sequences)
    fits = [[_fit(trace[state], quantity) for quantity in followed] for state in STATES]
    r2 = np.array([[one[0] for one in row] for row in fits])
    slope = np.array([[one[1] for one in row] for row in fits])
    ends = [
        [(trace[gate] < SATURATED_LOW).mean((0, 1)), (trace[gate] > SATURATED_HIGH).mean((0, 1))]
        for gate in GATES
    ]
    forget = trace["forget_gate"].mean(axis=(0, 1), dtype=np.float64)
    # A mean of gates, each at most 1, may exceed 1 by rounding.
    rate = np.maximum(-np.log(forget), 0.0)
    with np.errstate(divide="ignore"):
        time_constant = 1.0 / rate
    still = trace["cell"].std(axis=(0, 1)) < CONSTANT_DEVIATION
    roles = tuple(_role(r2[0, :, unit], bool(still[unit])) for unit in range(len(forget)))
    return UnitStatistics(r2, slope, np.array(ends), time_constant, roles)


def _fit(
    state: Float[np.ndarray, "sequences time units"], quantity: Int[np.ndarray, "sequences time"]
) -> tuple[Float[np.ndarray, " units"], Float[np.ndarray, " units"]]:
    """LSTM unit statistics: fit each unit linearly in a quantity, for R² and slope.

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
    """Return the role of an LSTM unit: the quantity its cell state follows best, or `mixed`."""
    if still:
        return "constant"
    best = int(r2.argmax())
    return ROLES[QUANTITIES[best]] if r2[best] >= STRONG_R2 else "mixed"


def measure_resident_units(programs: Mapping[str, ResidentProgram], units: int) -> UnitStatistics:
    """Measure LSTM unit statistics: run the held-out sequences through the resident trace program.

    Args:
        programs: Compiled programs of the model, by name.
        units: Units of the network.
    """
    sequences = held_out_sequences()
    zeros = np.zeros(units, np.float32)
    outputs = frozenset((*GATES, *STATES))
    runs = [
        run_lstm("trace", {"sequence": bits, "cell": zeros, "hidden": zeros}, outputs)
        for bits in sequences
    ]
    traces = drive(runs, programs)
    after = {name: 1 if name in STATES else 0 for name in outputs}  # skip the initial state
    values = {name: np.stack([one[name][skip:] for one in traces]) for name, skip in after.items()}
    return measure_units(sequences, values)
