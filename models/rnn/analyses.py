"""Analysis programs of the LSTM: gradients, enumeration of sequences, and interventions.

They are compiled after the server is ready, apart from predict and trace, which they leave as they
are.
"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from models.rnn.programs import CHUNKS
from models.runtime.parameters import GraphDefinition, Parameters
from models.runtime.programs import Program
from models.simple_networks import LSTM_LABELS, LSTMState

if TYPE_CHECKING:
    from models.rnn.network import CountingLSTM
else:
    CountingLSTM = Any

EDITABLE_VALUES = ("input_gate", "forget_gate", "candidate", "output_gate", "cell", "hidden")
"""LSTM analyses: values that `lstm.intervene` can edit at every step, in the order of its rows."""

CHUNK = CHUNKS[0]
"""LSTM analyses: steps per call, except of `lstm.enumerate`, which takes `FREE_CHUNK`."""

BLOCK = 512
"""LSTM analyses: sequences per row of `lstm.enumerate`."""

FREE_CHUNK = 16
"""LSTM analyses: steps of each sequence of `lstm.enumerate` per call."""

# No size between: the time of a loop over steps hardly depends on the number of rows.
GRADIENT_BUCKETS = (1, 16)
ENUMERATION_BUCKETS = (1,)
"""Batch size of the LSTM analysis `lstm.enumerate`, a single row.

Two rows, which are blocks of sequences, exceed a processor's cache.
"""

INTERVENTION_BUCKETS = (16,)
"""Batch size of the LSTM analysis `lstm.intervene`, a single one.

So a run without edits equals the baseline to the bit, since results are reproducible to the bit
only within one batch size.
"""


def lstm_analyses(graphdef: GraphDefinition[CountingLSTM], hidden: int) -> list[Program]:
    """Declare the analysis programs of the LSTM.

    `lstm.gradient`: gradient of a weighted sum of logits with respect to inputs of any size.
    `lstm.enumerate`: logits and state of a block of many short sequences.
    `lstm.intervene`: trace with every value v replaced by v · scale + shift.

    Args:
        graphdef: The network.
        hidden: Number of its units.
    """
    aimed = {"inputs": _floats(CHUNK), "target": _floats(len(LSTM_LABELS))} | _state(hidden)
    block = {"inputs": _floats(BLOCK, FREE_CHUNK)} | _state(BLOCK, hidden)
    edits = {name: _floats(CHUNK, len(EDITABLE_VALUES), hidden) for name in ("scale", "shift")}
    bits = jax.ShapeDtypeStruct((CHUNK,), jnp.uint8)
    edited = {"sequence": bits, **edits, **_state(hidden)}
    return [
        Program("gradient", partial(_gradient, graphdef), aimed, GRADIENT_BUCKETS),
        Program("enumerate", partial(_enumerate, graphdef), block, ENUMERATION_BUCKETS),
        Program("intervene", partial(_intervene, graphdef), edited, INTERVENTION_BUCKETS),
    ]


def _gradient(
    graphdef: GraphDefinition[CountingLSTM], parameters: Parameters, rows: Mapping[str, Array]
) -> dict[str, Array]:
    """LSTM analysis `lstm.gradient`: logits, and the gradient of their weighted sum by inputs."""
    model, state = graphdef.merge(parameters), LSTMState(rows["cell"], rows["hidden"])

    def logits_of(inputs: Float[Array, "batch time"]) -> Float[Array, "batch 2"]:
        logits, _ = model(inputs[..., None], rows["length"], state)
        return logits

    logits, back = jax.vjp(logits_of, rows["inputs"])
    (by_inputs,) = back(rows["target"])
    return {"logits": logits, "gradient": by_inputs}


def _enumerate(
    graphdef: GraphDefinition[CountingLSTM], parameters: Parameters, rows: Mapping[str, Array]
) -> dict[str, Array]:
    """LSTM analysis `lstm.enumerate`: logits and final state of a block of sequences per row."""
    # The blocks of all rows are one batch of sequences for the network.
    inputs = rows["inputs"].reshape(-1, FREE_CHUNK, 1)
    state = LSTMState(*(rows[k].reshape(-1, rows[k].shape[-1]) for k in LSTMState._fields))
    lengths = jnp.repeat(rows["length"], BLOCK)
    logits, final = graphdef.merge(parameters)(inputs, lengths, state)
    found = {"logits": logits, "final_cell": final.cell, "final_hidden": final.hidden}
    return {name: value.reshape(-1, BLOCK, value.shape[-1]) for name, value in found.items()}


def _intervene(
    graphdef: GraphDefinition[CountingLSTM], parameters: Parameters, rows: Mapping[str, Array]
) -> dict[str, Array]:
    """LSTM analysis `lstm.intervene`: trace with each value v replaced by v · scale + shift.

    The next computation reads the replaced value.
    """
    sequence = rows["sequence"][..., None].astype(jnp.float32)
    state = LSTMState(rows["cell"], rows["hidden"])
    edits = (rows["scale"], rows["shift"])
    values, final = graphdef.merge(parameters).edited(sequence, rows["length"], state, *edits)
    return values._asdict() | {"final_cell": final.cell, "final_hidden": final.hidden}


def _floats(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def _state(*shape: int) -> dict[str, jax.ShapeDtypeStruct]:
    """Describe inputs of an LSTM analysis: sequence length, and the state before the first step."""
    length = {"length": jax.ShapeDtypeStruct((), jnp.int32)}
    return length | {name: _floats(*shape) for name in LSTMState._fields}


def no_edit(steps: int, hidden: int) -> tuple[np.ndarray, np.ndarray]:
    """Return scale (ones) and shift (zeros) of an LSTM intervention that edits no step's values."""
    shape = (steps, len(EDITABLE_VALUES), hidden)
    return np.ones(shape, np.float32), np.zeros(shape, np.float32)
