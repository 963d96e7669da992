"""What is left of the LSTM's answers when some of its units stand still."""

from collections.abc import Mapping
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
"""How many sequences one row holds: every set of units is asked about all of them."""

STEPS = 63
"""How many bits each has: an odd number, so that there are no ties."""

FEW_UNITS = 16


def ablation_buckets(hidden: int) -> tuple[int, ...]:
    """Return for how many rows the program is compiled: a call shall not take long.

    On two processors, four rows of 8 units take some 5 ms, and one of 64 units some 10.
    """
    return (1, 4) if hidden <= FEW_UNITS else (1,)


def lstm_ablations(graphdef: GraphDefinition[CountingLSTM], hidden: int) -> list[Program]:
    """Declare `lstm.ablate`: the answers with some units' hidden state held at a value.

    The cell state of a unit is read by nobody but that unit's own hidden state, so what is done to
    it besides changes no answer.

    Args:
        skeleton: The network.
        hidden: How many units it has.
    """

    def ablate(parameters: Parameters, rows: Mapping[str, Array]) -> dict[str, Array]:
        from models.rnn.network import gates  # noqa: PLC0415 - only compiling needs Flax

        model = graphdef.merge(parameters)
        keep, instead = (jnp.repeat(rows[name], SEQUENCES, axis=0) for name in ("keep", "instead"))
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
        mean = total.reshape(*by_row, hidden).mean(axis=1) / STEPS
        return {"logits": model.readout(last).reshape(*by_row, 2), "mean_hidden": mean}

    units = jax.ShapeDtypeStruct((hidden,), jnp.float32)
    bits = jax.ShapeDtypeStruct((SEQUENCES, STEPS), jnp.uint8)
    row = {"sequence": bits, "keep": units, "instead": units}
    return [Program("lstm.ablate", ablate, row, ablation_buckets(hidden))]
