"""CountingLSTM: does a binary sequence have more 1s than 0s? With every gate at every step."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

ANSWERS = ("no", "yes")
"""The labels 0 and 1. A tie is a no."""

MAX_HIDDEN = 64
MAX_STEPS = 4096


class LSTMState(NamedTuple):
    """What an LSTM carries from one step to the next: (c, h), in Flax's order."""

    cell: Float[Array, "batch hidden"]
    hidden: Float[Array, "batch hidden"]


class LSTMTrace(NamedTuple):
    """Every value that one run makes, step by step, oldest first.

    The three gates are in (0, 1), the candidate and the hidden state in (-1, 1); the cell state has
    no bound. Values after a sequence's own length repeat its last state and mean nothing.
    """

    input_gate: Float[Array, "batch time hidden"]
    forget_gate: Float[Array, "batch time hidden"]
    candidate: Float[Array, "batch time hidden"]
    output_gate: Float[Array, "batch time hidden"]
    cell: Float[Array, "batch time hidden"]
    hidden: Float[Array, "batch time hidden"]
    logits: Float[Array, "batch time 2"]


class CountingLSTM(nnx.Module):
    """One LSTM layer and a readout to two classes: "no" (0; a tie too) and "yes" (1).

    The parameters are those of `nnx.OptimizedLSTMCell` and `nnx.Linear`, so that a checkpoint of
    these stock layers can be traced.

    Args:
        hidden: How many units, 1 to 64.
        rngs: Where the initial parameters are drawn from.
    """

    def __init__(self, hidden: int, rngs: nnx.Rngs) -> None:
        if not 1 <= hidden <= MAX_HIDDEN:
            msg = f"hidden must be between 1 and {MAX_HIDDEN}, got {hidden}"
            raise ValueError(msg)
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
            lengths: How many steps of each sequence count; from there on its state stands still.
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
        from_input = jnp.moveaxis(self.cell.dense_i(sequence), 1, 0)

        def step(
            before: LSTMState, now: tuple[Float[Array, "batch gates"], Int[Array, ""]]
        ) -> tuple[LSTMState, tuple[Float[Array, "batch hidden"], ...]]:
            projected, t = now
            i, f, g, o = jnp.split(projected + from_hidden(before.hidden), 4, axis=-1)
            i, f, g, o = nnx.sigmoid(i), nnx.sigmoid(f), jnp.tanh(g), nnx.sigmoid(o)
            cell = f * before.cell + i * g
            hidden = o * jnp.tanh(cell)
            running = (t < lengths)[:, None]
            after = LSTMState(
                jnp.where(running, cell, before.cell), jnp.where(running, hidden, before.hidden)
            )
            return after, (i, f, g, o, *after)

        steps = jnp.arange(sequence.shape[1])
        final, values = jax.lax.scan(step, state, (from_input, steps))
        i, f, g, o, cell, hidden = (jnp.moveaxis(value, 0, 1) for value in values)
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
