"""Ablation program of the LSTM: logits with the hidden state of some units held constant."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from models.runtime.parameters import GraphDefinition, Parameters
from models.runtime.programs import Program

if TYPE_CHECKING:
    from models.rnn.network import CountingLSTM
else:
    CountingLSTM = Any

SEQUENCES = 256
"""LSTM ablation: sequences per row, on all of which a set of ablated units is evaluated."""

STEPS = 63
"""LSTM ablation: bits per sequence, an odd number, so that there are no ties."""

FEW_UNITS = 16


def ablation_buckets(hidden: int) -> tuple[int, ...]:
    """Return the batch sizes of the ablation program, for calls of at most about 10 ms.

    On two processors, four rows of 8 units take some 5 ms, and one row of 64 units some 10 ms.
    """
    return (1, 4) if hidden <= FEW_UNITS else (1,)


def lstm_ablations(graphdef: GraphDefinition[CountingLSTM], hidden: int) -> list[Program]:
    """Declare the ablation program `lstm.ablate`: logits with the hidden state of some units held.

    The cell state of a unit affects the logits only by the unit's own hidden state, so that it need
    not be held too.

    Args:
        graphdef: The network.
        hidden: Number of its units.
    """
    units = jax.ShapeDtypeStruct((hidden,), jnp.float32)
    bits = jax.ShapeDtypeStruct((SEQUENCES, STEPS), jnp.uint8)
    row = {"sequence": bits, "keep": units, "instead": units}
    return [Program("ablate", partial(_ablate, graphdef), row, ablation_buckets(hidden))]


def _ablate(
    graphdef: GraphDefinition[CountingLSTM], parameters: Parameters, rows: Mapping[str, Array]
) -> dict[str, Array]:
    """LSTM ablation of each row, on all sequences: h' = keep · h + (1 - keep) · instead."""
    from models.rnn.network import gates  # noqa: PLC0415 - only compiling needs Flax

    model = graphdef.merge(parameters)
    keep, instead = (jnp.repeat(rows[name], SEQUENCES, axis=0) for name in ("keep", "instead"))
    # Every row holds all sequences: its keep and instead apply to each of them.
    by_step = jnp.moveaxis(rows["sequence"].reshape(-1, STEPS, 1), 1, 0).astype(jnp.float32)

    def step(
        before: tuple[Array, Array, Array], bits: Float[Array, "batch 1"]
    ) -> tuple[tuple[Array, Array, Array], None]:
        cell, hidden, total = before
        i, f, g, o = gates(model.cell.dense_i(bits) + model.cell.dense_h(hidden))
        cell = f * cell + i * g
        hidden = keep * o * jnp.tanh(cell) + (1 - keep) * instead
        return (cell, hidden, total + hidden), None

    zeros = jnp.zeros_like(keep)
    (_, last, total), _ = jax.lax.scan(step, (zeros, zeros, zeros), by_step)
    by_row = (-1, SEQUENCES)
    mean = total.reshape(*by_row, keep.shape[-1]).mean(axis=1) / STEPS
    return {"logits": model.readout(last).reshape(*by_row, 2), "mean_hidden": mean}
