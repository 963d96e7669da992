"""The LSTM as a map from state to state: where it stands still, and how it moves nearby.

Everything is float64 on the host: what is sought are differences far below float32's rounding.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Complex, Float, Int, UInt8

States = Float[np.ndarray, "*rows state"]
"""Hidden state, then cell state: s = [h; c]."""

SAME = 1e-2
"""Two points are one where no entry differs by more of what the region spans."""

ITERATIONS = 60
ENOUGH = 1e-28
"""From here on q is nothing but rounding."""

SETTLING = 64
"""For so many steps the input is held, to see where states go then."""

MOST_STARTS, LEAST_STARTS = 64, 8
STARTING_ENTRIES = 1024
"""Starts times entries of a state, within those limits: a search of 64 units must end soon too."""

NOISE = 0.1
"""Standard deviation of what is added to a visited state, to start from beside the trajectories."""

AIR = 0.25
"""How much further than the visited states points are sought, as a share of what these span."""

TINY = 1e-6
"""Is added to that, for what never moves."""

DAMPING = 1e-2
LEAST_DAMPING, MOST_DAMPING = 1e-12, 1e12
FALL, RISE = 0.2, 5.0
"""By what damping is multiplied after a step that helped, and after one that did not."""


def sigmoid(values: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Return σ of values, without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * values)))


@dataclass(frozen=True, eq=False)
class Cell:
    """An LSTM cell in float64: [i, f, g, o] are the four quarters of W x + U h + b.

    Attributes:
        from_input: W.
        from_hidden: U.
        bias: b.
    """

    from_input: Float[np.ndarray, " sums"]
    from_hidden: Float[np.ndarray, "units sums"]
    bias: Float[np.ndarray, " sums"]

    @classmethod
    def of(cls, weights: Mapping[str, np.ndarray]) -> "Cell":
        """Read the cell off the weights of a network."""
        kernels = (weights["cell.dense_i.kernel"][0], weights["cell.dense_h.kernel"])
        return cls(*(one.astype(np.float64) for one in (*kernels, weights["cell.dense_h.bias"])))

    @property
    def units(self) -> int:
        """How many units it has: a state has twice as many entries."""
        return len(self.from_hidden)

    def gates(
        self, states: States, inputs: Float[np.ndarray, "*rows"] | float
    ) -> tuple[Float[np.ndarray, "*rows units"], ...]:
        """Return input gate, forget gate, candidate and output gate."""
        sums = states[..., : self.units] @ self.from_hidden + self.bias
        sums = sums + np.asarray(inputs, np.float64)[..., None] * self.from_input
        i, f, g, o = np.split(sums, 4, axis=-1)
        return sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)

    def step(self, states: States, inputs: Float[np.ndarray, "*rows"] | float) -> States:
        """Return the states one step later, F(s; x)."""
        i, f, g, o = self.gates(states, inputs)
        cell = f * states[..., self.units :] + i * g
        return np.concatenate([o * np.tanh(cell), cell], axis=-1)

    def jacobian(
        self, states: Float[np.ndarray, "rows state"], inputs: float
    ) -> Float[np.ndarray, "rows state state"]:
        """Return ∂F/∂s, by the chain rule: row by what comes out, column by what goes in."""
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
        """Return the states of every step, the first being all zeros."""
        states = [np.zeros((len(sequences), 2 * self.units))]
        for bits in sequences.T:
            states.append(self.step(states[-1], bits.astype(np.float64)))
        return np.stack(states, axis=1)


def slowness(
    cell: Cell, states: Float[np.ndarray, "rows state"], inputs: float
) -> Float[np.ndarray, " rows"]:
    """Return q(s) = ½ ‖F(s; x) − s‖²: how far a state is from standing still.

    References:
        Sussillo & Barak (2013), Opening the black box: low-dimensional dynamics in high-dimensional
        recurrent neural networks.
    """
    return np.asarray(0.5 * ((cell.step(states, inputs) - states) ** 2).sum(axis=-1))


@dataclass(frozen=True, eq=False)
class Region:
    """Where points are sought: between two limits of each entry of a state."""

    low: Float[np.ndarray, " state"]
    high: Float[np.ndarray, " state"]

    @classmethod
    def around(cls, visited: Float[np.ndarray, "states state"]) -> "Region":
        """Return what the states span, and a share of it more on either side."""
        low, high = visited.min(axis=0), visited.max(axis=0)
        air = AIR * (high - low) + TINY
        return cls(low - air, high + air)

    def clipped(self, states: Float[np.ndarray, "rows state"]) -> Float[np.ndarray, "rows state"]:
        """Return states moved to the nearest one in the region."""
        return np.asarray(np.clip(states, self.low, self.high))

    def leaving(
        self, states: Float[np.ndarray, "rows state"], way: Float[np.ndarray, "rows state"]
    ) -> Bool[np.ndarray, "rows state"]:
        """Tell which entries stand at an edge and would go on beyond it."""
        below, above = (states <= self.low) & (way < 0), (states >= self.high) & (way > 0)
        return np.asarray(below | above)

    def span(self) -> Float[np.ndarray, " state"]:
        """Return how far apart the limits are."""
        return np.asarray(self.high - self.low)

    def inside(self, states: Float[np.ndarray, "rows state"]) -> UInt8[np.ndarray, " rows"]:
        """Return 1 for states that stand at no edge."""
        within = (states > self.low) & (states < self.high)
        return np.asarray(within.all(axis=1), np.uint8)


@dataclass(frozen=True, eq=False)
class Points:
    """Where a search for fixed points ended, the slowest first.

    Attributes:
        q: How far each is from standing still.
        reached: How many starts ended there.
        distance: From each to the nearest of the states that trajectories visit.
        inside: 0 where the search was stopped by the edge of the region: q falls on beyond it.
        eigenvalues: Of the Jacobian there, the largest magnitude first.
    """

    states: Float[np.ndarray, "points state"]
    q: Float[np.ndarray, " points"]
    reached: Int[np.ndarray, " points"]
    distance: Float[np.ndarray, " points"]
    inside: UInt8[np.ndarray, " points"]
    eigenvalues: Complex[np.ndarray, "points state"]

    @property
    def magnitude(self) -> Float[np.ndarray, "points state"]:
        """|λ|: below 1 what is moved that way comes back, above 1 it runs off."""
        return np.asarray(np.abs(self.eigenvalues))

    @property
    def time_constant(self) -> Float[np.ndarray, "points state"]:
        """−1 / ln |λ|, in steps: after so many what was moved that way has shrunk to 1/e.

        Negative where it grows; infinite where it stays, 0 where it is gone at once.
        """
        with np.errstate(divide="ignore"):
            return np.asarray(-1.0 / np.log(self.magnitude))

    @property
    def stable(self) -> UInt8[np.ndarray, " points"]:
        """1 where all |λ| are below 1."""
        return np.asarray(self.magnitude[:, 0] < 1, np.uint8)

    def found(self, tolerance: float) -> int:
        """Count the points that are as near to standing still as a tolerance asks."""
        return int((self.q <= tolerance).sum())


def search(
    cell: Cell, visited: Float[np.ndarray, "states state"], inputs: float, seed: int, most: int
) -> Points:
    """Look for states that a constant input leaves alone: minimise q from many starts.

    The search keeps to the region that states are in, as trajectories visit them or come to them
    when the input is held, and a little more: the cell state has no bound, and an LSTM that counts
    is ever slower far beyond any sequence, where its gates saturate.

    Args:
        visited: States of trajectories.
        inputs: The constant input.
        seed: Of the choice of the starts, and of the noise.
        most: How many points to return at most.
    """
    starts = _starts(visited, seed)
    settled = starts
    for _ in range(SETTLING):
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
    """Return the eigenvalues of each, the largest magnitude first."""
    found = np.linalg.eigvals(jacobians).astype(np.complex128)
    order = np.argsort(-np.abs(found), axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)


def _starts(
    visited: Float[np.ndarray, "states state"], seed: int
) -> Float[np.ndarray, "starts state"]:
    """Draw visited states, and move every other one off the trajectories."""
    random = np.random.default_rng(seed)
    entries = visited.shape[1]
    count = int(np.clip(STARTING_ENTRIES // entries, LEAST_STARTS, MOST_STARTS))
    starts = visited[random.integers(0, len(visited), count)]
    noise = random.normal(0.0, NOISE, starts.shape)
    noise[::2] = 0.0
    return np.asarray(starts + noise)


def minimise(
    cell: Cell, starts: Float[np.ndarray, "starts state"], inputs: float, region: Region
) -> Float[np.ndarray, "starts state"]:
    """Follow q downhill from each start within a region, by the method of Levenberg and Marquardt.

    An entry that stands at an edge, and would go on beyond it, is left there for that step.

    References:
        Marquardt (1963), An algorithm for least-squares estimation of nonlinear parameters.
    """
    states, size = region.clipped(starts), starts.shape[1]
    damping, q = np.full(len(states), DAMPING), slowness(cell, states, inputs)
    for _ in range(ITERATIONS):
        if q.max() < ENOUGH:
            break
        slope = cell.jacobian(states, inputs) - np.eye(size)
        off = (cell.step(states, inputs) - states)[..., None]
        uphill = (np.swapaxes(slope, 1, 2) @ off)[..., 0]
        slope = np.where(region.leaving(states, -uphill)[:, None], 0.0, slope)
        back = np.swapaxes(slope, 1, 2)
        damped = back @ slope + damping[:, None, None] * np.eye(size)
        moved = region.clipped(states - np.linalg.solve(damped, back @ off)[..., 0])
        lower = slowness(cell, moved, inputs)
        better = lower < q
        states, q = np.where(better[:, None], moved, states), np.where(better, lower, q)
        damping = np.clip(damping * np.where(better, FALL, RISE), LEAST_DAMPING, MOST_DAMPING)
    return states


def _distinct(
    states: Float[np.ndarray, "ends state"],
) -> tuple[Int[np.ndarray, " points"], Int[np.ndarray, " points"]]:
    """Return the position of the first of all states that are one point, and how many these are.

    Args:
        states: In shares of what the region spans.
    """
    apart = np.abs(states[:, None] - states[None]).max(axis=-1)
    left = np.ones(len(states), np.bool_)
    kept, reached = [], []
    for place in range(len(states)):
        if left[place]:
            same = left & (apart[place] <= SAME)
            kept.append(place)
            reached.append(int(same.sum()))
            left &= ~same
    return np.array(kept, np.int64), np.array(reached, np.int64)
