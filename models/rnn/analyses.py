"""Programs that answer one question about the LSTM with many rows: gradients and interventions.

They compile after the server is ready, and leave predict and trace as they are.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from models.architecture import ANSWERS, LSTMState
from models.rnn.programs import CHUNKS
from models.runtime.parameters import GraphDefinition, Parameters
from models.runtime.programs import Program

if TYPE_CHECKING:
    from models.rnn.network import CountingLSTM
else:
    CountingLSTM = Any

EDITABLE_VALUES = ("input_gate", "forget_gate", "candidate", "output_gate", "cell", "hidden")
"""What can be edited at every step, in the order in which a row of edits has them."""

CHUNK = CHUNKS[0]
"""How many steps one call of these programs takes; of `lstm.enumerate`, `FREE_CHUNK`."""

BLOCK = 512
"""How many sequences one row of `lstm.enumerate` holds."""

FREE_CHUNK = 16
"""How many steps of each of them one call takes."""

GRADIENT_BUCKETS = (1, 16)
ENUMERATION_BUCKETS = (1,)
"""A row is a whole block of sequences, and two blocks do not fit into a processor's cache."""

INTERVENTION_BUCKETS = (16,)
"""One only: results are equal to the bit within a bucket, whoever else's rows are in it, so a run
without an edit is the baseline to the bit."""


def lstm_analyses(graphdef: GraphDefinition[CountingLSTM], hidden: int) -> list[Program]:
    """Declare the programs.

    `lstm.gradient`: of a weighted sum of logits, with respect to inputs of any size.
    `lstm.enumerate`: logits and state of a block of many short sequences.
    `lstm.intervene`: a trace in which every value v goes on as v · scale + shift.

    Args:
        skeleton: The network.
        hidden: How many units it has.
    """

    def gradient(parameters: Parameters, rows: Mapping[str, Array]) -> dict[str, Array]:
        model, state = graphdef.merge(parameters), LSTMState(rows["cell"], rows["hidden"])

        def logits_of(inputs: Float[Array, "batch time"]) -> Float[Array, "batch 2"]:
            logits, _ = model(inputs[..., None], rows["length"], state)
            return logits

        logits, back = jax.vjp(logits_of, rows["inputs"])
        (by_inputs,) = back(rows["target"])
        return {"logits": logits, "gradient": by_inputs}

    def enumerate_(parameters: Parameters, rows: Mapping[str, Array]) -> dict[str, Array]:
        inputs = rows["inputs"].reshape(-1, FREE_CHUNK, 1)
        state = LSTMState(*(rows[name].reshape(-1, hidden) for name in LSTMState._fields))
        lengths = jnp.repeat(rows["length"], BLOCK)
        logits, final = graphdef.merge(parameters)(inputs, lengths, state)
        found = {"logits": logits, "final_cell": final.cell, "final_hidden": final.hidden}
        return {name: value.reshape(-1, BLOCK, value.shape[-1]) for name, value in found.items()}

    def intervene(parameters: Parameters, rows: Mapping[str, Array]) -> dict[str, Array]:
        sequence = rows["sequence"][..., None].astype(jnp.float32)
        state = LSTMState(rows["cell"], rows["hidden"])
        edits = (rows["scale"], rows["shift"])
        values, final = graphdef.merge(parameters).edited(sequence, rows["length"], state, *edits)
        return values._asdict() | {"final_cell": final.cell, "final_hidden": final.hidden}

    aimed = {"inputs": _floats(CHUNK), "target": _floats(len(ANSWERS))} | _state(hidden)
    block = {"inputs": _floats(BLOCK, FREE_CHUNK)} | _state(BLOCK, hidden)
    edits = {name: _floats(CHUNK, len(EDITABLE_VALUES), hidden) for name in ("scale", "shift")}
    bits = jax.ShapeDtypeStruct((CHUNK,), jnp.uint8)
    edited = {"sequence": bits, **edits, **_state(hidden)}
    return [
        Program("lstm.gradient", gradient, aimed, GRADIENT_BUCKETS),
        Program("lstm.enumerate", enumerate_, block, ENUMERATION_BUCKETS),
        Program("lstm.intervene", intervene, edited, INTERVENTION_BUCKETS),
    ]


def _floats(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def _state(*shape: int) -> dict[str, jax.ShapeDtypeStruct]:
    """Describe how many steps count, and the state before the first."""
    length = {"length": jax.ShapeDtypeStruct((), jnp.int32)}
    return length | {name: _floats(*shape) for name in LSTMState._fields}


def no_edit(steps: int, hidden: int) -> tuple[np.ndarray, np.ndarray]:
    """Return scale and shift of every value that leave it as it is."""
    shape = (steps, len(EDITABLE_VALUES), hidden)
    return np.ones(shape, np.float32), np.zeros(shape, np.float32)
