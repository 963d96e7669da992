"""Probe `dynamics` of sequences: trajectories, slow and fixed points, and their eigenvalues."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from models.runtime.cancellation import raise_if_cancelled
from probes.declaration import Probe, ProbeContext
from probes.figures import colours
from probes.figures.figures import (
    Bars,
    Coordinates,
    Figure,
    Heatmap,
    Lines,
    Measure,
    Panels,
    Scatter,
    Tensor,
)
from probes.rnn.dynamics_inputs import (
    ChosenInputs,
    DynamicsParameters,
    check_dynamics,
    chosen_inputs,
)
from probes.rnn.fixed_points import WordMap, search
from probes.rnn.layers import linear_readout
from probes.rnn.needs import HAS_FEW_STATES
from probes.rnn.point_figures import PointFigures
from probes.rnn.readout import Readout
from probes.rnn.targets import TWO
from probes.rnn.trajectories import PrincipalAxes, Trajectories, trajectories_of

Context = ProbeContext[DynamicsParameters]

SHOWN_AXES = 3
"""Number of principal axes of state space whose weights the probe `dynamics` shows."""

SHOWN_SHARES = 8
"""Number of principal axes of state space whose share of the variance is shown."""

DRIFT_GROUPS = 12
"""Number of equal groups of trajectory states, along the first axis, for the drift."""

SETTLED_REPEATS = 8
"""Repetitions of the word after which, and over which, its drift is measured."""


# States of a network that diverges overflow, which the figures show as values that are not finite.
@np.errstate(over="ignore", invalid="ignore")
def dynamics(context: ProbeContext[DynamicsParameters]) -> Figure:
    """State space of a network: trajectories, fixed, slow and periodic points, and eigenvalues.

    A state is s = [h; c], the hidden states before the cell states, of every recurrent layer one
    after another; GRUs and plain RNNs have hidden states alone. `pc1` and `pc2` are the states of
    held-out sequences along their first two principal axes, `count` their ones minus zeros; the
    line is the direction of the readout's “yes” minus “no”, projected on that plane. Where bits are
    not counted, sequences are drawn and `count` is the step; the line is there where two classes
    are read from one layer. The entries of s are not scaled: cell states, which are unbounded,
    dominate hidden states. States of a network that diverges are left out from 1e100 on.

    `q` is ½‖F(s) − s‖², half the squared displacement of one step at a constant `input`, minimised
    by the Levenberg-Marquardt method from visited states, in their region enlarged by a quarter. A
    point is fixed at 1e-12; "none found" does not prove that there is none. Any other point is
    `slow`: compare it with `typical_q`, that of a step, with its `distance` from the nearest
    visited state, and with `visited_q`, the smallest q at a visited state. Points are numbered,
    slowest first, and ringed.

    `word_…` are the same for F of a whole `word`, one step for each symbol: a fixed point has the
    period of the word; networks of features have none. Under `10` an exact counter returns to the
    state of any count: its points are `neutral`. A `stable` point attracts the counts near it,
    which is a leak. A unit that counts steps never returns, so a network with one has no such
    points: `word_change` has the largest change of each unit's cell state by a word, and
    `word_drift` the mean displacement along the first axis, both once quick changes have decayed.

    Eigenvalues are those of the Jacobian at the points: with all |λ| below 1 a fixed point is
    `stable`, with the largest within 1e-6 of 1 `neutral`, above `unstable` (`kind.k`); `stable.k`
    is null at a slow point, where eigenvalues are valid for fewer steps than it takes to leave it.
    −n / ln|λ| is the time constant in steps, n the symbols of the word: negative for growth, and
    infinite (hatched) within 1e-6 of 1. `inside.k` is no where the search ended at the limit of the
    region. `drift` is the mean displacement of visited states along the first axis by one step, by
    group of their position on it.
    """
    architecture, weights = context.model.architecture, context.model.weights
    run = trajectories_of(architecture, weights, context.parameters.sequences)
    chosen = chosen_inputs(context.model, context.parameters)
    constant = WordMap(run.network, (chosen.constant,))
    at_rest = _search(context, run, constant, "")
    plane = _trajectories(context, run)
    figures = [Panels(chosen.title, _of_input(run, plane, constant, at_rest, chosen))]
    found = [at_rest]
    if chosen.word:
        repeated = WordMap(run.network, chosen.word)
        periodic = _search(context, run, repeated, "word_")
        marked = _marked(plane, run, at_rest)
        title = f"While the word {context.parameters.word} repeats"
        figures.append(Panels(title, _of_word(run, marked, repeated, periodic)))
        found.append(periodic)
    return Panels("Dynamics", tuple(figures), measures=_measures(run, *found))


def _of_input(
    run: Trajectories,
    plane: Scatter,
    constant: WordMap,
    points: PointFigures,
    chosen: ChosenInputs,
) -> tuple[Figure, ...]:
    """Figures of the dynamics at a constant input."""
    return (
        _marked(plane, run, points),
        points.eigenvalues(),
        _shares(run.axes),
        points.slowness(constant.slowness(run.visited)),
        _drift(run, chosen),
        points.time_constants(),
        _weights(run),
        points.states(),
    )


def _of_word(
    run: Trajectories, plane: Scatter, repeated: WordMap, points: PointFigures
) -> tuple[Figure, ...]:
    """Figures of the dynamics while a word repeats."""
    drift, change = _word_changes(run, repeated)
    return (
        _marked(plane, run, points),
        points.eigenvalues(),
        drift,
        points.slowness(repeated.slowness(run.visited)),
        change,
        points.time_constants(),
        points.states(),
    )


def _search(context: Context, run: Trajectories, word_map: WordMap, prefix: str) -> PointFigures:
    """Search the points of one map from the visited states, for their figures."""
    parameters = context.parameters
    found = search(word_map, run.visited, parameters.seed, parameters.points)
    return PointFigures(found, prefix, run.network.entry_names)


def _readout(context: Context, run: Trajectories) -> Float[np.ndarray, " axes"] | None:
    """Return the readout's direction in state space, as a unit vector along the principal axes.

    None where the logits of two classes are not linear in the states.
    """
    architecture = context.model.architecture
    if linear_readout(architecture) is None or len(architecture.classes) != TWO:
        return None
    weights = Readout.of(architecture, context.model.weights).difference
    # The readout reads the hidden state alone, so its direction has no cell entries.
    direction = np.zeros(run.network.entries)
    direction[: len(weights)] = weights
    length = float(np.linalg.norm(direction)) or 1.0
    return np.asarray(run.axes.directions @ (direction / length))


def _trajectories(context: Context, run: Trajectories) -> Scatter:
    """Scatter plot of the trajectories in the plane of the first two principal axes."""
    places = run.axes.place(run.states)
    # A single unit has one axis only.
    places = np.pad(places, ((0, 0), (0, 0), (0, max(0, TWO - places.shape[-1]))))
    across, upward = (
        Tensor(f"pc{axis + 1}", "statistic", ("sequence", "step"), places[..., axis])
        for axis in range(TWO)
    )
    counts = context.model.architecture.declaration.counts_bits
    rule = colours.signed(run.count) if counts else colours.non_negative(run.count, "viridis")
    count = Tensor("count", "count", ("sequence", "step"), run.count, colour=rule)
    found = Scatter(
        f"Visited states, coloured by {'ones minus zeros' if counts else 'step'}",
        across,
        upward,
        colour=count,
    )
    readout = _readout(context, run)
    return found if readout is None else _with_readout(found, readout[:TWO], places)


def _with_readout(
    plane: Scatter,
    readout: Float[np.ndarray, " shown"],
    places: Float[np.ndarray, "sequences steps axes"],
) -> Scatter:
    """Return the scatter plot of the trajectories, with a line in the readout's direction."""
    length = float(np.linalg.norm(readout))
    reach = float(np.nanmax(np.abs(places[..., :TWO])))
    direction = np.zeros(TWO)
    direction[: len(readout)] = readout
    ends = np.outer([-reach, reach], direction / (length or 1.0))
    across, upward = (
        Tensor(f"readout_pc{axis + 1}", "statistic", ("end",), ends[:, axis]) for axis in range(TWO)
    )
    measures = (Measure("readout_in_plane", length, words="part of the readout in this plane"),)
    return replace(plane, measures=measures, path=(across, upward))


def _marked(plane: Scatter, run: Trajectories, found: PointFigures) -> Scatter:
    """Return the scatter plot of the trajectories, with the points of a search marked."""
    stops = run.axes.place(found.points.states)
    stops = np.pad(stops, ((0, 0), (0, max(0, TWO - stops.shape[1]))))
    across, upward = (
        found.tensor(f"point_pc{n + 1}", (found.axis,), stops[:, n]) for n in range(2)
    )
    return replace(plane, marked=(across, upward))


def _shares(axes: PrincipalAxes) -> Bars:
    shares = axes.shares[:SHOWN_SHARES]
    names: Coordinates = {"component": [f"pc{n + 1}" for n in range(len(shares))]}
    tensor = Tensor("explained_variance", "statistic", ("component",), shares, names)
    return Bars("Share of the variance along each axis", tensor, (0.0, 1.0))


def _weights(run: Trajectories) -> Heatmap:
    """Heatmap of the state weights of the trajectories' first principal axes."""
    directions = run.axes.directions[:SHOWN_AXES]
    names = [f"pc{n + 1}" for n in range(len(directions))]
    named: Coordinates = {"component": names, "entry": run.network.entry_names}
    tensor = Tensor(
        "components",
        "statistic",
        ("component", "entry"),
        directions,
        named,
        colours.signed(directions, "fixed"),
    )
    return Heatmap("Weights of state entries in the axes", tensor, "component")


def _grouped(
    place: Float[np.ndarray, " states"], moved: Float[np.ndarray, "*rows states"]
) -> tuple[list[str], Float[np.ndarray, "*rows groups"]]:
    """Return the mean displacement of states in equal groups by place on an axis, and their names.

    Groups have equal sizes: with equal widths the outer ones would have few states.
    """
    groups = np.array_split(np.argsort(place, kind="stable"), min(DRIFT_GROUPS, len(place)))
    means = np.stack([moved[..., group].mean(axis=-1) for group in groups], axis=-1)
    return [f"{place[group].mean():.3g}" for group in groups], means


def _drift(run: Trajectories, chosen: ChosenInputs) -> Lines:
    """Lines of the states' drift: mean displacement of one step along pc1, for each input."""
    moved = np.stack(
        [
            (run.network.step(run.visited, x) - run.visited) @ run.axes.directions[0]
            for x in chosen.compared.values()
        ]
    )
    names, drift = _grouped(run.axes.place(run.visited)[:, 0], moved)
    at: Coordinates = {"input": list(chosen.compared), "pc1": names}
    tensor = Tensor("drift", "statistic", ("input", "pc1"), drift, at)
    return Lines("Displacement by one step along pc1", (tensor,), "pc1", reference=0.0)


def _word_changes(run: Trajectories, repeated: WordMap) -> tuple[Lines, Bars]:
    """Figures of a repeated word's drift: along pc1 by place, and of each unit's memory.

    From states to which the word was applied before, so that the last symbols of the trajectories
    do not count.
    """
    settled = run.visited
    for _ in range(SETTLED_REPEATS):
        raise_if_cancelled()
        settled = repeated.step(settled)
    later = settled
    for _ in range(SETTLED_REPEATS):
        raise_if_cancelled()
        later = repeated.step(later)
    before, after = (run.axes.place(one)[:, 0] for one in (settled, later))
    names, drift = _grouped(before, (after - before) / SETTLED_REPEATS)
    along = Tensor("word_drift", "statistic", ("pc1",), drift, {"pc1": names})
    network = run.network
    change = np.abs(later - settled)[:, network.memory].max(axis=0) / SETTLED_REPEATS
    is_stacked = len(network.layers) > 1
    named = [network.entry_names[entry] for entry in network.memory] if is_stacked else []
    axis, at = ("entry", {"entry": named}) if is_stacked else ("unit", {})
    by_unit = Tensor("word_change", "statistic", (axis,), change, at)
    memory = "cell state" if all(layer.cell == "lstm" for layer in network.layers) else "state"
    return (
        Lines("Displacement by one word along pc1", (along,), "pc1", reference=0.0),
        Bars(f"Largest change of each {memory} by one word", by_unit),
    )


def _measures(
    run: Trajectories, constant: PointFigures, *words: PointFigures
) -> tuple[Measure, ...]:
    """Measures of the probe `dynamics`: typical speed, and the points of each search."""
    # Half the square of a speed has the unit of q, so that both can be compared.
    typical = float(run.speed.mean())
    speed = (Measure("typical_q", 0.5 * typical**2), Measure("typical_speed", typical))
    return (*constant.measures(), *speed, *(one for word in words for one in word.measures()))


PROBES = (
    Probe(
        family="sequence",
        name="dynamics",
        figure=dynamics,
        parameters=DynamicsParameters,
        check=check_dynamics,
        input=False,
        checkpoints=True,
        example={"sequences": "8"},
        needs=(HAS_FEW_STATES,),
    ),
)
