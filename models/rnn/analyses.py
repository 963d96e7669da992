"""Analysis programs of networks of sequences: gradients, enumeration and interventions.

They are compiled after the server is ready, apart from predict and trace, which they leave as they
are.
"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from models.architecture import LEAST_CHUNK, Architecture
from models.rnn.layout import FREE_CHUNK, layout_of
from models.rnn.programs import (
    final_outputs,
    graph_definition,
    initial_state,
    sequence_row,
    state_row,
)
from models.runtime.parameters import GraphDefinition, Parameters
from models.runtime.programs import Program

if TYPE_CHECKING:
    from models.rnn.network import SequenceNetwork
else:
    SequenceNetwork = Any

CHUNK = LEAST_CHUNK
"""Analyses of sequences: steps per call, except of `enumerate`, which takes `FREE_CHUNK`."""


def sequence_analyses(architecture: Architecture) -> list[Program]:
    """Declare the analysis programs of a network of sequences.

    `gradient`: gradient of a weighted sum of logits with respect to the encoded steps.
    `enumerate`: logits and state of a block of many short sequences.
    `intervene`: trace with every value v of recurrent layers replaced by v · scale + shift.
    """
    layout, graphdef = layout_of(architecture), graph_definition(architecture)
    length = {"length": jax.ShapeDtypeStruct((), jnp.int32)}
    encoded, classes = layout.encoded_shape, len(architecture.classes)
    aimed = {"inputs": _floats(CHUNK, *encoded), "target": _floats(classes), **length}
    block = {"inputs": _floats(layout.block, FREE_CHUNK, *encoded), **length}
    edits = {name: _floats(*shape) for name, shape in layout.edits(CHUNK).items()}
    rows = {
        "gradient": aimed | state_row(architecture),
        "enumerate": block | state_row(architecture, layout.block),
        "intervene": sequence_row(architecture, CHUNK) | edits,
    }
    functions = {"gradient": _gradient, "enumerate": _enumerate, "intervene": _intervene}
    return [
        Program(
            name, partial(function, architecture, graphdef), rows[name], layout.buckets_of(name)
        )
        for name, function in functions.items()
    ]


def _gradient(
    architecture: Architecture,
    graphdef: GraphDefinition[SequenceNetwork],
    parameters: Parameters,
    rows: Mapping[str, Array],
) -> dict[str, Array]:
    """Analysis `gradient` of sequences: logits, and the gradient of their weighted sum by steps."""
    network, state = graphdef.merge(parameters), initial_state(architecture, rows)

    def logits_of(inputs: Float[Array, "batch time *features"]) -> Float[Array, "batch classes"]:
        encoded = _vectors(architecture, inputs)
        logits, _ = network.answer(encoded, rows["length"], state, differentiable=True)
        return logits

    logits, back = jax.vjp(logits_of, rows["inputs"])
    (by_inputs,) = back(rows["target"])
    return {"logits": logits, "gradient": by_inputs}


def _enumerate(
    architecture: Architecture,
    graphdef: GraphDefinition[SequenceNetwork],
    parameters: Parameters,
    rows: Mapping[str, Array],
) -> dict[str, Array]:
    """Analysis `enumerate` of sequences: logits and final state of a block of sequences per row."""
    block = rows["inputs"].shape[1]

    def flat(value: Array) -> Array:
        # The blocks of all rows are one batch of sequences for the network.
        return value.reshape(-1, *value.shape[2:])

    inputs = _vectors(architecture, flat(rows["inputs"]))
    state = {one.name: flat(rows[one.name]) for one in architecture.states}
    lengths = jnp.repeat(rows["length"], block)
    logits, final = graphdef.merge(parameters).answer(inputs, lengths, state)
    found = {"logits": logits, **final_outputs(architecture, final)}
    return {name: value.reshape(-1, block, value.shape[-1]) for name, value in found.items()}


def _intervene(
    architecture: Architecture,
    graphdef: GraphDefinition[SequenceNetwork],
    parameters: Parameters,
    rows: Mapping[str, Array],
) -> dict[str, Array]:
    """Analysis `intervene` of sequences: trace with each value v replaced by v · scale + shift.

    The next computation reads the replaced value.
    """
    edits = {}
    for node in architecture.recurrent:
        scale, shift = layout_of(architecture).edit_names(node)
        edits[node.name] = (rows[scale], rows[shift])
    network, state = graphdef.merge(parameters), initial_state(architecture, rows)
    values, final = network.edited(rows["sequence"], rows["length"], state, edits)
    return {**values, **final_outputs(architecture, final)}


def _vectors(
    architecture: Architecture, inputs: Float[Array, "batch time *features"]
) -> Float[Array, "batch time features"]:
    """Return encoded steps of an analysis as vectors; of numbers, as vectors of one number."""
    return inputs if layout_of(architecture).encoded_shape else inputs[..., None]


def _floats(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)
