"""What an LSTM's units do, measured over held-out sequences that are always the same."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from models.rnn.programs import run_lstm
from models.runtime.resident import ResidentProgram, drive

GATES = ("input_gate", "forget_gate", "output_gate")
STATES = ("cell", "hidden")
QUANTITIES = ("difference", "ones", "zeros", "steps", "bit", "answer")
"""What a state may follow: ones minus zeros so far, either count, the steps taken, the last bit,
and whether there are more ones than zeros."""

SEQUENCES = 64
STEPS = 64
SEED = 2025

SATURATED_LOW, SATURATED_HIGH = 0.1, 0.9
"""A gate is shut below the one and open above the other (Karpathy, Johnson & Fei-Fei 2015, 4.2)."""

STRONG_R2 = 0.9
"""From this R² on, a unit is said to do what it follows best."""

STILL = 0.05
"""A unit whose cell state varies less than this (standard deviation) is said to be constant."""

ROLES = {
    "difference": "counter",
    "ones": "counts ones",
    "zeros": "counts zeros",
    "steps": "clock",
    "bit": "last bit",
    "answer": "answer",
}


def held_out_sequences() -> UInt8[np.ndarray, "sequences time"]:
    """Return the sequences that units are measured over.

    The share of ones differs from sequence to sequence (uniform from 0 to 1), since fair coins keep
    the count near zero, where a counter cannot be told from anything else.
    """
    random = np.random.default_rng(SEED)
    share = random.uniform(0.0, 1.0, (SEQUENCES, 1))
    return (random.uniform(0.0, 1.0, (SEQUENCES, STEPS)) < share).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class UnitStatistics:
    """What every unit of an LSTM does over the held-out sequences.

    Attributes:
        r2: Share of a state's variance that a straight line in a quantity explains.
        slope: Change of a state for one more of the quantity.
        saturation: Share of the steps at which a gate is below 0.1, and above 0.9.
        time_constant: After how many steps the cell state fades to 1/e, by the mean forget gate;
            infinite where it is 1.
        roles: In one word or two, what each unit does.
    """

    r2: Float[np.ndarray, "states quantities units"]
    slope: Float[np.ndarray, "states quantities units"]
    saturation: Float[np.ndarray, "gates ends units"]
    time_constant: Float[np.ndarray, " units"]
    roles: tuple[str, ...]


def quantities(
    sequences: UInt8[np.ndarray, "sequences time"],
) -> Int[np.ndarray, "quantities sequences time"]:
    """Count what there is to count after every step."""
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
    """Describe units by what their states follow and how their gates stand.

    Args:
        sequences: What was run.
        trace: Gates and states after every step, without the initial state.

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
    with np.errstate(divide="ignore"):
        time_constant = -1.0 / np.log(forget)
    still = trace["cell"].std(axis=(0, 1)) < STILL
    roles = tuple(_role(r2[0, :, unit], bool(still[unit])) for unit in range(len(forget)))
    return UnitStatistics(r2, slope, np.array(ends), time_constant, roles)


def _fit(
    state: Float[np.ndarray, "sequences time units"], quantity: Int[np.ndarray, "sequences time"]
) -> tuple[Float[np.ndarray, " units"], Float[np.ndarray, " units"]]:
    """Fit each unit by a straight line in a quantity: R² and slope; 0 where a unit stands still."""
    y = state.reshape(-1, state.shape[-1]).astype(np.float64)
    y = y - y.mean(axis=0)
    x = quantity.reshape(-1).astype(np.float64)
    x = x - x.mean()
    covariance, variance = x @ y, (y**2).sum(axis=0)
    slope = covariance / (x @ x)
    explained = slope * covariance
    return np.where(variance > 0, explained / np.maximum(variance, 1e-30), 0.0), slope


def _role(r2: Float[np.ndarray, " quantities"], still: bool) -> str:
    """Name what a cell state follows best, where it follows anything."""
    if still:
        return "constant"
    best = int(r2.argmax())
    return ROLES[QUANTITIES[best]] if r2[best] >= STRONG_R2 else "mixed"


def measure_resident_units(programs: Mapping[str, ResidentProgram], units: int) -> UnitStatistics:
    """Run the held-out sequences through the resident trace program, and measure every unit.

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
