"""Cells of recurrent layers: LSTM, GRU and plain RNN, whose steps read as their equations.

projected = W x + b   of all steps in one product: only U h depends on the previous step
step(projected, before) -> every value of the step by its name in `CELL_VALUES`
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float

from models.architecture import CELL_VALUES
from models.declaration.operations import Recurrent
from models.layers import ACTIVATION_FUNCTIONS
from models.value_edits import edited

ORTHOGONAL = nnx.initializers.orthogonal()
"""Initial values of a cell's recurrent kernel."""

Values = dict[str, Array]
"""Values of a recurrent layer's cell by name, or those of them that the next step reads."""

Edit = Callable[[str, Array], Array]
"""Edit of a cell's values: the name and a value to the value that everything after it reads."""


def unedited(_: str, value: Array) -> Array:
    """Return a cell's value as it is."""
    return value


class LSTM(nnx.OptimizedLSTMCell):
    """LSTM cell: with [i, f, g, o] = W x + U h + b, c' = σ(f) c + σ(i) tanh(g).

    Then h' = σ(o) tanh(c'). The parameters are those of `nnx.OptimizedLSTMCell`.

    References:
        Hochreiter & Schmidhuber (1997), Long short-term memory; the forget gate is from Gers,
        Schmidhuber & Cummins (2000), Learning to forget.
    """

    values = CELL_VALUES["lstm"]

    def project(self, inputs: Float[Array, "*rows features"]) -> Float[Array, "*rows sums"]:
        """Return an LSTM cell's W x."""
        return self.dense_i(inputs)

    def gates(
        self,
        projected: Float[Array, "*rows sums"],
        hidden: Float[Array, "*rows units"],
        edit: Edit = unedited,
    ) -> Values:
        """Return the gates and the candidate of an LSTM cell."""
        i, f, g, o = lstm_gates(projected + self.dense_h(hidden))
        return {
            "input_gate": edit("input_gate", i),
            "forget_gate": edit("forget_gate", f),
            "candidate": edit("candidate", g),
            "output_gate": edit("output_gate", o),
        }

    def step(
        self, projected: Float[Array, "*rows sums"], before: Values, edit: Edit = unedited
    ) -> Values:
        """Take one step of an LSTM cell."""
        gates = self.gates(projected, before["hidden"], edit)
        i, f, g, o = gates.values()
        cell = edit("cell", f * before["cell"] + i * g)
        hidden = edit("hidden", o * jnp.tanh(cell))
        return {**gates, "cell": cell, "hidden": hidden}


def lstm_gates(sums: Float[Array, "*rows sums"]) -> list[Float[Array, "*rows units"]]:
    """Return the gates of an LSTM cell from weighted sums: σ of i, f and o, tanh of candidate g.

    Sums and results are in the order i, f, g, o.

    As tanh x = 2 σ(2 x) - 1, one σ serves all four. On CPU the time of a loop over steps depends on
    the number of operations, not on their size: a separate tanh would double it.
    """
    quarters = np.repeat(np.array([1, 1, 2, 1], np.float32), sums.shape[-1] // 4)
    scale = jnp.broadcast_to(quarters, sums.shape)
    return jnp.split(scale * nnx.sigmoid(scale * sums) - (scale - 1), 4, axis=-1)


class GRU(nnx.Module):
    """GRU cell that resets after the product: n = tanh(W x + b + r (U h + b')).

    With the gates [r, z] = σ(W x + U h + b), h' = (1 - z) n + z h.

    Args:
        features: Size of an input.
        units: Size of the hidden state.
        rngs: Random streams of the initial parameters.

    References:
        Cho et al. (2014), Learning phrase representations using RNN encoder-decoder; with the
        reset after the product as in cuDNN, PyTorch and Keras.
    """

    values = CELL_VALUES["gru"]

    def __init__(self, features: int, units: int, *, rngs: nnx.Rngs) -> None:
        self.dense_i = nnx.Linear(features, 3 * units, rngs=rngs)
        self.dense_h = nnx.Linear(
            units, 3 * units, use_bias=False, kernel_init=ORTHOGONAL, rngs=rngs
        )
        # Of the candidate alone: the biases of both gates are in W x + b.
        self.dense_h.bias = nnx.Param(jnp.zeros(units, jnp.float32))

    def project(self, inputs: Float[Array, "*rows features"]) -> Float[Array, "*rows sums"]:
        """Return a GRU cell's W x + b."""
        return self.dense_i(inputs)

    def gates(
        self,
        projected: Float[Array, "*rows sums"],
        hidden: Float[Array, "*rows units"],
        edit: Edit = unedited,
    ) -> Values:
        """Return the gates and the candidate of a GRU cell."""
        units = hidden.shape[-1]
        recurrent = hidden @ self.dense_h.kernel[...]
        both = nnx.sigmoid((projected + recurrent)[..., : 2 * units])
        r, z = edit("reset_gate", both[..., :units]), edit("update_gate", both[..., units:])
        bias = jnp.broadcast_to(values_of(self.dense_h.bias), hidden.shape)
        n = jnp.tanh(projected[..., 2 * units :] + r * (recurrent[..., 2 * units :] + bias))
        return {"reset_gate": r, "update_gate": z, "candidate": edit("candidate", n)}

    def step(
        self, projected: Float[Array, "*rows sums"], before: Values, edit: Edit = unedited
    ) -> Values:
        """Take one step of a GRU cell."""
        gates = self.gates(projected, before["hidden"], edit)
        _, z, n = gates.values()
        hidden = edit("hidden", (1.0 - z) * n + z * before["hidden"])
        return {**gates, "hidden": hidden}


class RNN(nnx.Module):
    """Cell of a plain RNN: h' = tanh(W x + U h + b), or relu instead of tanh.

    Args:
        features: Size of an input.
        units: Size of the hidden state.
        activation: Name of the nonlinearity.
        rngs: Random streams of the initial parameters.

    References:
        Elman (1990), Finding structure in time.
    """

    values = CELL_VALUES["rnn"]

    def __init__(self, features: int, units: int, activation: str, *, rngs: nnx.Rngs) -> None:
        self.activation = activation
        self.dense_i = nnx.Linear(features, units, use_bias=False, rngs=rngs)
        self.dense_h = nnx.Linear(units, units, kernel_init=ORTHOGONAL, rngs=rngs)

    def project(self, inputs: Float[Array, "*rows features"]) -> Float[Array, "*rows units"]:
        """Return the W x of a plain RNN's cell."""
        return self.dense_i(inputs)

    def gates(self, _: Array, __: Array) -> Values:
        """Return the gates of a plain RNN's cell, which has none."""
        return {}

    def step(
        self, projected: Float[Array, "*rows units"], before: Values, edit: Edit = unedited
    ) -> Values:
        """Take one step of a plain RNN's cell."""
        function = ACTIVATION_FUNCTIONS[self.activation]
        return {"hidden": edit("hidden", function(projected + self.dense_h(before["hidden"])))}


Cell = LSTM | GRU | RNN


def values_of(bias: nnx.Param[Array] | None) -> Array:
    """Return the values of a bias, which every cell has.

    Raises:
        TypeError: The layer was made without.
    """
    if bias is None:
        msg = "a cell needs biases"
        raise TypeError(msg)
    return bias[...]


def cell_of(operation: Recurrent, features: int, rngs: nnx.Rngs) -> Cell:
    """Return the cell of a recurrent layer with initial parameters.

    Args:
        operation: Kind and number of units.
        features: Size of an input.
        rngs: Random streams of the initial parameters.
    """
    match operation.cell:
        case "lstm":
            return LSTM(features, operation.units, rngs=rngs)
        case "gru":
            return GRU(features, operation.units, rngs=rngs)
        case _:
            return RNN(features, operation.units, operation.activation, rngs=rngs)


def run_cell(
    cell: Cell,
    inputs: Float[Array, "batch time features"],
    state: Values,
    goes_on: Bool[Array, "batch time 1"] | None = None,
) -> Values:
    """Run a recurrent layer's cell over whole sequences and return every value of every step.

    Args:
        cell: Cell of the layer.
        inputs: What the layer reads at each step, oldest first.
        state: Values before the first step by name.
        goes_on: Whether the step after each one is of the sequence. If not, it starts from the same
            values again, so that no value grows in the padding. None for steps that all go on.
    """
    projected = cell.project(inputs)

    def step(before: Values, given: tuple[Array, Array | None]) -> tuple[Values, Values]:
        by_step, is_followed = given
        values = cell.step(by_step, before)
        after = {name: values[name] for name in before}
        if is_followed is None:
            return after, after
        return {name: jnp.where(is_followed, after[name], before[name]) for name in before}, after

    by_step = jnp.moveaxis(projected, 1, 0)
    moved = None if goes_on is None else jnp.moveaxis(goes_on, 1, 0)
    _, found = jax.lax.scan(step, state, (by_step, moved))
    states = {name: jnp.moveaxis(values, 0, 1) for name, values in found.items()}
    # The gates of all steps are recomputed from the states: to store them inside the loop would
    # take longer.
    hidden = states["hidden"]
    before = jnp.concatenate([state["hidden"][:, None], hidden[:, :-1]], axis=1)
    return cell.gates(projected, before) | states


def run_edited_cell(
    cell: Cell,
    inputs: Float[Array, "batch time features"],
    state: Values,
    scale: Float[Array, "batch time values units"],
    shift: Float[Array, "batch time values units"],
) -> Values:
    """Run a recurrent layer's cell with every value v replaced by v · scale + shift.

    Per step the gates and the candidate are edited, then the states that are computed from them.
    Everything that is computed from a value reads the edited one.

    Args:
        cell: Cell of the layer.
        inputs: What the layer reads at each step, oldest first.
        state: Values before the first step by name, which are not edited.
        scale: Factor of each value of a unit, in the order of `CELL_VALUES`.
        shift: Summand of each value of a unit, in the order of `CELL_VALUES`.
    """

    def step(before: Values, given: tuple[Array, ...]) -> tuple[Values, Values]:
        projected, scales, shifts = given

        def edit(name: str, value: Array) -> Array:
            index = cell.values.index(name)
            return edited(value, scales[:, index], shifts[:, index])

        values = cell.step(projected, before, edit)
        return {name: values[name] for name in before}, values

    by_step = tuple(jnp.moveaxis(value, 1, 0) for value in (cell.project(inputs), scale, shift))
    _, found = jax.lax.scan(step, state, by_step)
    return {name: jnp.moveaxis(values, 0, 1) for name, values in found.items()}
