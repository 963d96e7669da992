"""Fixed points of an LSTM at a constant input: search, Jacobian and eigenvalues.

In float64 on the host: q of a fixed point is far below the rounding of float32.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Complex, Float, Int, UInt8

States = Float[np.ndarray, "*rows state"]
"""States s = [h; c] in the fixed-point search: hidden state, then cell state."""

SAME_POINT = 1e-2
"""Largest distance in any entry, as a share of the region, at which fixed points are merged."""

MAX_ITERATIONS = 60
CONVERGED_Q = 1e-28
"""Value of q below which the fixed-point search ends: it is rounding error."""

SETTLING_STEPS = 64
"""Steps at constant input after which starts of the fixed-point search count as settled."""

MOST_STARTS, LEAST_STARTS = 64, 8
STARTING_ENTRIES = 1024
"""Starts of the fixed-point search times entries of a state: bounds the time for 64 units."""

START_DEVIATION = 0.1
"""Standard deviation of the noise on every other start of the fixed-point search."""

REGION_MARGIN = 0.25
"""Margin of the fixed-point search region, as a share of the visited states' range."""

MIN_MARGIN = 1e-6
"""Absolute margin of the fixed-point search region, for entries that are constant."""

DAMPING = 1e-2
LEAST_DAMPING, MOST_DAMPING = 1e-12, 1e12
DAMPING_DECREASE, DAMPING_INCREASE = 0.2, 5.0
"""Factors of the fixed-point search's damping after a step that lowers q, and after another."""


def sigmoid(values: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Return σ of values, without overflow, for the LSTM gates of the fixed-point search."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * values)))


@dataclass(frozen=True, eq=False)
class Cell:
    """LSTM cell in float64 for fixed points: [i, f, g, o] are the quarters of W x + U h + b.

    Attributes:
        from_input: Input weights W.
        from_hidden: Recurrent weights U.
        bias: Bias b.
    """

    from_input: Float[np.ndarray, " sums"]
    from_hidden: Float[np.ndarray, "units sums"]
    bias: Float[np.ndarray, " sums"]

    @classmethod
    def of(cls, weights: Mapping[str, np.ndarray]) -> "Cell":
        """Build the float64 LSTM cell of the fixed-point search from the weights of a network."""
        kernels = (weights["cell.dense_i.kernel"][0], weights["cell.dense_h.kernel"])
        return cls(*(one.astype(np.float64) for one in (*kernels, weights["cell.dense_h.bias"])))

    @property
    def units(self) -> int:
        """Number of units in the fixed-point search; a state has twice as many entries."""
        return len(self.from_hidden)

    def gates(
        self, states: States, inputs: Float[np.ndarray, "*rows"] | float
    ) -> tuple[Float[np.ndarray, "*rows units"], ...]:
        """Return the gates i, f, candidate g and gate o of the fixed-point search's LSTM cell."""
        sums = states[..., : self.units] @ self.from_hidden + self.bias
        sums = sums + np.asarray(inputs, np.float64)[..., None] * self.from_input
        i, f, g, o = np.split(sums, 4, axis=-1)
        return sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)

    def step(self, states: States, inputs: Float[np.ndarray, "*rows"] | float) -> States:
        """Return the float64 LSTM cell's next states F(s; x), whose fixed points are searched."""
        i, f, g, o = self.gates(states, inputs)
        cell = f * states[..., self.units :] + i * g
        return np.concatenate([o * np.tanh(cell), cell], axis=-1)

    def jacobian(
        self, states: Float[np.ndarray, "rows state"], inputs: float
    ) -> Float[np.ndarray, "rows state state"]:
        """Return the Jacobian ∂F/∂s for stability of fixed points, a row for each entry of F(s)."""
        units = self.units
        i, f, g, o = self.gates(states, inputs)
        before = states[:, units:]
        squashed = np.tanh(f * before + i * g)
        by_i, by_f, by_g, by_o = np.split(self.from_hidden.T, 4)
        made = np.empty((len(states), 2 * units, 2 * units))
        hidden, cell = slice(0, units), slice(units, None)
        made[:, cell, hidden] = (
            (before * f * (1 - f))[..., None] * by_f
            + (g * i * (1 - i))[..., None] * by_i
            + (i * (1 - g**2))[..., None] * by_g
        )
        made[:, cell, cell] = f[..., None] * np.eye(units)
        shown = (o * (1 - squashed**2))[..., None]
        made[:, hidden] = shown * made[:, cell]
        made[:, hidden, hidden] += (squashed * o * (1 - o))[..., None] * by_o
        return made

    def run(
        self, sequences: UInt8[np.ndarray, "sequences time"]
    ) -> Float[np.ndarray, "sequences times state"]:
        """Return visited states, from zero on, near which fixed points are searched."""
        states = [np.zeros((len(sequences), 2 * self.units))]
        for bits in sequences.T:
            states.append(self.step(states[-1], bits.astype(np.float64)))
        return np.stack(states, axis=1)


def slowness(
    cell: Cell, states: Float[np.ndarray, "rows state"], inputs: float
) -> Float[np.ndarray, " rows"]:
    """Return q(s) = ½ ‖F(s; x) − s‖², which is 0 at a fixed point.

    References:
        Sussillo & Barak (2013), Opening the black box: low-dimensional dynamics in high-dimensional
        recurrent neural networks.
    """
    return np.asarray(0.5 * ((cell.step(states, inputs) - states) ** 2).sum(axis=-1))


@dataclass(frozen=True, eq=False)
class Region:
    """Region of the fixed-point search: a lower and an upper limit of each entry of a state."""

    low: Float[np.ndarray, " state"]
    high: Float[np.ndarray, " state"]

    @classmethod
    def around(cls, visited: Float[np.ndarray, "states state"]) -> "Region":
        """Return the fixed-point search region around states: bounding box plus margin."""
        low, high = visited.min(axis=0), visited.max(axis=0)
        air = REGION_MARGIN * (high - low) + MIN_MARGIN
        return cls(low - air, high + air)

    def clipped(self, states: Float[np.ndarray, "rows state"]) -> Float[np.ndarray, "rows state"]:
        """Return states clipped to the fixed-point search region."""
        return np.asarray(np.clip(states, self.low, self.high))

    def leaving(
        self, states: Float[np.ndarray, "rows state"], way: Float[np.ndarray, "rows state"]
    ) -> Bool[np.ndarray, "rows state"]:
        """Return which entries are at a limit of the fixed-point search region, moving outward."""
        below, above = (states <= self.low) & (way < 0), (states >= self.high) & (way > 0)
        return np.asarray(below | above)

    def span(self) -> Float[np.ndarray, " state"]:
        """Return the width of the fixed-point search region in each entry."""
        return np.asarray(self.high - self.low)

    def inside(self, states: Float[np.ndarray, "rows state"]) -> UInt8[np.ndarray, " rows"]:
        """Return 1 for states strictly within the fixed-point search region, 0 at a limit."""
        within = (states > self.low) & (states < self.high)
        return np.asarray(within.all(axis=1), np.uint8)


@dataclass(frozen=True, eq=False)
class Points:
    """Points that a fixed-point search ended at, the slowest first.

    Attributes:
        states: State of each point.
        q: Value of q at each point, 0 at a fixed point.
        reached: Number of starts that ended at each point.
        distance: Distance from each point to the nearest visited state.
        inside: 0 for a point at the limit of the region, beyond which q decreases further.
        eigenvalues: Eigenvalues of the Jacobian, the largest magnitude first.
    """

    states: Float[np.ndarray, "points state"]
    q: Float[np.ndarray, " points"]
    reached: Int[np.ndarray, " points"]
    distance: Float[np.ndarray, " points"]
    inside: UInt8[np.ndarray, " points"]
    eigenvalues: Complex[np.ndarray, "points state"]

    @property
    def magnitude(self) -> Float[np.ndarray, "points state"]:
        """Magnitudes |λ| at fixed points: a perturbation decays below 1 and grows above 1."""
        return np.asarray(np.abs(self.eigenvalues))

    @property
    def time_constant(self) -> Float[np.ndarray, "points state"]:
        """Time constant −1/ln |λ| at fixed points, in steps: e-folding time of a perturbation.

        Negative for a growing perturbation, infinite at |λ| = 1, 0 at λ = 0.
        """
        with np.errstate(divide="ignore"):
            return np.asarray(-1.0 / np.log(self.magnitude))

    @property
    def stable(self) -> UInt8[np.ndarray, " points"]:
        """Stability of fixed points: 1 where all |λ| are below 1."""
        return np.asarray(self.magnitude[:, 0] < 1, np.uint8)

    def found(self, tolerance: float) -> int:
        """Count the fixed points of a search: those whose q is at most a tolerance."""
        return int((self.q <= tolerance).sum())


def search(
    cell: Cell, visited: Float[np.ndarray, "states state"], inputs: float, seed: int, most: int
) -> Points:
    """Search fixed points at a constant input: minimise q from many starts.

    The search is limited to the region of the visited states and of the states that they settle
    in: the cell state is unbounded, and q of a counting LSTM decreases without limit far beyond
    any sequence, where its gates saturate.

    Args:
        cell: LSTM cell.
        visited: States of trajectories.
        inputs: Constant input.
        seed: Seed of the choice of starts and of the noise.
        most: Largest number of points to return.
    """
    starts = _starts(visited, seed)
    settled = starts
    for _ in range(SETTLING_STEPS):
        settled = cell.step(settled, inputs)
    region = Region.around(np.concatenate([visited, settled]))
    ends = minimise(cell, starts, inputs, region)
    q = slowness(cell, ends, inputs)
    order = np.argsort(q, kind="stable")
    kept, reached = _distinct(ends[order] / region.span())
    states = ends[order][kept[:most]]
    return Points(
        states,
        q[order][kept[:most]],
        reached[:most],
        np.stack([np.linalg.norm(visited - state, axis=1).min() for state in states]),
        region.inside(states),
        _eigenvalues(cell.jacobian(states, inputs)),
    )


def _eigenvalues(
    jacobians: Float[np.ndarray, "points state state"],
) -> Complex[np.ndarray, "points state"]:
    """Return the eigenvalues of the Jacobian at each fixed point, the largest magnitude first."""
    # NumPy returns a real array where all eigenvalues are real.
    found = np.linalg.eigvals(jacobians).astype(np.complex128)
    order = np.argsort(-np.abs(found), axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)


def _starts(
    visited: Float[np.ndarray, "states state"], seed: int
) -> Float[np.ndarray, "starts state"]:
    """Return the starts of a fixed-point search: visited states, every other one with noise."""
    random = np.random.default_rng(seed)
    entries = visited.shape[1]
    count = int(np.clip(STARTING_ENTRIES // entries, LEAST_STARTS, MOST_STARTS))
    starts = visited[random.integers(0, len(visited), count)]
    noise = random.normal(0.0, START_DEVIATION, starts.shape)
    # Half of the starts stay on the trajectories, where the network was trained.
    noise[::2] = 0.0
    return np.asarray(starts + noise)


def minimise(
    cell: Cell, starts: Float[np.ndarray, "starts state"], inputs: float, region: Region
) -> Float[np.ndarray, "starts state"]:
    """Minimise q of the fixed-point search within a region, by the Levenberg-Marquardt method.

    An entry at a limit that would move beyond it is held there for that step.

    References:
        Marquardt (1963), An algorithm for least-squares estimation of nonlinear parameters.
    """
    states, size = region.clipped(starts), starts.shape[1]
    damping, q = np.full(len(states), DAMPING), slowness(cell, states, inputs)
    for _ in range(MAX_ITERATIONS):
        if q.max() < CONVERGED_Q:
            break
        slope = cell.jacobian(states, inputs) - np.eye(size)
        off = (cell.step(states, inputs) - states)[..., None]
        uphill = (np.swapaxes(slope, 1, 2) @ off)[..., 0]
        # A zero column keeps that entry fixed in the least-squares step.
        slope = np.where(region.leaving(states, -uphill)[:, None], 0.0, slope)
        back = np.swapaxes(slope, 1, 2)
        damped = back @ slope + damping[:, None, None] * np.eye(size)
        moved = region.clipped(states - np.linalg.solve(damped, back @ off)[..., 0])
        lower = slowness(cell, moved, inputs)
        # A step that raises q is discarded and tried again with more damping.
        better = lower < q
        states, q = np.where(better[:, None], moved, states), np.where(better, lower, q)
        damping = np.clip(
            damping * np.where(better, DAMPING_DECREASE, DAMPING_INCREASE),
            LEAST_DAMPING,
            MOST_DAMPING,
        )
    return states


def _distinct(
    states: Float[np.ndarray, "ends state"],
) -> tuple[Int[np.ndarray, " points"], Int[np.ndarray, " points"]]:
    """Merge equal fixed points: return the index of the first of each, and the number of states.

    Args:
        states: States as shares of the region, in the order of q.
    """
    apart = np.abs(states[:, None] - states[None]).max(axis=-1)
    left = np.ones(len(states), np.bool_)
    kept, reached = [], []
    for place in range(len(states)):
        if left[place]:
            same = left & (apart[place] <= SAME_POINT)
            kept.append(place)
            reached.append(int(same.sum()))
            left &= ~same
    return np.array(kept, np.int64), np.array(reached, np.int64)
