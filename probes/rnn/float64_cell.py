"""Cells of recurrent layers in float64 on the host, with Jacobians: for counters, fixed points.

A cell maps states s and the inputs x of its layer to the next states F(s; x).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from probes.rnn.layers import RecurrentLayer

States = Float[np.ndarray, "*rows state"]
"""States of a float64 cell: of an LSTM [h; c], hidden before cell state, of others h."""

Inputs = Float[np.ndarray, "*#rows features"]
"""Inputs of a float64 cell at one step: one for each row, or one for all."""

Jacobians = tuple[Float[np.ndarray, "rows state state"], Float[np.ndarray, "rows state features"]]
"""Jacobians ∂F/∂s and ∂F/∂x of a float64 cell, a row for each entry of F(s; x)."""


def sigmoid(values: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Return σ of values, without overflow, for gates of a float64 cell."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * values)))


@dataclass(frozen=True, eq=False)
class LSTMCell:
    """LSTM cell in float64: [i, f, g, o] are the quarters of W x + U h + b.

    Attributes:
        from_input: Input weights W.
        from_hidden: Recurrent weights U.
        bias: Bias b.
    """

    from_input: Float[np.ndarray, "features sums"]
    from_hidden: Float[np.ndarray, "units sums"]
    bias: Float[np.ndarray, " sums"]

    @property
    def units(self) -> int:
        """Number of units of the float64 LSTM cell."""
        return len(self.from_hidden)

    @property
    def entries(self) -> int:
        """Number of entries of the float64 LSTM cell's state: twice that of its units."""
        return 2 * self.units

    def gates(self, states: States, inputs: Inputs) -> tuple[Float[np.ndarray, "*rows units"], ...]:
        """Return the gates i, f, candidate g and gate o of the float64 LSTM cell."""
        sums = states[..., : self.units] @ self.from_hidden + self.bias
        sums = sums + inputs @ self.from_input
        i, f, g, o = np.split(sums, 4, axis=-1)
        return sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)

    def step(self, states: States, inputs: Inputs) -> States:
        """Return the float64 LSTM cell's next states: c' = f c + i g and h' = o tanh(c')."""
        i, f, g, o = self.gates(states, inputs)
        cell = f * states[..., self.units :] + i * g
        return np.concatenate([o * np.tanh(cell), cell], axis=-1)

    def jacobians(self, states: Float[np.ndarray, "rows state"], inputs: Inputs) -> Jacobians:
        """Return the float64 LSTM cell's Jacobians by its state [h; c] and by its inputs."""
        units = self.units
        i, f, g, o = self.gates(states, inputs)
        before = states[:, units:]
        squashed = np.tanh(f * before + i * g)
        factors = before * f * (1 - f), g * i * (1 - i), i * (1 - g**2)
        shown, opened = (o * (1 - squashed**2))[..., None], (squashed * o * (1 - o))[..., None]

        def through(kernel: Float[np.ndarray, "read sums"]) -> np.ndarray:
            by_i, by_f, by_g, by_o = np.split(kernel.T, 4)
            by_forget, by_input, by_candidate = (one[..., None] for one in factors)
            cell = by_forget * by_f + by_input * by_i + by_candidate * by_g
            return np.concatenate([shown * cell + opened * by_o, cell], axis=1)

        made = np.empty((len(states), 2 * units, 2 * units))
        hidden, cell = slice(0, units), slice(units, None)
        made[:, :, hidden] = through(self.from_hidden)
        made[:, cell, cell] = f[..., None] * np.eye(units)
        made[:, hidden, cell] = shown * made[:, cell, cell]
        return made, through(self.from_input)


@dataclass(frozen=True, eq=False)
class GRUCell:
    """GRU cell in float64 that resets after the product: n = tanh(W x + b + r (U h + b')).

    Attributes:
        from_input: Input weights W, of r, z and the candidate n.
        from_hidden: Recurrent weights U.
        bias: Bias b.
        candidate_bias: Bias b' of the candidate, which the reset gate scales.
    """

    from_input: Float[np.ndarray, "features sums"]
    from_hidden: Float[np.ndarray, "units sums"]
    bias: Float[np.ndarray, " sums"]
    candidate_bias: Float[np.ndarray, " units"]

    @property
    def units(self) -> int:
        """Number of units of the float64 GRU cell."""
        return len(self.from_hidden)

    @property
    def entries(self) -> int:
        """Number of entries of the float64 GRU cell's state."""
        return self.units

    def gates(self, states: States, inputs: Inputs) -> tuple[Float[np.ndarray, "*rows units"], ...]:
        """Return r, z and n of the float64 GRU cell, and U h + b' of the candidate."""
        projected = np.split(inputs @ self.from_input + self.bias, 3, axis=-1)
        recurrent = np.split(states @ self.from_hidden, 3, axis=-1)
        r, z = (sigmoid(projected[k] + recurrent[k]) for k in range(2))
        reset = recurrent[2] + self.candidate_bias
        return r, z, np.tanh(projected[2] + r * reset), reset

    def step(self, states: States, inputs: Inputs) -> States:
        """Return the float64 GRU cell's next states: h' = (1 - z) n + z h."""
        _, z, n, _ = self.gates(states, inputs)
        return np.asarray((1.0 - z) * n + z * states)

    def jacobians(self, states: Float[np.ndarray, "rows state"], inputs: Inputs) -> Jacobians:
        """Return the float64 GRU cell's Jacobians by its state and by its inputs."""
        r, z, n, reset = self.gates(states, inputs)
        by_z = ((states - n) * z * (1 - z))[..., None]
        by_n = ((1.0 - z) * (1 - n**2))[..., None]
        by_r = by_n * (reset * r * (1 - r))[..., None]
        of_r, of_z, of_n = np.split(self.from_hidden.T, 3)
        by_state = by_z * of_z + by_r * of_r + by_n * r[..., None] * of_n
        by_state = by_state + z[..., None] * np.eye(self.units)
        in_r, in_z, in_n = np.split(self.from_input.T, 3)
        return by_state, by_z * in_z + by_r * in_r + by_n * in_n


@dataclass(frozen=True, eq=False)
class RNNCell:
    """Cell of a plain RNN in float64: h' = tanh(W x + U h + b), or max(·, 0) instead of tanh.

    Attributes:
        from_input: Input weights W.
        from_hidden: Recurrent weights U.
        bias: Bias b.
        is_relu: Whether the nonlinearity is max(·, 0).
    """

    from_input: Float[np.ndarray, "features units"]
    from_hidden: Float[np.ndarray, "units units"]
    bias: Float[np.ndarray, " units"]
    is_relu: bool

    @property
    def units(self) -> int:
        """Number of units of the float64 cell of a plain RNN."""
        return len(self.from_hidden)

    @property
    def entries(self) -> int:
        """Number of entries of the state of a plain RNN's float64 cell."""
        return self.units

    def step(self, states: States, inputs: Inputs) -> States:
        """Return the next states of a plain RNN's float64 cell."""
        sums = states @ self.from_hidden + inputs @ self.from_input + self.bias
        return np.asarray(np.maximum(sums, 0.0) if self.is_relu else np.tanh(sums))

    def jacobians(self, states: Float[np.ndarray, "rows state"], inputs: Inputs) -> Jacobians:
        """Return the Jacobians of a plain RNN's float64 cell by its state and by its inputs."""
        after = self.step(states, inputs)
        slope = ((after > 0).astype(np.float64) if self.is_relu else 1 - after**2)[..., None]
        return slope * self.from_hidden.T, slope * self.from_input.T


Float64Cell = LSTMCell | GRUCell | RNNCell
"""Cell of a recurrent layer in float64."""


def cell_of(layer: RecurrentLayer, weights: Mapping[str, np.ndarray]) -> Float64Cell:
    """Build the float64 cell of a recurrent layer from the weights of its network."""

    def wide(name: str) -> np.ndarray:
        return weights[f"{layer.name}.{name}"].astype(np.float64)

    kernels = wide("dense_i.kernel"), wide("dense_h.kernel")
    match layer.cell:
        case "lstm":
            return LSTMCell(*kernels, wide("dense_h.bias"))
        case "gru":
            return GRUCell(*kernels, wide("dense_i.bias"), wide("dense_h.bias"))
        case _:
            return RNNCell(*kernels, wide("dense_h.bias"), not layer.is_bounded)


def counting_cell(weights: Mapping[str, np.ndarray]) -> LSTMCell:
    """Build the float64 cell of a counting network from weights by the shipped one's names."""
    names = ("dense_i.kernel", "dense_h.kernel", "dense_h.bias")
    return LSTMCell(*(weights[f"cell.{name}"].astype(np.float64) for name in names))
