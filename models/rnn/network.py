"""CountingLSTM: does a binary sequence have more 1s than 0s? With every gate at every step."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from models.architecture import ANSWERS, LSTMState, check_hidden


class LSTMTrace(NamedTuple):
    """Every value that one run makes, step by step, oldest first.

    The three gates are in (0, 1), the candidate and the hidden state in (-1, 1); the cell state has
    no bound. Values after a sequence's own length mean nothing.
    """

    input_gate: Float[Array, "batch time hidden"]
    forget_gate: Float[Array, "batch time hidden"]
    candidate: Float[Array, "batch time hidden"]
    output_gate: Float[Array, "batch time hidden"]
    cell: Float[Array, "batch time hidden"]
    hidden: Float[Array, "batch time hidden"]
    logits: Float[Array, "batch time 2"]


def gates(sums: Float[Array, "*rows sums"]) -> list[Float[Array, "*rows hidden"]]:
    """Return σ of the quarters i, f and o of weighted sums, and tanh of g, in the order i, f, g, o.

    As tanh x = 2 σ(2 x) - 1, one σ serves all four. On CPU a loop over steps takes its time for how
    many things it does, not for their size: with a tanh beside the σ it is twice as slow.
    """
    quarters = np.repeat(np.array([1, 1, 2, 1], np.float32), sums.shape[-1] // 4)
    scale = jnp.broadcast_to(quarters, sums.shape)
    return jnp.split(scale * nnx.sigmoid(scale * sums) - (scale - 1), 4, axis=-1)


class CountingLSTM(nnx.Module):
    """One LSTM layer and a readout to two classes: "no" (0; a tie too) and "yes" (1).

    The parameters are those of `nnx.OptimizedLSTMCell` and `nnx.Linear`, so that a checkpoint of
    these stock layers can be traced.

    Args:
        hidden: How many units, 1 to 64.
        rngs: Where the initial parameters are drawn from.
    """

    def __init__(self, hidden: int, rngs: nnx.Rngs) -> None:
        check_hidden(hidden)
        self.hidden = hidden
        self.cell = nnx.OptimizedLSTMCell(1, hidden, rngs=rngs)
        self.readout = nnx.Linear(hidden, len(ANSWERS), rngs=rngs)

    def initial_state(self, batch: int) -> LSTMState:
        """Return the state before the first step: all zeros."""
        zeros = jnp.zeros((batch, self.hidden), jnp.float32)
        return LSTMState(zeros, zeros)

    def trace(
        self,
        sequence: Float[Array, "batch time 1"],
        lengths: Int[Array, " batch"],
        state: LSTMState,
    ) -> tuple[LSTMTrace, LSTMState]:
        """Run over whole sequences and keep every gate.

        Per step, with [i, f, g, o] the four quarters of W x + U h + b in that order:
        c' = σ(f) c + σ(i) tanh(g) and h' = σ(o) tanh(c').

        Args:
            sequence: One bit per step, 0.0 or 1.0, oldest first.
            lengths: How many steps of each sequence count, at least 1.
            state: The state before the first step.

        Returns:
            The trace, and the state after each sequence's last step: give it back as `state` to go
            on where this run ended.

        References:
            Hochreiter & Schmidhuber (1997), Long short-term memory; the forget gate is from Gers,
            Schmidhuber & Cummins (2000), Learning to forget.
        """
        from_hidden = self.cell.dense_h
        # The input's share of all steps in one product: only U h has to wait for the step before.
        from_input = self.cell.dense_i(sequence)

        def step(
            before: LSTMState, projected: Float[Array, "batch sums"]
        ) -> tuple[LSTMState, LSTMState]:
            i, f, g, o = gates(projected + from_hidden(before.hidden))
            cell = f * before.cell + i * g
            after = LSTMState(cell, o * jnp.tanh(cell))
            return after, after

        _, states = jax.lax.scan(step, state, jnp.moveaxis(from_input, 1, 0))
        cell, hidden = (jnp.moveaxis(values, 0, 1) for values in states)
        # The gates of all steps at once, from the states: carried out of the loop one by one they
        # would cost more than to compute them twice.
        before = jnp.concatenate([state.hidden[:, None], hidden[:, :-1]], axis=1)
        i, f, g, o = gates(from_input + from_hidden(before))
        last = (lengths - 1)[:, None, None]
        final = LSTMState(*(jnp.take_along_axis(v, last, axis=1)[:, 0] for v in (cell, hidden)))
        return LSTMTrace(i, f, g, o, cell, hidden, self.readout(hidden)), final

    def __call__(
        self,
        sequence: Float[Array, "batch time 1"],
        lengths: Int[Array, " batch"],
        state: LSTMState,
    ) -> tuple[Float[Array, "batch 2"], LSTMState]:
        """Return the logits of "no" and "yes" after each sequence's last step, and the state."""
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
        """Trace, with every value v going on as v · scale + shift.

        Per step: the gates and the candidate, each edited; the cell state from these, edited; the
        hidden state from that and the edited output gate, edited. The next step and the readout go
        on with what was edited.

        Args:
            sequence: One bit per step, 0.0 or 1.0, oldest first.
            lengths: How many steps of each sequence count, at least 1.
            state: The state before the first step, as it is.
            scale: Of the six values of a unit, in the order of the trace; 1 leaves a value alone.
            shift: Likewise; 0 leaves a value alone.

        Returns:
            The edited trace, and the state after each sequence's last step.
        """
        from_hidden = self.cell.dense_h

        def step(
            before: LSTMState, given: tuple[Array, ...]
        ) -> tuple[LSTMState, tuple[Array, ...]]:
            projected, scales, shifts = given

            def edit(place: int, value: Array) -> Array:
                return value * scales[:, place] + shifts[:, place]

            made = gates(projected + from_hidden(before.hidden))
            i, f, g, o = (edit(place, value) for place, value in enumerate(made))
            cell = edit(4, f * before.cell + i * g)
            hidden = edit(5, o * jnp.tanh(cell))
            return LSTMState(cell, hidden), (i, f, g, o, cell, hidden)

        by_step = tuple(jnp.moveaxis(v, 1, 0) for v in (self.cell.dense_i(sequence), scale, shift))
        _, values = jax.lax.scan(step, state, by_step)
        i, f, g, o, cell, hidden = (jnp.moveaxis(value, 0, 1) for value in values)
        last = (lengths - 1)[:, None, None]
        final = LSTMState(*(jnp.take_along_axis(v, last, axis=1)[:, 0] for v in (cell, hidden)))
        return LSTMTrace(i, f, g, o, cell, hidden, self.readout(hidden)), final
