"""Ablation program of networks that count bits: logits with the hidden state of some units held."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from models.architecture import Architecture
from models.rnn.layout import layout_of
from models.rnn.programs import graph_definition
from models.runtime.parameters import GraphDefinition, Parameters
from models.runtime.programs import Program

if TYPE_CHECKING:
    from models.rnn.network import SequenceNetwork
else:
    SequenceNetwork = Any

SEQUENCES = 256
"""Ablation of counting networks: sequences per row, on all of which a set of units is ablated."""

STEPS = 63
"""Ablation of counting networks: bits per sequence, an odd number, so that there are no ties."""

FEW_UNITS = 16


def ablation_buckets(units: int) -> tuple[int, ...]:
    """Return the batch sizes of the ablation program, for calls of at most about 10 ms.

    On two processors, four rows of 8 units take some 5 ms, and one row of 64 units some 10 ms.
    """
    return (1, 4) if units <= FEW_UNITS else (1,)


def sequence_ablations(architecture: Architecture) -> list[Program]:
    """Declare the program `ablate`: logits of a network with the hidden state of some units held.

    The cell state of a unit affects the logits only by the unit's own hidden state, so that it need
    not be held too. Only networks that count bits with one recurrent layer have it, unless a call
    would take too long.
    """
    is_counter = architecture.declaration.counts_bits and len(architecture.recurrent) == 1
    if not is_counter or layout_of(architecture).rows(STEPS) < SEQUENCES:
        return []
    (layer,) = architecture.recurrent
    units = jax.ShapeDtypeStruct(layer.shape, jnp.float32)
    bits = jax.ShapeDtypeStruct((SEQUENCES, STEPS), jnp.uint8)
    row = {"sequence": bits, "keep": units, "instead": units}
    function = partial(_ablate, architecture, graph_definition(architecture))
    return [Program("ablate", function, row, ablation_buckets(*layer.shape))]


def _ablate(
    architecture: Architecture,
    graphdef: GraphDefinition[SequenceNetwork],
    parameters: Parameters,
    rows: Mapping[str, Array],
) -> dict[str, Array]:
    """Ablate units in each row, on all its sequences: h' = keep · h + (1 - keep) · instead."""
    (layer,), network = architecture.recurrent, graphdef.merge(parameters)
    keep, instead = (jnp.repeat(rows[name], SEQUENCES, axis=0) for name in ("keep", "instead"))
    # Every row holds all sequences: its keep and instead apply to each of them.
    encoded = network.encode(rows["sequence"].reshape(-1, STEPS))
    outputs, cell = network.outputs_before(layer, encoded), network.layer(layer.name)

    def hold(name: str, value: Array) -> Array:
        return keep * value + (1 - keep) * instead if name == "hidden" else value

    def step(
        before: tuple[dict[str, Array], Array], inputs: Float[Array, "batch features"]
    ) -> tuple[tuple[dict[str, Array], Array], None]:
        state, total = before
        values = cell.step(cell.project(inputs), state, hold)
        return ({name: values[name] for name in state}, total + values["hidden"]), None

    state = network.initial_state(len(keep))
    by_step = jnp.moveaxis(outputs[layer.inputs[0]], 1, 0)
    (final, total), _ = jax.lax.scan(step, (state, jnp.zeros_like(keep)), by_step)
    at_end = {name: value[:, -1] for name, value in outputs.items()} | {layer.name: final["hidden"]}
    by_row = (-1, SEQUENCES)
    logits = network.logits_after(layer, at_end).reshape(*by_row, len(architecture.classes))
    mean = total.reshape(*by_row, *layer.shape).mean(axis=1) / STEPS
    return {"logits": logits, "mean_hidden": mean}
