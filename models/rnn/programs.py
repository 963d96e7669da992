"""Predict and trace programs of the LSTM, and the run of one sequence in chunks of steps."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from models.runtime.parameters import GraphDefinition, Parameters
from models.runtime.programs import Call, Program, Row, Run
from models.simple_networks import LSTMState

if TYPE_CHECKING:  # importing it imports Flax, which only compiling needs
    from models.rnn.network import CountingLSTM
else:
    CountingLSTM = Any


CHUNKS = (128, 512)
"""Numbers of steps (chunks) for which the LSTM's programs are compiled.

A call has a fixed cost of more than 100 steps, so that padding is cheaper than more calls. The
longest chunk takes no longer than a full batch of images, which bounds the wait of other requests.
"""

STATE = frozenset({"final_cell", "final_hidden"})
"""Outputs of an LSTM program from which the next chunk of the sequence starts."""


def lstm_programs(graphdef: GraphDefinition[CountingLSTM], hidden: int) -> list[Program]:
    """Declare the programs predict and trace of the LSTM, each for every length of chunk.

    Args:
        graphdef: The network.
        hidden: Number of its units.
    """
    functions = {"predict": partial(_predict, graphdef), "trace": partial(_trace, graphdef)}
    return [
        Program(f"{name}.{chunk}", function, _row(chunk, hidden))
        for name, function in functions.items()
        for chunk in CHUNKS
    ]


def _row(chunk: int, hidden: int) -> dict[str, jax.ShapeDtypeStruct]:
    """Describe a row of the LSTM's programs: a chunk of bits, its length, and the initial state."""
    state = jax.ShapeDtypeStruct((hidden,), jnp.float32)
    return {
        "sequence": jax.ShapeDtypeStruct((chunk,), jnp.uint8),
        "length": jax.ShapeDtypeStruct((), jnp.int32),
        "cell": state,
        "hidden": state,
    }


def _inputs(rows: Mapping[str, Array]) -> tuple[Array, Array, LSTMState]:
    """Return inputs of an LSTM program: sequences as floats, lengths and initial states."""
    sequence = rows["sequence"][..., None].astype(jnp.float32)
    return sequence, rows["length"], LSTMState(rows["cell"], rows["hidden"])


def _predict(
    graphdef: GraphDefinition[CountingLSTM], parameters: Parameters, rows: Mapping[str, Array]
) -> dict[str, Array]:
    """Program `lstm.predict`: compute the logits after the last step, and the final state."""
    logits, final = graphdef.merge(parameters)(*_inputs(rows))
    return {"logits": logits, "final_cell": final.cell, "final_hidden": final.hidden}


def _trace(
    graphdef: GraphDefinition[CountingLSTM], parameters: Parameters, rows: Mapping[str, Array]
) -> dict[str, Array]:
    """Program `lstm.trace`: compute gates, states and logits of every step, and the final state."""
    values, final = graphdef.merge(parameters).trace(*_inputs(rows))
    return values._asdict() | {"final_cell": final.cell, "final_hidden": final.hidden}


def chunks(length: int) -> Iterator[tuple[int, int, int]]:
    """Split a sequence for the LSTM's programs into (start, stop, chunk) of compiled sizes.

    Longest chunks come first, then the shortest that holds the rest.
    """
    for start in range(0, length, CHUNKS[-1]):
        stop = min(start + CHUNKS[-1], length)
        yield start, stop, next(chunk for chunk in CHUNKS if chunk >= stop - start)


def run_lstm(program: str, row: Row, outputs: frozenset[str]) -> Run:
    """Run one sequence through an LSTM program, chunk by chunk with the state carried over.

    Args:
        program: `predict` or `trace`.
        row: `sequence`, the bits, oldest first; `cell` and `hidden`, the initial state.
        outputs: Outputs to return besides the final state.

    Returns:
        Of a trace, gates and logits of steps 1 to T and states of steps 0 to T, of which step 0 is
        the initial state; of predict, the logits after step T.
    """
    sequence, state = row["sequence"], {"cell": row["cell"], "hidden": row["hidden"]}
    parts: dict[str, list[np.ndarray]] = {name: [] for name in outputs - STATE}
    # States are reported from step 0, the initial state; gates and logits from step 1.
    for name in parts.keys() & state.keys():
        parts[name].append(state[name][None])
    for start, stop, chunk in chunks(len(sequence)):
        # Steps of padding are run too; `length` selects the state before them.
        padded = np.zeros(chunk, np.uint8)
        padded[: stop - start] = sequence[start:stop]
        sent: Row = {"sequence": padded, "length": np.array(stop - start, np.int32), **state}
        (got,) = yield (Call(f"{program}.{chunk}", sent, outputs | STATE),)
        state = {"cell": got["final_cell"], "hidden": got["final_hidden"]}
        for name, part in parts.items():
            part.append(got[name][: stop - start] if program == "trace" else got[name])
    final = {"final_cell": state["cell"], "final_hidden": state["hidden"]}
    if program == "trace":
        return {name: _joined(part) for name, part in parts.items()} | final
    return {name: part[-1] for name, part in parts.items()} | final


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    """Concatenate the outputs of an LSTM program's chunks; a single one is not copied."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
