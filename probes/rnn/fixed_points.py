"""Fixed points of a network under a repeated word of inputs: search, Jacobian and eigenvalues.

In float64 on the host: q of a fixed point is far below the rounding of float32.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Complex, Float, Int, UInt8

from models.runtime.cancellation import raise_if_cancelled
from probes.rnn.float64_cell import Inputs, States
from probes.rnn.state_map import LARGEST_ENTRY, StateMap, is_bounded

Kind = Literal["stable", "neutral", "unstable", "slow"]

FIXED_TOLERANCE = 1e-12
"""Largest value of q at which a point of the search counts as fixed."""

NEUTRAL = 1e-6
"""Largest distance of |λ| from 1 at which a fixed point is neutral: over a million repetitions.

At `FIXED_TOLERANCE` a word moves a state by up to 1.4e-6, so that slower decay is not resolved.
"""

SAME_POINT = 1e-2
"""Largest distance in any entry, as a share of the region, at which fixed points are merged."""

MAX_ITERATIONS = 120
CONVERGED_Q = 1e-28
"""Value of q below which the fixed-point search ends: it is rounding error."""

SETTLING_REPEATS = 64
"""Repetitions of the word after which starts of the fixed-point search count as settled."""

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


@dataclass(frozen=True, eq=False)
class WordMap:
    """Map of states by a word of inputs, whose fixed points are searched: a step for each.

    A fixed point of the map of a word of n inputs is a state with period n while the word repeats.

    Attributes:
        network: Map of the network's states by one step.
        word: Encoded inputs, the first one first; a single one is a constant input.
    """

    network: StateMap
    word: tuple[Inputs, ...]

    def step(self, states: States) -> States:
        """Return the states after one repetition of the word, from which fixed points are found."""
        for inputs in self.word:
            states = self.network.step(states, inputs)
        return states

    def jacobian(
        self, states: Float[np.ndarray, "rows state"]
    ) -> Float[np.ndarray, "rows state state"]:
        """Return the Jacobian of the word's map at states, for stability of fixed points.

        Its entries are limited to `LARGEST_ENTRY`, as powers of large weights overflow.
        """
        made = np.broadcast_to(np.eye(states.shape[1]), (*states.shape, states.shape[1]))
        for inputs in self.word:
            made = self.network.jacobian(states, inputs) @ made
            states = self.network.step(states, inputs)
        return np.asarray(np.clip(np.nan_to_num(made), -LARGEST_ENTRY, LARGEST_ENTRY))

    def slowness(self, states: Float[np.ndarray, "rows state"]) -> Float[np.ndarray, " rows"]:
        """Return q(s) = ½ ‖F(s) − s‖² of the map F of the word, which is 0 at a fixed point.

        References:
            Sussillo & Barak (2013), Opening the black box: low-dimensional dynamics in
            high-dimensional recurrent neural networks.
        """
        return np.asarray(0.5 * ((self.step(states) - states) ** 2).sum(axis=-1))


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
        every_q: Values of q at all distinct points, those that were left out too.
        period: Steps of one repetition of the word.
        reached: Number of starts that ended at each point.
        distance: Distance from each point to the nearest visited state.
        inside: 0 for a point at the limit of the region, beyond which q decreases further.
        eigenvalues: Eigenvalues of the Jacobian, the largest magnitude first.
    """

    states: Float[np.ndarray, "points state"]
    q: Float[np.ndarray, " points"]
    every_q: Float[np.ndarray, " distinct"]
    period: int
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
        """Time constant −n/ln |λ| at fixed points of a word of n inputs, in steps.

        E-folding time of a perturbation: negative where it grows, 0 at λ = 0, and infinite where
        |λ| is within `NEUTRAL` of 1.
        """
        size = self.magnitude
        with np.errstate(divide="ignore"):
            steps = -self.period / np.log(np.where(_is_neutral(size), 0.5, size))
        return np.asarray(np.where(_is_neutral(size), np.inf, steps))

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Kind of each point: by the largest |λ| where it is fixed, else `slow`.

        `neutral` is a fixed point whose largest |λ| is 1, as in a continuum of fixed points.
        """
        return tuple(map(_kind, self.q.tolist(), self.magnitude[:, 0].tolist()))

    def found(self, tolerance: float) -> int:
        """Count the fixed points of a search: those whose q is at most a tolerance."""
        return int((self.every_q <= tolerance).sum())


def _is_neutral(size: Float[np.ndarray, "*shape"]) -> Bool[np.ndarray, "*shape"]:
    """Return where |λ| at a fixed point is so near to 1 that decay or growth is not resolved."""
    return np.asarray(np.abs(size - 1.0) <= NEUTRAL)


def _kind(q: float, largest: float) -> Kind:
    """Return the kind of a point of the fixed-point search, from q and its largest |λ|."""
    if q > FIXED_TOLERANCE:
        return "slow"
    if _is_neutral(np.asarray(largest)):
        return "neutral"
    return "stable" if largest < 1.0 else "unstable"


def search(
    word_map: WordMap, visited: Float[np.ndarray, "states state"], seed: int, most: int
) -> Points:
    """Search fixed points of a word's map: minimise q from many starts.

    The search is limited to the region of the visited states and of the states that they settle
    in, unless they diverge: the cell state is unbounded, and q of a counting LSTM decreases without
    limit far beyond any sequence, where its gates saturate.

    Args:
        word_map: Map of the word.
        visited: States of trajectories.
        seed: Seed of the choice of starts and of the noise.
        most: Largest number of points to return.
    """
    starts = _starts(visited, seed)
    settled = starts
    for _ in range(SETTLING_REPEATS):
        raise_if_cancelled()
        settled = word_map.step(settled)
    region = Region.around(np.concatenate([visited, settled[is_bounded(settled)]]))
    ends = minimise(word_map, starts, region)
    q = word_map.slowness(ends)
    order = np.argsort(q, kind="stable")
    kept, reached = _distinct(ends[order] / region.span())
    states = ends[order][kept[:most]]
    return Points(
        states,
        q[order][kept[:most]],
        q[order][kept],
        len(word_map.word),
        reached[:most],
        np.stack([np.linalg.norm(visited - state, axis=1).min() for state in states]),
        region.inside(states),
        _eigenvalues(word_map.jacobian(states)),
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
    word_map: WordMap, starts: Float[np.ndarray, "starts state"], region: Region
) -> Float[np.ndarray, "starts state"]:
    """Minimise q of the fixed-point search within a region, by the Levenberg-Marquardt method.

    An entry at a limit that would move beyond it is held there for that step.

    References:
        Marquardt (1963), An algorithm for least-squares estimation of nonlinear parameters.
    """
    states, size = region.clipped(starts), starts.shape[1]
    damping, q = np.full(len(states), DAMPING), word_map.slowness(states)
    for _ in range(MAX_ITERATIONS):
        raise_if_cancelled()
        if q.max() < CONVERGED_Q:
            break
        slope = word_map.jacobian(states) - np.eye(size)
        off = (word_map.step(states) - states)[..., None]
        uphill = (np.swapaxes(slope, 1, 2) @ off)[..., 0]
        # A zero column keeps that entry fixed in the least-squares step.
        slope = np.where(region.leaving(states, -uphill)[:, None], 0.0, slope)
        back = np.swapaxes(slope, 1, 2)
        damped = back @ slope + damping[:, None, None] * np.eye(size)
        moved = region.clipped(states - _solution(damped, back @ off)[..., 0])
        lower = word_map.slowness(moved)
        # A step that raises q is discarded and tried again with more damping.
        better = lower < q
        states, q = np.where(better[:, None], moved, states), np.where(better, lower, q)
        damping = np.clip(
            damping * np.where(better, DAMPING_DECREASE, DAMPING_INCREASE),
            LEAST_DAMPING,
            MOST_DAMPING,
        )
    return states


def _solution(
    matrices: Float[np.ndarray, "rows state state"], right: Float[np.ndarray, "rows state one"]
) -> Float[np.ndarray, "rows state one"]:
    """Solve the equations of a step of the fixed-point search.

    By the pseudoinverse where a matrix is singular: beside the squares of large weights, the
    damping is below the rounding of float64.
    """
    try:
        return np.linalg.solve(matrices, right)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(matrices, hermitian=True) @ right)


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
        raise_if_cancelled()
        if left[place]:
            same = left & (apart[place] <= SAME_POINT)
            kept.append(place)
            reached.append(int(same.sum()))
            left &= ~same
    return np.array(kept, np.int64), np.array(reached, np.int64)
