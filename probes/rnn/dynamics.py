"""Probe `dynamics` of the LSTM: trajectories, slow and fixed points, and their eigenvalues."""

from dataclasses import dataclass

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
from probes.rnn.fixed_points import Cell, Points, search
from probes.rnn.targets import LOGIT_WEIGHTS

TOLERANCES = (1e-6, 1e-9, 1e-12)
"""Tolerances of q at which the probe `dynamics` counts points; at the last, they are fixed."""

FIXED_TOLERANCE = TOLERANCES[-1]

SHOWN_AXES = 3
"""Number of principal axes of state space whose weights the probe `dynamics` shows."""

SHOWN_SHARES = 8
"""Number of principal axes of state space whose share of the variance is shown."""

DRIFT_GROUPS = 12
"""Number of equal groups of trajectory states, along the first axis, for the drift."""

MAX_COLOURED_STEPS = 256.0
"""Largest time constant on the colour scale of the probe `dynamics`, in steps."""

BIT_VALUES = (0.0, 1.0)
"""Input bits of training, for which the probe `dynamics` shows the drift of states."""


class DynamicsParameters(Parameters):
    """Parameters of the probe `dynamics`: constant input of the search, and starting states."""

    input: float = Field(
        0.5,
        ge=0.0,
        le=1.0,
        description="Constant input of the fixed-point search. A counter has no fixed points at 0 "
        "or 1, as each bit changes its state; 0.5 favours neither, but does not occur in training.",
    )
    sequences: int = Field(32, ge=4, le=64, description="Number of held-out sequences of 64 bits.")
    points: int = Field(4, ge=1, le=16, description="Number of points to show, slowest first.")
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
    """State space of the LSTM: trajectories, fixed and slow points, and their eigenvalues.

    A state is s = [h; c], the hidden states before the cell states. `pc1` and `pc2` are the states
    of held-out sequences along their first two principal axes, `count` their ones minus zeros; the
    line is the direction of the readout's “yes” minus “no”, projected on that plane. The entries of
    s are not scaled: cell states, which are unbounded, dominate hidden states.

    `q` is ½‖F(s; input) − s‖², half the squared displacement of one step at a constant `input`,
    minimised by the Levenberg-Marquardt method from visited states, in their region enlarged by a
    quarter. A point counts as fixed at 1e-12; "none found" does not prove that there is none. A
    point that is slow compared with `typical_q`, that of a bit, may be part of a line attractor.
    Points are numbered, slowest first, and ringed.

    Eigenvalues are those of the Jacobian at the points: with all |λ| below 1 a point is `stable`,
    |λ| near 1 integrates, and −1 / ln|λ| is the time constant in steps (negative for growth). At a
    slow point they are valid only for fewer steps than it takes to leave it. `inside.k` is no where
    the search ended at the limit of the region. `drift` is the mean displacement of visited states
    along the first axis, by group of their position on it.
    """
    parameters = context.parameters
    run = _trajectories_of(context)
    points = search(run.cell, run.visited, parameters.input, parameters.seed, parameters.points)
    figures = (
        _trajectories(context, run, points),
        _eigenvalues(points),
        _shares(run.axes),
        _slowness(points),
        _drift(run, parameters.input),
        _time_constants(points),
        _weights(run.axes),
        _states(points),
    )
    return Panels("Dynamics", figures, 2, measures=_measures(run, points))


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


def _trajectories(context: ProbeContext[Parameters], run: Trajectories, points: Points) -> Scatter:
    """Scatter plot of the trajectories in the plane of the first two principal axes."""
    places = run.axes.place(run.states)
    readout = _readout(context, run)[:2]
    length = float(np.linalg.norm(readout))
    reach = float(np.abs(places[..., :2]).max())
    ends = np.outer([-reach, reach], readout / (length or 1.0))
    stops = run.axes.place(points.states)
    along: list[Tensor] = []
    for axis in range(2):
        name = f"pc{axis + 1}"
        along += [
            Tensor(name, "statistic", ("sequence", "step"), places[..., axis]),
            Tensor(f"readout_{name}", "statistic", ("end",), ends[:, axis]),
            Tensor(f"point_{name}", "statistic", ("point",), stops[:, axis]),
        ]
    count = Tensor(
        "count", "count", ("sequence", "step"), run.count, colour=colours.signed(run.count)
    )
    return Scatter(
        "Visited states, coloured by ones minus zeros",
        along[0],
        along[3],
        measures=(Measure("readout_in_plane", length),),
        colour=count,
        path=(along[1], along[4]),
        marked=(along[2], along[5]),
    )


def _shares(axes: PrincipalAxes) -> Bars:
    shares = axes.shares[:SHOWN_SHARES]
    names: Coordinates = {"component": [f"pc{n + 1}" for n in range(len(shares))]}
    tensor = Tensor("explained_variance", "statistic", ("component",), shares, names)
    return Bars("Share of the variance along each axis", tensor, (0.0, 1.0))


def entries(units: int) -> list[str]:
    """Return the names of a state vector's entries in `dynamics`: h0 to hN, then c0 to cN."""
    return [f"{state}{unit}" for state in ("h", "c") for unit in range(units)]


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
    return Heatmap("What the axes are made of", tensor, "component")


def _drift(run: Trajectories, chosen: float) -> Lines:
    """Lines of the states' drift: mean displacement of one step along pc1, for each input."""
    place = run.axes.place(run.visited)[:, 0]
    # Groups of equal size: with equal widths the outer ones would have few states.
    groups = np.array_split(np.argsort(place, kind="stable"), DRIFT_GROUPS)
    inputs = sorted({*BIT_VALUES, chosen})
    moved = np.stack(
        [(run.cell.step(run.visited, x) - run.visited) @ run.axes.directions[0] for x in inputs]
    )
    drift = np.stack([moved[:, group].mean(axis=1) for group in groups], axis=1)
    at: Coordinates = {
        "input": [f"input {x:g}" for x in inputs],
        "pc1": [f"{place[group].mean():.3g}" for group in groups],
    }
    tensor = Tensor("drift", "statistic", ("input", "pc1"), drift, at)
    return Lines("Way of one step along pc1", (tensor,), "pc1", reference=0.0)


def _slowness(points: Points) -> Bars:
    tensor = Tensor("q", "statistic", ("point",), points.q)
    return Bars("q of each point, the slowest first", tensor)


def _states(points: Points) -> Heatmap:
    """Heatmap of the states of slow and fixed points in the probe `dynamics`."""
    named: Coordinates = {"entry": entries(points.states.shape[1] // 2)}
    tensor = Tensor(
        "points",
        "statistic",
        ("point", "entry"),
        points.states,
        named,
        colours.signed(points.states),
    )
    return Heatmap("Where the points are", tensor, "point")


def _eigenvalues(points: Points) -> Scatter:
    """Scatter plot of the eigenvalues in the probe `dynamics`, with the unit circle."""
    axes = ("point", "eigenvalue")
    real, imaginary = points.eigenvalues.real, points.eigenvalues.imag
    # A point every 5 degrees, the first again at the end to close the circle.
    turn = np.linspace(0.0, 2 * np.pi, 73)
    circle = (
        Tensor("circle_real", "statistic", ("angle",), np.cos(turn)),
        Tensor("circle_imaginary", "statistic", ("angle",), np.sin(turn)),
    )
    return Scatter(
        "Eigenvalues at the points, and the circle of magnitude 1",
        Tensor("eigenvalues_real", "statistic", axes, np.ascontiguousarray(real)),
        Tensor("eigenvalues_imaginary", "statistic", axes, np.ascontiguousarray(imaginary)),
        path=circle,
    )


def _time_constants(points: Points) -> Heatmap:
    values = points.time_constant
    tensor = Tensor(
        "time_constants",
        "statistic",
        ("point", "eigenvalue"),
        values,
        # One infinite time constant would leave no colours for the others.
        colour=colours.signed(np.clip(values, -MAX_COLOURED_STEPS, MAX_COLOURED_STEPS)),
    )
    return Heatmap("Time constants at the points, in steps", tensor, "point")


def _measures(run: Trajectories, points: Points) -> tuple[Measure, ...]:
    """Measures of the probe `dynamics`: points found, typical speed, stability of each point."""
    # Half the square of a speed has the unit of q, so that both can be compared.
    typical = float(run.speed.mean())
    fixed = points.found(FIXED_TOLERANCE)
    stated = [
        Measure("fixed_points", f"{fixed} found" if fixed else "none found"),
        Measure("slowest_q", float(points.q[0])),
        Measure("typical_q", 0.5 * typical**2),
        Measure("typical_speed", typical),
        *(Measure(f"found_at_{one:.0e}", points.found(one), "points") for one in TOLERANCES),
    ]
    for point in range(len(points.q)):
        stated += [
            Measure(f"stable.{point}", bool(points.stable[point])),
            Measure(f"inside.{point}", bool(points.inside[point])),
            Measure(f"reached.{point}", int(points.reached[point]), "starts"),
            Measure(f"distance.{point}", float(points.distance[point])),
        ]
    return tuple(stated)


PROBES = (
    Probe(
        model="lstm",
        name="dynamics",
        figure=dynamics,
        parameters=DynamicsParameters,
        input=False,
        checkpoints=True,
        example={"sequences": "8"},
    ),
)
