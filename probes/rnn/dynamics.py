"""Probe `dynamics` of the LSTM: trajectories, slow and fixed points, and their eigenvalues."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from pydantic import Field

from models.rnn.unit_statistics import held_out_sequences
from probes.declaration import Parameters, Probe, ProbeContext
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
from probes.rnn.fixed_points import WordMap, search
from probes.rnn.float64_cell import Cell
from probes.rnn.point_figures import PointFigures, entries
from probes.rnn.targets import LOGIT_WEIGHTS

SHOWN_AXES = 3
"""Number of principal axes of state space whose weights the probe `dynamics` shows."""

SHOWN_SHARES = 8
"""Number of principal axes of state space whose share of the variance is shown."""

DRIFT_GROUPS = 12
"""Number of equal groups of trajectory states, along the first axis, for the drift."""

SETTLED_REPEATS = 8
"""Repetitions of the word after which, and over which, its drift is measured."""

BIT_VALUES = (0.0, 1.0)
"""Input bits of training, for which the probe `dynamics` shows the drift of states."""


class DynamicsParameters(Parameters):
    """Parameters of the probe `dynamics`: inputs of both searches, and starting states."""

    input: float = Field(
        0.5,
        ge=0.0,
        le=1.0,
        description="Constant input of the fixed-point search. A counter has no fixed points at 0 "
        "or 1, as each bit changes its state; 0.5 favours neither, but does not occur in training.",
    )
    word: str = Field(
        "10",
        pattern="^[01]{1,12}$",
        description="Word of 1 to 12 bits, repeated, whose periodic points are searched. Under "
        "`10` the count does not change in the long run: a stable point shows a leak.",
    )
    sequences: int = Field(32, ge=4, le=64, description="Number of held-out sequences of 64 bits.")
    points: int = Field(
        4, ge=1, le=16, description="Number of points of each search to show, slowest first."
    )
    seed: int = Field(
        0, ge=0, le=4_294_967_295, description="Seed of the starting states of the search."
    )


@dataclass(frozen=True, eq=False)
class PrincipalAxes:
    """Principal axes of trajectories in state space, the axis of most variance first.

    Attributes:
        mean: Mean of the visited states.
        directions: Orthonormal directions; the largest entry of each is positive.
        shares: Share of the variance along each axis.
    """

    mean: Float[np.ndarray, " state"]
    directions: Float[np.ndarray, "components state"]
    shares: Float[np.ndarray, " components"]

    def place(self, states: Float[np.ndarray, "*rows state"]) -> Float[np.ndarray, "*rows axes"]:
        """Return the coordinates of states along the principal axes of the trajectories."""
        return np.asarray((states - self.mean) @ self.directions.T)


def axes_of(states: Float[np.ndarray, "rows state"]) -> PrincipalAxes:
    """Compute the principal axes of trajectories by singular value decomposition."""
    mean = states.mean(axis=0)
    _, lengths, directions = np.linalg.svd(states - mean, full_matrices=False)
    # The sign of a singular vector is arbitrary: fixed here, so that pictures are reproducible.
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=1)[:, None], axis=1)
    variances = lengths**2
    shares = variances / max(float(variances.sum()), np.finfo(np.float64).tiny)
    return PrincipalAxes(mean, directions * np.where(largest < 0, -1.0, 1.0), shares)


@dataclass(frozen=True, eq=False)
class Trajectories:
    """Trajectories of the LSTM's states over held-out sequences, and their principal axes.

    Attributes:
        cell: LSTM cell in float64.
        states: State after each step, from the zero state on.
        count: Ones minus zeros after each step.
        axes: Principal axes of all states.
    """

    cell: Cell
    states: Float[np.ndarray, "sequences steps state"]
    count: Float[np.ndarray, "sequences steps"]
    axes: PrincipalAxes

    @property
    def visited(self) -> Float[np.ndarray, "states state"]:
        """States of all trajectories, at all steps."""
        return self.states.reshape(-1, self.states.shape[-1])

    @property
    def speed(self) -> Float[np.ndarray, " moves"]:
        """Speed along the trajectories: distance between the states before and after each bit."""
        return np.asarray(np.linalg.norm(np.diff(self.states, axis=1), axis=-1)).ravel()


def dynamics(context: ProbeContext[DynamicsParameters]) -> Figure:
    """State space of the LSTM: trajectories, fixed, slow and periodic points, and eigenvalues.

    A state is s = [h; c], the hidden states before the cell states. `pc1` and `pc2` are the states
    of held-out sequences along their first two principal axes, `count` their ones minus zeros; the
    line is the direction of the readout's “yes” minus “no”, projected on that plane. The entries of
    s are not scaled: cell states, which are unbounded, dominate hidden states.

    `q` is ½‖F(s) − s‖², half the squared displacement of one step at a constant `input`, minimised
    by the Levenberg-Marquardt method from visited states, in their region enlarged by a quarter. A
    point is fixed at 1e-12; "none found" does not prove that there is none. Any other point is
    `slow`: compare it with `typical_q`, that of a bit, with its `distance` from the nearest visited
    state, and with `visited_q`, the smallest q at a visited state. Points are numbered, slowest
    first, and ringed.

    `word_…` are the same for F of a whole `word`, one step for each bit: a fixed point has the
    period of the word. Under `10` an exact counter returns to the state of any count: its points
    are `neutral`. A `stable` point attracts the counts near it, which is a leak. A unit that counts
    steps never returns, so a network with one has no such points: `word_change` has the largest
    change of each unit's cell state by a word, and `word_drift` the mean displacement along the
    first axis, both once quick changes have decayed.

    Eigenvalues are those of the Jacobian at the points: with all |λ| below 1 a fixed point is
    `stable`, with the largest within 1e-6 of 1 `neutral`, above `unstable` (`kind.k`); `stable.k`
    is null at a slow point, where eigenvalues are valid for fewer steps than it takes to leave it.
    −n / ln|λ| is the time constant in steps, n the bits of the word: negative for growth, and
    infinite (hatched) within 1e-6 of 1. `inside.k` is no where the search ended at the limit of the
    region. `drift` is the mean displacement of visited states along the first axis by one step, by
    group of their position on it.
    """
    parameters = context.parameters
    run = _trajectories_of(context)
    constant = WordMap(run.cell, (parameters.input,))
    repeated = WordMap(run.cell, tuple(map(float, parameters.word)))
    at_rest = _search(run, constant, parameters, "")
    periodic = _search(run, repeated, parameters, "word_")
    plane = _marked(_trajectories(context, run), run, at_rest)
    of_input = (
        plane,
        at_rest.eigenvalues(),
        _shares(run.axes),
        at_rest.slowness(constant.slowness(run.visited)),
        _drift(run, parameters.input),
        at_rest.time_constants(),
        _weights(run.axes),
        at_rest.states(),
    )
    drift, change = _word_changes(run, repeated)
    of_word = (
        _marked(plane, run, periodic),
        periodic.eigenvalues(),
        drift,
        periodic.slowness(repeated.slowness(run.visited)),
        change,
        periodic.time_constants(),
        periodic.states(),
    )
    figures = (
        Panels(f"At a constant input of {parameters.input:g}", of_input, 2),
        Panels(f"While the word {parameters.word} repeats", of_word, 2),
    )
    return Panels("Dynamics", figures, measures=_measures(run, at_rest, periodic))


def _search(
    run: Trajectories, word_map: WordMap, parameters: DynamicsParameters, prefix: str
) -> PointFigures:
    """Search the points of one map from the visited states, for their figures."""
    found = search(word_map, run.visited, parameters.seed, parameters.points)
    return PointFigures(found, prefix)


def _trajectories_of(context: ProbeContext[DynamicsParameters]) -> Trajectories:
    """Compute the trajectories of the probe `dynamics` over held-out sequences, in float64."""
    sequences = held_out_sequences()[: context.parameters.sequences]
    cell = Cell.of(context.model.weights)
    states = cell.run(sequences)
    count = np.cumsum(2.0 * sequences - 1.0, axis=1)
    count = np.concatenate([np.zeros((len(sequences), 1)), count], axis=1)
    return Trajectories(cell, states, count, axes_of(states.reshape(-1, states.shape[-1])))


def _readout(context: ProbeContext[Parameters], run: Trajectories) -> Float[np.ndarray, " axes"]:
    """Return the readout's direction in state space, as a unit vector along the principal axes."""
    weights = (
        context.model.weights["readout.kernel"].astype(np.float64) @ LOGIT_WEIGHTS["difference"]
    )
    # The readout reads the hidden state alone, so its direction has no cell entries.
    direction = np.concatenate([weights, np.zeros_like(weights)])
    length = float(np.linalg.norm(direction)) or 1.0
    return np.asarray(run.axes.directions @ (direction / length))


def _trajectories(context: ProbeContext[Parameters], run: Trajectories) -> Scatter:
    """Scatter plot of the trajectories in the plane of the first two principal axes."""
    places = run.axes.place(run.states)
    readout = _readout(context, run)[:2]
    length = float(np.linalg.norm(readout))
    reach = float(np.abs(places[..., :2]).max())
    ends = np.outer([-reach, reach], readout / (length or 1.0))
    along: list[Tensor] = []
    for axis in range(2):
        name = f"pc{axis + 1}"
        along += [
            Tensor(name, "statistic", ("sequence", "step"), places[..., axis]),
            Tensor(f"readout_{name}", "statistic", ("end",), ends[:, axis]),
        ]
    count = Tensor(
        "count", "count", ("sequence", "step"), run.count, colour=colours.signed(run.count)
    )
    return Scatter(
        "Visited states, coloured by ones minus zeros",
        along[0],
        along[2],
        measures=(Measure("readout_in_plane", length),),
        colour=count,
        path=(along[1], along[3]),
    )


def _marked(plane: Scatter, run: Trajectories, found: PointFigures) -> Scatter:
    """Return the scatter plot of the trajectories, with the points of a search marked."""
    stops = run.axes.place(found.points.states)
    across, upward = (
        found.tensor(f"point_pc{n + 1}", (found.axis,), stops[:, n]) for n in range(2)
    )
    return replace(plane, marked=(across, upward))


def _shares(axes: PrincipalAxes) -> Bars:
    shares = axes.shares[:SHOWN_SHARES]
    names: Coordinates = {"component": [f"pc{n + 1}" for n in range(len(shares))]}
    tensor = Tensor("explained_variance", "statistic", ("component",), shares, names)
    return Bars("Share of the variance along each axis", tensor, (0.0, 1.0))


def _weights(axes: PrincipalAxes) -> Heatmap:
    """Heatmap of the state weights of the trajectories' first principal axes."""
    directions = axes.directions[:SHOWN_AXES]
    names = [f"pc{n + 1}" for n in range(len(directions))]
    named: Coordinates = {"component": names, "entry": entries(directions.shape[1] // 2)}
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
    groups = np.array_split(np.argsort(place, kind="stable"), DRIFT_GROUPS)
    means = np.stack([moved[..., group].mean(axis=-1) for group in groups], axis=-1)
    return [f"{place[group].mean():.3g}" for group in groups], means


def _drift(run: Trajectories, chosen: float) -> Lines:
    """Lines of the states' drift: mean displacement of one step along pc1, for each input."""
    inputs = sorted({*BIT_VALUES, chosen})
    moved = np.stack(
        [(run.cell.step(run.visited, x) - run.visited) @ run.axes.directions[0] for x in inputs]
    )
    names, drift = _grouped(run.axes.place(run.visited)[:, 0], moved)
    at: Coordinates = {"input": [f"input {x:g}" for x in inputs], "pc1": names}
    tensor = Tensor("drift", "statistic", ("input", "pc1"), drift, at)
    return Lines("Displacement by one step along pc1", (tensor,), "pc1", reference=0.0)


def _word_changes(run: Trajectories, repeated: WordMap) -> tuple[Lines, Bars]:
    """Figures of a repeated word's drift: along pc1 by place, and of each unit's cell state.

    From states to which the word was applied before, so that the last bits of the trajectories do
    not count.
    """
    settled = run.visited
    for _ in range(SETTLED_REPEATS):
        settled = repeated.step(settled)
    later = settled
    for _ in range(SETTLED_REPEATS):
        later = repeated.step(later)
    before, after = (run.axes.place(one)[:, 0] for one in (settled, later))
    names, drift = _grouped(before, (after - before) / SETTLED_REPEATS)
    along = Tensor("word_drift", "statistic", ("pc1",), drift, {"pc1": names})
    change = np.abs(later - settled)[:, run.cell.units :].max(axis=0) / SETTLED_REPEATS
    by_unit = Tensor("word_change", "statistic", ("unit",), change)
    return (
        Lines("Displacement by one word along pc1", (along,), "pc1", reference=0.0),
        Bars("Largest change of each cell state by one word", by_unit),
    )


def _measures(run: Trajectories, constant: PointFigures, word: PointFigures) -> tuple[Measure, ...]:
    """Measures of the probe `dynamics`: typical speed, and the points of both searches."""
    # Half the square of a speed has the unit of q, so that both can be compared.
    typical = float(run.speed.mean())
    speed = (Measure("typical_q", 0.5 * typical**2), Measure("typical_speed", typical))
    return (*constant.measures(), *speed, *word.measures())


PROBES = (
    Probe(
        family="sequence",
        name="dynamics",
        figure=dynamics,
        parameters=DynamicsParameters,
        input=False,
        checkpoints=True,
        example={"sequences": "8"},
    ),
)
