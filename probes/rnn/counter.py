"""Which of the LSTM's units count, how they do it, and which few are enough."""

from collections.abc import Generator, Iterable, Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int, UInt8
from pydantic import Field

from models.rnn.ablations import SEQUENCES, STEPS, ablation_buckets
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
from models.runtime.programs import Call, Outputs, Run, in_slices
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
from probes.rnn.fixed_points import Cell
from probes.rnn.targets import WEIGHTS

SEED = 2027

COUNTED = QUANTITIES[:3]
"""What a counter may follow: ones minus zeros, ones, and zeros."""

MOST_EXHAUSTIVE = 8
"""With more units than these, not every set of them is tried."""

DROPPED = 4
"""Then a round of the search drops one unit in so many, at least one."""

GROUPS = 8
"""Steps are put into so many groups of one size, by the cell state before them."""

Kept = UInt8[np.ndarray, "sets units"]
Correct = Int[np.ndarray, " sets"]


class CounterParameters(Parameters):
    """When a set of units is enough."""

    tolerance: float = Field(
        0.01,
        ge=0.0,
        le=0.5,
        description="A set of units is enough where the accuracy with all others ablated is at "
        "most so much lower than that of the whole network.",
    )


def ablation_sequences() -> UInt8[np.ndarray, "sequences time"]:
    """Return the sequences that sets of units are tried on: one bit decides each.

    Half have one 1 more than 0s and half one 0 more, so that any constant answer scores 0.5. Of
    both, half are shuffled; in the others all ones follow one another, but for where the sequence
    begins, so that the count goes far out and comes back.
    """
    random = np.random.default_rng(SEED)
    ones = STEPS // 2 + np.arange(SEQUENCES) % 2
    bits = (np.arange(STEPS) < ones[:, None]).astype(np.uint8)
    half = SEQUENCES // 2
    shift = random.integers(0, STEPS, (half, 1))
    runs = np.take_along_axis(bits[:half], (np.arange(STEPS) + shift) % STEPS, axis=1)
    return np.concatenate([runs, random.permuted(bits[half:], axis=1)])


def rows(_: ProbeCall[CounterParameters]) -> int:
    """Return about how many rows are made: a row is all sequences with one set of units."""
    return (1 << MOST_EXHAUSTIVE) + 1


def run(call: ProbeCall[CounterParameters]) -> Run:
    """Try sets of units: every set of a few units, else what greedy elimination leaves.

    Returns:
        `keep`, the sets that were tried, and `correct`, how many answers of each were right.
    """
    units = len(call.model.weights["readout.kernel"])
    asked = Ablation(ablation_sequences(), units)
    whole = np.ones((1, units), np.uint8)
    yield from asked.find_mean(whole)
    if units <= MOST_EXHAUSTIVE:
        keep = every_set(units)
        correct = yield from asked.correct(keep)
    else:
        keep, correct = yield from _eliminate(asked, units)
    return {"keep": keep, "correct": correct}


def every_set(units: int) -> Kept:
    """Return all sets of units, the empty one first and the whole one last."""
    sets = [one for size in range(units + 1) for one in combinations(range(units), size)]
    keep = np.zeros((len(sets), units), np.uint8)
    for row, one in zip(keep, sets, strict=True):
        row[list(one)] = 1
    return keep


class Ablation:
    """Asks how many answers are right when all but some units stand still.

    Args:
        sequences: What is read.
        units: How many units there are.
    """

    def __init__(self, sequences: UInt8[np.ndarray, "sequences time"], units: int) -> None:
        self.sequences = sequences
        self.yes = 2 * sequences.sum(axis=1, dtype=np.int64) > sequences.shape[1]
        self.mean = np.zeros(units, np.float32)
        self._slice = 2 * ablation_buckets(units)[-1]

    def find_mean(self, whole: Kept) -> Generator[Sequence[Call], list[Outputs], None]:
        """Find each unit's hidden state in the whole network, averaged over steps and sequences."""
        (found,) = yield (self._call(whole[0], "mean_hidden"),)
        self.mean = found["mean_hidden"]

    def correct(self, keep: Kept) -> Generator[Sequence[Call], list[Outputs], Correct]:
        """Count the right answers with each of some sets of units."""
        calls = (self._call(one, "logits") for one in keep)
        found = yield from in_slices(calls, self._slice)
        said = (one["logits"][:, 1] > one["logits"][:, 0] for one in found)
        return np.array([(yes == self.yes).sum() for yes in said], np.int64)

    def _call(self, keep: UInt8[np.ndarray, " units"], output: str) -> Call:
        held = {"keep": keep.astype(np.float32), "instead": self.mean}
        return Call("lstm.ablate", {"sequence": self.sequences, **held}, frozenset({output}))


def _eliminate(
    asked: Ablation, units: int
) -> Generator[Sequence[Call], list[Outputs], tuple[Kept, Correct]]:
    """Drop units, those first without which most answers are right, until none is left.

    Each unit is tried alone, too.
    """
    kept = np.ones(units, np.uint8)
    tried = [np.concatenate([kept[None], np.eye(units, dtype=np.uint8)])]
    counts = [(yield from asked.correct(tried[0]))]
    while kept.any():
        left = np.flatnonzero(kept)
        without = np.repeat(kept[None], len(left), axis=0)
        without[np.arange(len(left)), left] = 0
        correct = yield from asked.correct(without)
        tried.append(without)
        counts.append(correct)
        first = np.argsort(-correct, kind="stable")[: max(1, len(left) // DROPPED)]
        kept = kept.copy()
        kept[left[first]] = 0
        tried.append(kept[None])
        counts.append((yield from asked.correct(kept[None])))
    return np.concatenate(tried), np.concatenate(counts)


def counter(context: ProbeContext[CounterParameters]) -> Figure:
    """Which units count, how each of them does it, and the fewest that are enough.

    `r2` is the share of a state's variance that a straight line in ones minus zeros, in ones or in
    zeros explains, `slope` its change for one more of them, over 64 held-out sequences whose share
    of ones varies; `role.k` is what unit k's cell state follows best. Ones, zeros and steps add up,
    so a unit that follows one of them follows the others a little too, and following is not yet
    being used: for that, `readout` has the weight of each hidden state in “yes” minus “no”, and
    units are ablated.

    An ablated unit's hidden state is its mean over steps and sequences, at every step: so it
    carries nothing, not even time. (Its cell state is read by itself alone, so to replace that too
    would change nothing.) `best_accuracy` is the best of all sets of so many units on sequences
    that one bit decides, on which a constant answer scores 0.5; `smallest_set` are the fewest that
    stay within `tolerance` of the whole network, the first of equals. With more than 8 units not
    all sets are tried: the least missed quarter is dropped, round by round. That few units are
    enough does not say that the network uses no others.

    `drift` is the mean change of the cell state as a 0, or a 1, is read, `drift_0` and `drift_1`
    the same in groups by the cell state before, whose mean is `cell`: a unit that counts moves
    alike wherever it stands, one that forgets moves back. `time_constant` is −1 / ln of the mean
    forget gate, in steps, and `saturation` the share of steps at which a gate is shut or open.
    """
    parameters = context.parameters
    sequences, cell = held_out_sequences(), Cell.of(context.model.weights)
    states = cell.run(sequences)
    statistics = _statistics(cell, sequences, states)
    readout = context.model.weights["readout.kernel"].astype(np.float64) @ WEIGHTS["difference"]
    figures = (
        *_ablations(context.outputs, parameters.tolerance),
        Bars("Readout: weight in “yes” minus “no”", _by_unit("readout", readout)),
        *_following(statistics),
        *_drifts(sequences, states[..., cell.units :]),
        *_memory(statistics),
    )
    roles = tuple(Measure(f"role.{unit}", role) for unit, role in enumerate(statistics.roles))
    return Panels("Counter", figures, 2, measures=roles)


def _statistics(
    cell: Cell,
    sequences: UInt8[np.ndarray, "sequences time"],
    states: Float[np.ndarray, "sequences steps state"],
) -> UnitStatistics:
    """Measure every unit over held-out sequences, in float64."""
    i, f, _, o = cell.gates(states[:, :-1], sequences.astype(np.float64))
    hidden, memory = np.split(states[:, 1:], 2, axis=-1)
    gates = {"input_gate": i, "forget_gate": f, "output_gate": o}
    return measure_units(sequences, {**gates, "hidden": hidden, "cell": memory})


def _by_unit(name: str, values: Float[np.ndarray, " units"]) -> Tensor:
    return Tensor(name, "statistic", ("unit",), values)


def _ablations(outputs: Outputs, tolerance: float) -> tuple[Figure, ...]:
    """Draw how well sets of units do, and which are the best."""
    keep, accuracy = outputs["keep"], outputs["correct"] / SEQUENCES
    sizes = keep.sum(axis=1, dtype=np.int64)
    best = {n: _best(keep, accuracy, n) for n in np.unique(sizes).tolist()}
    whole = float(accuracy[sizes == keep.shape[1]][0])
    enough = whole - tolerance
    size, place = next((n, at) for n, at in best.items() if accuracy[at] >= enough)
    members = ", ".join(map(str, np.flatnonzero(keep[place])))
    measures = (
        Measure("smallest_set", members or "none"),
        Measure("smallest_size", size, "units"),
        Measure("accuracy", float(accuracy[place])),
        Measure("full_accuracy", whole),
        Measure("constant_accuracy", 0.5),
        Measure("sets_tried", len(keep)),
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
    title = f"Accuracy of the best set of so many units; enough: {members or 'none'}"
    return (
        Lines(title, (reached,), "size", (0.0, 1.0), enough, measures),
        Heatmap("The units in it", chosen, "unit"),
        _one_unit(keep, accuracy),
    )


def _best(keep: Kept, accuracy: Float[np.ndarray, " sets"], size: int) -> int:
    """Return the position of the best set of a size, the first of equals."""
    places = np.flatnonzero(keep.sum(axis=1) == size)
    return int(places[accuracy[places].argmax()])


def _one_unit(keep: Kept, accuracy: Float[np.ndarray, " sets"]) -> Heatmap:
    """Draw accuracy where only one unit is left, and where only one is ablated."""
    units = keep.shape[1]
    found = {tuple(one): value for one, value in zip(keep.tolist(), accuracy, strict=True)}
    alone = np.eye(units, dtype=np.uint8)
    values = np.array([[found[tuple(one)] for one in sets] for sets in (alone, 1 - alone)])
    named: Coordinates = {"units": ["this one alone", "all but this one"]}
    colour = colours.unit_interval("viridis")
    tensor = Tensor("accuracy_by_unit", "statistic", ("units", "unit"), values, named, colour)
    return Heatmap("Accuracy with one unit alone, and without it", tensor, "unit")


def _following(statistics: UnitStatistics) -> tuple[Heatmap, Heatmap]:
    """Draw what the states follow."""
    named: Coordinates = {"follows": [f"{state} · {one}" for state in STATES for one in COUNTED]}
    r2, slope = (
        one[:, : len(COUNTED)].reshape(len(STATES) * len(COUNTED), -1)
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
    """Draw how a 0 and a 1 move the cell states, on the whole and by where they stand."""
    before = cell[:, :-1].reshape(-1, cell.shape[-1])
    change = np.diff(cell, axis=1).reshape(before.shape)
    bits = sequences.ravel()
    mean = np.stack([change[bits == bit].mean(axis=0) for bit in (0, 1)])
    group = before.argsort(axis=0).argsort(axis=0) * GROUPS // len(before)
    named: Coordinates = {"group": [_percent(n) for n in range(GROUPS)]}
    drifts = [_grouped(change[bits == bit], group[bits == bit]) for bit in (0, 1)]
    stands = _grouped(before, group)
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
            Tensor("cell", "cell", axes, stands, named, colours.signed(stands)),
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
    low, high = (100 * n / GROUPS for n in (group, group + 1))
    return f"{low:.0f}-{high:.0f} %"


def _grouped(
    values: Float[np.ndarray, "moves units"], group: Int[np.ndarray, "moves units"]
) -> Float[np.ndarray, "units groups"]:
    """Return the mean of each group, for each unit; NaN of a group without a step."""
    found = np.full((values.shape[1], GROUPS), np.nan)
    for n in range(GROUPS):
        inside = group == n
        number = inside.sum(axis=0)
        total = np.where(inside, values, 0.0).sum(axis=0)
        np.divide(total, number, out=found[:, n], where=number > 0)
    return found


def _memory(statistics: UnitStatistics) -> Iterable[Figure]:
    """Draw how long units remember, and how their gates stand."""
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
        model="lstm",
        name="counter",
        figure=counter,
        parameters=CounterParameters,
        run=run,
        rows=rows,
        input=False,
        checkpoints=True,
        example={"tolerance": "0.02"},
    ),
)
