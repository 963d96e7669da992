"""Trajectories of a network's states over sequences, their principal axes, and the inputs."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from models.architecture import Architecture
from models.rnn.layout import layout_of
from models.rnn.unit_statistics import HELD_OUT_SEQUENCES, HELD_OUT_STEPS, held_out_sequences
from probes.rnn.state_map import StateMap, is_bounded

DRAWN_SEED = 2025
"""Seed of the sequences whose trajectories are computed, of networks that do not count bits."""


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
    """Trajectories of a network's states over sequences, and their principal axes.

    Attributes:
        network: Map of the network's states by one step.
        states: State after each step, from the zero state on; NaN where it has diverged.
        count: Ones minus zeros after each step of counted bits, else the number of steps.
        axes: Principal axes of all states.
    """

    network: StateMap
    states: Float[np.ndarray, "sequences steps state"]
    count: Float[np.ndarray, "sequences steps"]
    axes: PrincipalAxes

    @property
    def visited(self) -> Float[np.ndarray, "states state"]:
        """States of all trajectories, at all steps before they diverge."""
        return np.asarray(self.states[is_bounded(self.states)])

    @property
    def speed(self) -> Float[np.ndarray, " moves"]:
        """Speed along the trajectories: distance between the states before and after each step."""
        moved = np.diff(self.states, axis=1)
        return np.asarray(np.linalg.norm(moved[is_bounded(moved)], axis=-1))


def trajectories_of(
    architecture: Architecture, weights: Mapping[str, np.ndarray], number: int
) -> Trajectories:
    """Compute the trajectories of a network over some sequences, in float64.

    Bits that are counted are the held-out sequences. Of other alphabets, symbols are drawn with
    probabilities of their own in each sequence; features are independent standard normal numbers.
    """
    network = StateMap(architecture, weights)
    drawn = drawn_sequences(architecture)[:number]
    encoded = np.stack([encoded_steps(architecture, weights, one) for one in drawn])
    states = network.run(encoded)
    states[~is_bounded(states)] = np.nan
    if architecture.declaration.counts_bits:
        count = np.cumsum(2.0 * drawn - 1.0, axis=1)
        count = np.concatenate([np.zeros((len(drawn), 1)), count], axis=1)
    else:
        count = np.tile(np.arange(states.shape[1], dtype=np.float64), (len(drawn), 1))
    return Trajectories(network, states, count, axes_of(states[is_bounded(states)]))


def drawn_sequences(architecture: Architecture) -> np.ndarray:
    """Return the sequences over which the trajectories of a network are computed."""
    if architecture.declaration.counts_bits:
        return held_out_sequences()
    random, spec = np.random.default_rng(DRAWN_SEED), architecture.sequence
    size = (HELD_OUT_SEQUENCES, HELD_OUT_STEPS)
    if not spec.alphabet:
        return random.normal(size=(*size, spec.features)).astype(np.float32)
    symbols = len(spec.alphabet)
    shares = random.dirichlet(np.ones(symbols), len(range(HELD_OUT_SEQUENCES)))
    drawn = [random.choice(symbols, HELD_OUT_STEPS, p=share) for share in shares]
    return np.array(drawn, np.uint8)


def encoded_steps(
    architecture: Architecture, weights: Mapping[str, np.ndarray], sequence: np.ndarray
) -> Float[np.ndarray, "steps features"]:
    """Return the steps of a trajectory's sequence as vectors in float64."""
    encoded = layout_of(architecture).encode(sequence, weights).astype(np.float64)
    return encoded.reshape(len(sequence), -1)


def symbol_inputs(
    architecture: Architecture, weights: Mapping[str, np.ndarray]
) -> Float[np.ndarray, "symbols features"]:
    """Return the encoded input of each symbol of a network's alphabet, for trajectories."""
    indices = np.arange(len(architecture.sequence.alphabet), dtype=np.uint8)
    return encoded_steps(architecture, weights, indices)
