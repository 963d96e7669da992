"""Probe `counter` of networks that count bits: counting units, ablations, and drift."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float, Int, UInt8
from pydantic import Field

from models.rnn.ablations import SEQUENCES, STEPS
from models.rnn.unit_statistics import (
    GATES,
    QUANTITIES,
    SATURATED_HIGH,
    SATURATED_LOW,
    STATES,
    UnitStatistics,
    held_out_sequences,
    measure_units,
)
from models.runtime.programs import Outputs, Run
from probes.declaration import Parameters, Probe, ProbeCall, ProbeContext
from probes.figures import colours
from probes.figures.figures import (
    Bars,
    Coordinates,
    Figure,
    Heatmap,
    Lines,
    Measure,
    Panels,
    Tensor,
)
from probes.rnn.counter_ablations import (
    MAX_EXHAUSTIVE_UNITS,
    Ablation,
    Kept,
    ablation_rows,
    eliminate,
    every_set,
)
from probes.rnn.float64_cell import LSTMCell, counting_cell
from probes.rnn.needs import COUNTS_WITH_ONE_LSTM
from probes.rnn.readout import Readout, shipped_weights
from probes.rnn.state_map import StateMap
from probes.shared.held_bytes import floats, kept
from probes.shared.needs import COUNTS_BITS

ABLATION_SEED = 2027

COUNTS = QUANTITIES[:3]
"""Quantities that a counter may follow: ones minus zeros, ones, and zeros."""

CELL_GROUPS = 8
"""Number of equal groups of steps, by cell state, in which a counter's drift is averaged."""


class CounterParameters(Parameters):
    """Parameters of the probe `counter`: accuracy loss at which a set of units is sufficient."""

    tolerance: float = Field(
        0.01,
        ge=0.0,
        le=0.5,
        description="Largest loss of accuracy at which a set of units is sufficient, with all "
        "other units ablated.",
    )


def ablation_sequences() -> UInt8[np.ndarray, "sequences time"]:
    """Return the sequences of a counter's ablations: their counts of 1s and 0s differ by one.

    Half have one 1 more and half one 0 more, so that a constant answer scores 0.5. Half of each
    are shuffled; the others are one run of ones and one of zeros, rotated, so that the running
    count takes large values and returns.
    """
    random = np.random.default_rng(ABLATION_SEED)
    ones = STEPS // 2 + np.arange(SEQUENCES) % 2
    bits = (np.arange(STEPS) < ones[:, None]).astype(np.uint8)
    half = SEQUENCES // 2
    # Rotated runs of ones take the running count far from zero and back.
    shift = random.integers(0, STEPS, (half, 1))
    runs = np.take_along_axis(bits[:half], (np.arange(STEPS) + shift) % STEPS, axis=1)
    return np.concatenate([runs, random.permuted(bits[half:], axis=1)])


def run(call: ProbeCall[CounterParameters]) -> Run:
    """Run a counter's ablations: every set of a few units, else greedy elimination.

    Returns:
        `keep`, the sets that were tried, and `correct`, the number of correct answers of each.
    """
    (units,) = call.model.architecture.recurrent[0].shape
    ablation = Ablation(ablation_sequences(), units)
    whole = np.ones((1, units), np.uint8)
    yield from ablation.find_mean(whole)
    if units <= MAX_EXHAUSTIVE_UNITS:
        keep = every_set(units)
        correct = yield from ablation.correct(keep)
    else:
        keep, correct = yield from eliminate(ablation, units)
    return {"keep": keep, "correct": correct}


def _rows(call: ProbeCall[CounterParameters]) -> int:
    """Return the number of rows that a call of the probe `counter` makes."""
    (units,) = call.model.architecture.recurrent[0].shape
    return ablation_rows(units)


def _held(call: ProbeCall[CounterParameters]) -> int:
    """Return the bytes that a call of the probe `counter` holds: logits of each set."""
    return kept(_rows(call), 4 * floats(SEQUENCES, 2))


def counter(context: ProbeContext[CounterParameters]) -> Figure:
    """Counter of the LSTM: how each unit counts, and the smallest sufficient set of units.

    `r2` is the share of a state's variance that a linear fit in ones minus zeros, in ones or in
    zeros explains, `slope` the slope of that fit, over 64 held-out sequences whose share of ones
    varies; `role.k` is the quantity that unit k's cell state follows best. Ones, zeros and steps
    are correlated, so a unit that follows one of them also follows the others a little, and a
    correlation does not show that the unit is used: for that, `readout` has the weight of each
    hidden state in “yes” minus “no”, and units are ablated.

    The hidden state of an ablated unit is its mean over steps and sequences, at each step, so that
    it carries no information. (Only the unit itself reads its cell state.) `best_accuracy` is that
    of the best set of each size on sequences in which the counts differ by one, where a constant
    answer scores 0.5; `smallest_set` is the smallest set within `tolerance` of the full network,
    the first of equals. With more than 8 units not all sets are tried: each round of greedy
    elimination drops the least important quarter. A small sufficient set does not show that the
    network uses no other units.

    `drift` is the mean change of the cell state when a 0, or a 1, is read, `drift_0` and `drift_1`
    that change by group of the previous cell state, whose mean is `cell`: the change is constant
    for a unit that counts, and opposite to the cell state for one that forgets. `time_constant` is
    −1 / ln of the mean forget gate, in steps: infinite for a unit that never forgets, which JSON
    has as null with a warning. `saturation` is the share of steps at which a gate is closed or
    open.
    """
    architecture, weights = context.model.architecture, context.model.weights
    sequences, network = held_out_sequences(), StateMap(architecture, weights)
    states = network.run(sequences[..., None])
    cell = counting_cell(shipped_weights(architecture, weights))
    statistics = _statistics(cell, sequences, states)
    readout = Readout.of(architecture, weights).difference
    figures = (
        *_ablations(context.outputs, context.parameters.tolerance),
        Bars("Readout: weight in “yes” minus “no”", _by_unit("readout", readout)),
        *_following(statistics),
        *_drifts(sequences, states[..., cell.units :]),
        *_memory(statistics),
    )
    roles = tuple(Measure(f"role.{unit}", role) for unit, role in enumerate(statistics.roles))
    return Panels("Counter", figures, measures=roles)


def _statistics(
    cell: LSTMCell,
    sequences: UInt8[np.ndarray, "sequences time"],
    states: Float[np.ndarray, "sequences steps state"],
) -> UnitStatistics:
    """Measure the counter's unit statistics over held-out sequences, in float64."""
    i, f, _, o = cell.gates(states[:, :-1], sequences[..., None].astype(np.float64))
    hidden, memory = np.split(states[:, 1:], 2, axis=-1)
    gates = {"input_gate": i, "forget_gate": f, "output_gate": o}
    return measure_units(sequences, {**gates, "hidden": hidden, "cell": memory})


def _by_unit(name: str, values: Float[np.ndarray, " units"]) -> Tensor:
    return Tensor(name, "statistic", ("unit",), values)


def _ablations(outputs: Outputs, tolerance: float) -> tuple[Figure, ...]:
    """Figures of a counter's best accuracy by number of units, and the sets that reach it."""
    keep, accuracy = outputs["keep"], outputs["correct"] / SEQUENCES
    sizes = keep.sum(axis=1, dtype=np.int64)
    best = {n: _best(keep, accuracy, n) for n in np.unique(sizes).tolist()}
    whole = float(accuracy[sizes == keep.shape[1]][0])
    enough = whole - tolerance
    # The full set is always accurate enough, so one is found.
    size, place = next((n, at) for n, at in best.items() if accuracy[at] >= enough)
    members = ", ".join(map(str, np.flatnonzero(keep[place]))) or "none"
    measures = (
        Measure("smallest_set", members),
        Measure("smallest_size", size, "units"),
        Measure("accuracy", float(accuracy[place])),
        Measure("full_accuracy", whole),
        Measure("constant_accuracy", 0.5),
        # Elimination comes to some sets twice.
        Measure("sets_tried", len(np.unique(keep, axis=0))),
    )
    by_size: Coordinates = {"size": list(best)}
    places = list(best.values())
    reached = Tensor("best_accuracy", "statistic", ("size",), accuracy[places], by_size)
    chosen = Tensor(
        "best_sets",
        "statistic",
        ("size", "unit"),
        keep[places],
        by_size,
        colours.unit_interval("gray"),
    )
    title = f"Accuracy of the best set of units by its size; sufficient units: {members}"
    return (
        Lines(title, (reached,), "size", (0.0, 1.0), enough, measures),
        Heatmap("The units in it, as 1", chosen, "unit", written=True),
        _one_unit(keep, accuracy),
    )


def _best(keep: Kept, accuracy: Float[np.ndarray, " sets"], size: int) -> int:
    """Return the index of the most accurate set of counter units of a size, the first of equals."""
    places = np.flatnonzero(keep.sum(axis=1) == size)
    return int(places[accuracy[places].argmax()])


def _one_unit(keep: Kept, accuracy: Float[np.ndarray, " sets"]) -> Heatmap:
    """Heatmap of a counter's accuracy with one unit kept, and with one unit ablated."""
    units = keep.shape[1]
    # Either search tries every unit alone, and every set that lacks a single unit.
    found = {tuple(one): value for one, value in zip(keep.tolist(), accuracy, strict=True)}
    alone = np.eye(units, dtype=np.uint8)
    values = np.array([[found[tuple(one)] for one in sets] for sets in (alone, 1 - alone)])
    named: Coordinates = {"units": ["this one alone", "all but this one"]}
    colour = colours.unit_interval("viridis")
    tensor = Tensor("accuracy_by_unit", "statistic", ("units", "unit"), values, named, colour)
    return Heatmap("Accuracy with one unit alone, and without it", tensor, "unit")


def _following(statistics: UnitStatistics) -> tuple[Heatmap, Heatmap]:
    """Heatmaps of R² and slope of each state with the quantities that a counter may follow."""
    named: Coordinates = {"follows": [f"{state} · {one}" for state in STATES for one in COUNTS]}
    r2, slope = (
        one[:, : len(COUNTS)].reshape(len(STATES) * len(COUNTS), -1)
        for one in (statistics.r2, statistics.slope)
    )
    axes, unit = ("follows", "unit"), colours.unit_interval("viridis")
    return (
        Heatmap(
            "R² with what a state may count",
            Tensor("r2", "statistic", axes, r2, named, unit),
            "unit",
        ),
        Heatmap(
            "Change of a state for one more of it",
            Tensor("slope", "statistic", axes, slope, named, colours.signed(slope)),
            "unit",
        ),
    )


def _drifts(
    sequences: UInt8[np.ndarray, "sequences time"],
    cell: Float[np.ndarray, "sequences steps units"],
) -> tuple[Figure, ...]:
    """Figures of a counter's drift: change of the cell state by bit, and by previous cell state."""
    before = cell[:, :-1].reshape(-1, cell.shape[-1])
    change = np.diff(cell, axis=1).reshape(before.shape)
    bits = sequences.ravel()
    mean = np.stack([change[bits == bit].mean(axis=0) for bit in (0, 1)])
    # Ranks by two argsorts give groups of equal size, for any distribution.
    group = before.argsort(axis=0).argsort(axis=0) * CELL_GROUPS // len(before)
    named: Coordinates = {"group": [_percent(n) for n in range(CELL_GROUPS)]}
    drifts = [_grouped(change[bits == bit], group[bits == bit]) for bit in (0, 1)]
    levels = _grouped(before, group)
    axes = ("unit", "group")
    by_bit: Coordinates = {"bit": [0, 1]}
    return (
        Heatmap(
            "Mean change of the cell state",
            Tensor("drift", "statistic", ("bit", "unit"), mean, by_bit, colours.signed(mean)),
            "unit",
        ),
        Heatmap(
            "Mean cell state of each group of steps",
            Tensor("cell", "cell", axes, levels, named, colours.signed(levels)),
            "group",
        ),
        *(
            Lines(
                f"Change of the cell state as a {bit} is read",
                (Tensor(f"drift_{bit}", "statistic", axes, drift, named),),
                "group",
                reference=0.0,
            )
            for bit, drift in enumerate(drifts)
        ),
    )


def _percent(group: int) -> str:
    low, high = (100 * n / CELL_GROUPS for n in (group, group + 1))
    return f"{low:.0f}-{high:.0f} %"


def _grouped(
    values: Float[np.ndarray, "moves units"], group: Int[np.ndarray, "moves units"]
) -> Float[np.ndarray, "units groups"]:
    """Return the mean of a counter's values by group and unit; NaN for an empty group."""
    found = np.full((values.shape[1], CELL_GROUPS), np.nan)
    for n in range(CELL_GROUPS):
        inside = group == n
        number = inside.sum(axis=0)
        total = np.where(inside, values, 0.0).sum(axis=0)
        np.divide(total, number, out=found[:, n], where=number > 0)
    return found


def _memory(statistics: UnitStatistics) -> Iterable[Figure]:
    """Figures of the time constants and gate saturation of counter units."""
    ends = (f"< {SATURATED_LOW}", f"> {SATURATED_HIGH}")
    named: Coordinates = {"gate": [f"{gate} {end}" for gate in GATES for end in ends]}
    share = statistics.saturation.reshape(len(GATES) * len(ends), -1)
    unit, longest = colours.unit_interval("viridis"), float(held_out_sequences().shape[1])
    constants = _by_unit("time_constant", statistics.time_constant)
    return (
        Bars(f"Time constant, in steps (bars end at {longest:.0f})", constants, (0.0, longest)),
        Heatmap(
            "Share of steps at which a gate is saturated",
            Tensor("saturation", "statistic", ("gate", "unit"), share, named, unit),
            "unit",
        ),
    )


PROBES = (
    Probe(
        family="sequence",
        name="counter",
        figure=counter,
        parameters=CounterParameters,
        run=run,
        rows=_rows,
        held=_held,
        input=False,
        checkpoints=True,
        example={"tolerance": "0.02"},
        needs=(COUNTS_BITS, COUNTS_WITH_ONE_LSTM),
    ),
)
