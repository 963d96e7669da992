"""LSTM cell in float64 on the host, with its Jacobian: for counters and fixed points."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

States = Float[np.ndarray, "*rows state"]
"""States s = [h; c] of the float64 LSTM cell: hidden state, then cell state."""


def sigmoid(values: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Return σ of values, without overflow, for gates of the float64 LSTM cell."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * values)))


@dataclass(frozen=True, eq=False)
class Cell:
    """LSTM cell in float64: [i, f, g, o] are the quarters of W x + U h + b.

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
        """Build the float64 LSTM cell from the weights of a network."""
        kernels = (weights["cell.dense_i.kernel"][0], weights["cell.dense_h.kernel"])
        return cls(*(one.astype(np.float64) for one in (*kernels, weights["cell.dense_h.bias"])))

    @property
    def units(self) -> int:
        """Number of units of the float64 LSTM cell; a state has twice as many entries."""
        return len(self.from_hidden)

    def gates(
        self, states: States, inputs: Float[np.ndarray, "*rows"] | float
    ) -> tuple[Float[np.ndarray, "*rows units"], ...]:
        """Return the gates i, f, candidate g and gate o of the float64 LSTM cell."""
        sums = states[..., : self.units] @ self.from_hidden + self.bias
        sums = sums + np.asarray(inputs, np.float64)[..., None] * self.from_input
        i, f, g, o = np.split(sums, 4, axis=-1)
        return sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)

    def step(self, states: States, inputs: Float[np.ndarray, "*rows"] | float) -> States:
        """Return the float64 LSTM cell's next states F(s; x)."""
        i, f, g, o = self.gates(states, inputs)
        cell = f * states[..., self.units :] + i * g
        return np.concatenate([o * np.tanh(cell), cell], axis=-1)

    def jacobian(
        self, states: Float[np.ndarray, "rows state"], inputs: float
    ) -> Float[np.ndarray, "rows state state"]:
        """Return the float64 LSTM cell's Jacobian ∂F/∂s, a row for each entry of F(s)."""
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
        """Return the float64 LSTM cell's states along sequences, from zero on."""
        states = [np.zeros((len(sequences), 2 * self.units))]
        for bits in sequences.T:
            states.append(self.step(states[-1], bits.astype(np.float64)))
        return np.stack(states, axis=1)
