"""Predict and trace programs of sequence networks, and their chunks of steps."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from models.architecture import LSTMState
from models.runtime.parameters import GraphDefinition, Parameters
from models.runtime.programs import Call, Program, Row, Run

if TYPE_CHECKING:  # importing it imports Flax, which only compiling needs
    from models.rnn.network import CountingLSTM
else:
    CountingLSTM = Any


CHUNKS = (128, 512)
"""How many steps one call of an LSTM program takes.

A call costs as much as more than 100 steps before it takes the first, so padding is cheaper than
more calls. The longest chunk takes no longer than a full batch of images: whoever comes next waits
for one or the other.
"""


STATE = frozenset({"final_cell", "final_hidden"})
"""The outputs of an LSTM program that the next chunk starts from."""


def lstm_programs(graphdef: GraphDefinition[CountingLSTM], hidden: int) -> list[Program]:
    """Declare predict and trace of the LSTM, each for every length of chunk."""

    def inputs(rows: Mapping[str, Array]) -> tuple[Array, Array, LSTMState]:
        sequence = rows["sequence"][..., None].astype(jnp.float32)
        return sequence, rows["length"], LSTMState(rows["cell"], rows["hidden"])

    def trace(parameters: Parameters, rows: Mapping[str, Array]) -> dict[str, Array]:
        values, final = graphdef.merge(parameters).trace(*inputs(rows))
        return values._asdict() | {"final_cell": final.cell, "final_hidden": final.hidden}

    def predict(parameters: Parameters, rows: Mapping[str, Array]) -> dict[str, Array]:
        logits, final = graphdef.merge(parameters)(*inputs(rows))
        return {"logits": logits, "final_cell": final.cell, "final_hidden": final.hidden}

    def row(chunk: int) -> dict[str, jax.ShapeDtypeStruct]:
        state = jax.ShapeDtypeStruct((hidden,), jnp.float32)
        return {
            "sequence": jax.ShapeDtypeStruct((chunk,), jnp.uint8),
            "length": jax.ShapeDtypeStruct((), jnp.int32),
            "cell": state,
            "hidden": state,
        }

    return [
        Program(f"lstm.{name}.{chunk}", function, row(chunk))
        for name, function in (("predict", predict), ("trace", trace))
        for chunk in CHUNKS
    ]


def chunks(length: int) -> Iterator[tuple[int, int, int]]:
    """Cut a length into (start, stop, chunk): longest chunks, then the one that holds the rest."""
    for start in range(0, length, CHUNKS[-1]):
        stop = min(start + CHUNKS[-1], length)
        yield start, stop, next(chunk for chunk in CHUNKS if chunk >= stop - start)


def run_lstm(program: str, row: Row, outputs: frozenset[str]) -> Run:
    """Send one sequence through one program, chunk by chunk with the state carried.

    Args:
        program: `predict` or `trace`.
        row: `sequence`, the bits, oldest first; `cell` and `hidden`, the state before the first.
        outputs: What shall be returned beside the final state.

    Returns:
        Of a trace, gates and logits of steps 1 to T and states of steps 0 to T, step 0 being the
        state before the first; of predict, the logits after step T.
    """
    sequence, state = row["sequence"], {"cell": row["cell"], "hidden": row["hidden"]}
    parts: dict[str, list[np.ndarray]] = {name: [] for name in outputs - STATE}
    for name in parts.keys() & state.keys():
        parts[name].append(state[name][None])
    for start, stop, chunk in chunks(len(sequence)):
        padded = np.zeros(chunk, np.uint8)
        padded[: stop - start] = sequence[start:stop]
        sent: Row = {"sequence": padded, "length": np.array(stop - start, np.int32), **state}
        (got,) = yield (Call(f"lstm.{program}.{chunk}", sent, outputs | STATE),)
        state = {"cell": got["final_cell"], "hidden": got["final_hidden"]}
        for name, part in parts.items():
            part.append(got[name][: stop - start] if program == "trace" else got[name])
    final = {"final_cell": state["cell"], "final_hidden": state["hidden"]}
    if program == "trace":
        return {name: _joined(part) for name, part in parts.items()} | final
    return {name: part[-1] for name, part in parts.items()} | final


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    """Put what the chunks gave one after the other; a single one is taken as it is."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
