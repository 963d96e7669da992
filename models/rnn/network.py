"""CountingLSTM: an LSTM that classifies whether a bit sequence has more 1s than 0s."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from models.simple_networks import LSTM_LABELS, LSTMState, check_hidden


class LSTMTrace(NamedTuple):
    """Trace of CountingLSTM: gates, states and logits of every step, oldest first.

    The three gates are in (0, 1), the candidate and the hidden state in (-1, 1); the cell state has
    no bound. Values after the end of a sequence are meaningless.
    """

    input_gate: Float[Array, "batch time hidden"]
    forget_gate: Float[Array, "batch time hidden"]
    candidate: Float[Array, "batch time hidden"]
    output_gate: Float[Array, "batch time hidden"]
    cell: Float[Array, "batch time hidden"]
    hidden: Float[Array, "batch time hidden"]
    logits: Float[Array, "batch time 2"]


def gates(sums: Float[Array, "*rows sums"]) -> list[Float[Array, "*rows hidden"]]:
    """Return the gates of CountingLSTM from weighted sums: σ of i, f and o, tanh of candidate g.

    Sums and results are in the order i, f, g, o.

    As tanh x = 2 σ(2 x) - 1, one σ serves all four. On CPU the time of a loop over steps depends on
    the number of operations, not on their size: a separate tanh would double it.
    """
    quarters = np.repeat(np.array([1, 1, 2, 1], np.float32), sums.shape[-1] // 4)
    scale = jnp.broadcast_to(quarters, sums.shape)
    return jnp.split(scale * nnx.sigmoid(scale * sums) - (scale - 1), 4, axis=-1)


def last_state(trace: LSTMTrace, lengths: Int[Array, " batch"]) -> LSTMState:
    """Return the state of CountingLSTM after the last step of each sequence."""
    last = (lengths - 1)[:, None, None]
    states = (trace.cell, trace.hidden)
    return LSTMState(*(jnp.take_along_axis(one, last, axis=1)[:, 0] for one in states))


class CountingLSTM(nnx.Module):
    """CountingLSTM: one LSTM layer and a readout to "no" (0; a tie too) and "yes" (1).

    The parameters are those of `nnx.OptimizedLSTMCell` and `nnx.Linear`, so that a checkpoint of
    these stock layers can be traced.

    Args:
        hidden: Number of units, 1 to 64.
        rngs: Random streams of the initial parameters.
    """

    def __init__(self, hidden: int, rngs: nnx.Rngs) -> None:
        check_hidden(hidden)
        self.hidden = hidden
        self.cell = nnx.OptimizedLSTMCell(1, hidden, rngs=rngs)
        self.readout = nnx.Linear(hidden, len(LSTM_LABELS), rngs=rngs)

    def initial_state(self, batch: int) -> LSTMState:
        """Return the state of CountingLSTM before the first step: all zeros."""
        zeros = jnp.zeros((batch, self.hidden), jnp.float32)
        return LSTMState(zeros, zeros)

    def trace(
        self,
        sequence: Float[Array, "batch time 1"],
        lengths: Int[Array, " batch"],
        state: LSTMState,
    ) -> tuple[LSTMTrace, LSTMState]:
        """Run CountingLSTM over whole sequences and return every gate and state.

        With [i, f, g, o] = W x + U h + b: c' = σ(f) c + σ(i) tanh(g) and h' = σ(o) tanh(c').

        Args:
            sequence: One bit per step, 0.0 or 1.0, oldest first.
            lengths: Number of steps of each sequence, at least 1; the rest is padding.
            state: State before the first step.

        Returns:
            The trace, and the state after each sequence's last step, to continue from.

        References:
            Hochreiter & Schmidhuber (1997), Long short-term memory; the forget gate is from Gers,
            Schmidhuber & Cummins (2000), Learning to forget.
        """
        # W x of all steps in one product: only U h depends on the previous step.
        from_input = self.cell.dense_i(sequence)

        _, states = jax.lax.scan(self._step, state, jnp.moveaxis(from_input, 1, 0))
        cell, hidden = (jnp.moveaxis(values, 0, 1) for values in states)
        # The gates of all steps are recomputed from the states: to store them inside the loop would
        # take longer.
        before = jnp.concatenate([state.hidden[:, None], hidden[:, :-1]], axis=1)
        i, f, g, o = gates(from_input + self.cell.dense_h(before))
        trace = LSTMTrace(i, f, g, o, cell, hidden, self.readout(hidden))
        return trace, last_state(trace, lengths)

    def _step(
        self, before: LSTMState, projected: Float[Array, "batch sums"]
    ) -> tuple[LSTMState, LSTMState]:
        """Take one step of CountingLSTM, given W x."""
        i, f, g, o = gates(projected + self.cell.dense_h(before.hidden))
        cell = f * before.cell + i * g
        after = LSTMState(cell, o * jnp.tanh(cell))
        return after, after

    def __call__(
        self,
        sequence: Float[Array, "batch time 1"],
        lengths: Int[Array, " batch"],
        state: LSTMState,
    ) -> tuple[Float[Array, "batch 2"], LSTMState]:
        """Return the logits of CountingLSTM for "no" and "yes" after a sequence, and its state."""
        _, final = self.trace(sequence, lengths, state)
        return self.readout(final.hidden), final

    def edited(
        self,
        sequence: Float[Array, "batch time 1"],
        lengths: Int[Array, " batch"],
        state: LSTMState,
        scale: Float[Array, "batch time 6 hidden"],
        shift: Float[Array, "batch time 6 hidden"],
    ) -> tuple[LSTMTrace, LSTMState]:
        """Trace CountingLSTM with every value v replaced by v · scale + shift.

        Per step the gates and the candidate are edited, then the cell state computed from them,
        then the hidden state. The next step and the readout read the edited values.

        Args:
            sequence: One bit per step, 0.0 or 1.0, oldest first.
            lengths: Number of steps of each sequence, at least 1; the rest is padding.
            state: State before the first step, which is not edited.
            scale: Factor of each of the six values of a unit, in the order of the trace.
            shift: Summand of each of the six values of a unit, in the order of the trace.

        Returns:
            The edited trace, and the state after each sequence's last step.
        """
        by_step = tuple(jnp.moveaxis(v, 1, 0) for v in (self.cell.dense_i(sequence), scale, shift))
        _, values = jax.lax.scan(self._edited_step, state, by_step)
        i, f, g, o, cell, hidden = (jnp.moveaxis(value, 0, 1) for value in values)
        trace = LSTMTrace(i, f, g, o, cell, hidden, self.readout(hidden))
        return trace, last_state(trace, lengths)

    def _edited_step(
        self, before: LSTMState, given: tuple[Array, ...]
    ) -> tuple[LSTMState, tuple[Array, ...]]:
        """Take one edited step of CountingLSTM, given W x and the scale and shift of each value."""
        projected, scales, shifts = given

        def edit(index: int, value: Array) -> Array:
            return value * scales[:, index] + shifts[:, index]

        unedited = gates(projected + self.cell.dense_h(before.hidden))
        i, f, g, o = (edit(index, value) for index, value in enumerate(unedited))
        cell = edit(4, f * before.cell + i * g)
        hidden = edit(5, o * jnp.tanh(cell))
        return LSTMState(cell, hidden), (i, f, g, o, cell, hidden)
