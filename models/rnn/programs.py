"""Predict and trace programs of networks of sequences, and runs of sequences in chunks of steps."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from models.architecture import Architecture
from models.rnn.layout import layout_of, padded
from models.runtime.parameters import GraphDefinition, Parameters
from models.runtime.programs import Call, Program, Row, Run

if TYPE_CHECKING:  # importing it imports Flax, which only compiling needs
    from models.rnn.network import SequenceNetwork
else:
    SequenceNetwork = Any


def graph_definition(architecture: Architecture) -> GraphDefinition[SequenceNetwork]:
    """Return the graph definition of a network of sequences, for its programs."""

    def build() -> SequenceNetwork:
        from flax import nnx  # noqa: PLC0415 - where nothing is compiled, Flax is never imported

        from models.rnn.network import SequenceNetwork  # noqa: PLC0415

        return SequenceNetwork(architecture, nnx.Rngs(0))

    return GraphDefinition(build)


def sequence_programs(architecture: Architecture) -> list[Program]:
    """Declare the programs predict and trace of a network of sequences, each for every chunk.

    `predict.128`: logits after the last step, or after every one; and the final state.
    `trace.128`: every value of every step, and the final state.
    """
    graphdef = graph_definition(architecture)
    functions = {
        "predict": partial(_predict, architecture, graphdef),
        "trace": partial(_trace, architecture, graphdef),
    }
    return [
        Program(f"{name}.{chunk}", function, sequence_row(architecture, chunk))
        for name, function in functions.items()
        for chunk in layout_of(architecture).chunks
    ]


def sequence_row(architecture: Architecture, chunk: int) -> dict[str, jax.ShapeDtypeStruct]:
    """Describe a row of a network of sequences: a chunk of steps, its length, the initial state."""
    layout = layout_of(architecture)
    return {
        "sequence": jax.ShapeDtypeStruct((chunk, *layout.sequence_shape), layout.sequence_type),
        "length": jax.ShapeDtypeStruct((), jnp.int32),
        **state_row(architecture),
    }


def state_row(architecture: Architecture, *rows: int) -> dict[str, jax.ShapeDtypeStruct]:
    """Describe the initial state of a sequence, or of each of many, in a row of a program."""
    return {
        state.name: jax.ShapeDtypeStruct((*rows, state.units), jnp.float32)
        for state in architecture.states
    }


def final_outputs(architecture: Architecture, final: Mapping[str, Array]) -> dict[str, Array]:
    """Name the final state among the outputs of a program of a network of sequences."""
    return {state.final: final[state.name] for state in architecture.states}


def initial_state(
    architecture: Architecture, rows: Mapping[str, Array]
) -> dict[str, Float[Array, "batch units"]]:
    """Return the states before the first step of sequences from the rows of a program."""
    return {state.name: rows[state.name] for state in architecture.states}


def _predict(
    architecture: Architecture,
    graphdef: GraphDefinition[SequenceNetwork],
    parameters: Parameters,
    rows: Mapping[str, Array],
) -> dict[str, Array]:
    """Program `predict` of sequences: compute the logits of the answer, and the final state."""
    network = graphdef.merge(parameters)
    logits, final = network(rows["sequence"], rows["length"], initial_state(architecture, rows))
    return {"logits": logits, **final_outputs(architecture, final)}


def _trace(
    architecture: Architecture,
    graphdef: GraphDefinition[SequenceNetwork],
    parameters: Parameters,
    rows: Mapping[str, Array],
) -> dict[str, Array]:
    """Program `trace` of sequences: compute every value of every step, and the final state."""
    network = graphdef.merge(parameters)
    values, final = network.trace(
        rows["sequence"], rows["length"], initial_state(architecture, rows)
    )
    return {**values, **final_outputs(architecture, final)}


def chunks(architecture: Architecture, length: int) -> Iterator[tuple[int, int, int]]:
    """Split a sequence for a network's programs into (start, stop, chunk) of compiled sizes.

    Longest chunks come first, then the shortest that holds the rest.
    """
    sizes = layout_of(architecture).chunks
    for start in range(0, length, sizes[-1]):
        stop = min(start + sizes[-1], length)
        yield start, stop, next(chunk for chunk in sizes if chunk >= stop - start)


def run_sequence(
    architecture: Architecture, program: str, row: Row, outputs: frozenset[str]
) -> Run:
    """Run one sequence through a program, chunk by chunk with the state carried over.

    Args:
        architecture: Architecture of the network.
        program: `predict` or `trace`.
        row: `sequence`, oldest step first, and the initial state by the names of its states.
        outputs: Outputs to return besides the final state.

    Returns:
        Of a trace, values of steps 1 to T and states of steps 0 to T, of which step 0 is the
        initial state; of predict, the logits after step T, or after every step of a network that
        answers at each.
    """
    layout, states = layout_of(architecture), architecture.states
    wanted = outputs | layout.final_names
    sequence, state = row["sequence"], {one.name: row[one.name] for one in states}
    by_step = program == "trace" or architecture.declaration.answer == "every"
    parts: dict[str, list[np.ndarray]] = {name: [] for name in outputs - layout.final_names}
    # States are reported from step 0, the initial state; all other values from step 1.
    for name in parts.keys() & state.keys():
        parts[name].append(state[name][None])
    for start, stop, chunk in chunks(architecture, len(sequence)):
        # Steps of padding are run too; `length` selects the state before them.
        steps = padded(sequence[start:stop], chunk)
        sent: Row = {"sequence": steps, "length": np.array(stop - start, np.int32), **state}
        (got,) = yield (Call(f"{program}.{chunk}", sent, wanted),)
        for name, part in parts.items():
            part.append(got[name][: stop - start] if by_step else got[name])
        if stop < len(sequence):
            state = {one.name: got[one.final] for one in states}
    final = {one.final: got[one.final] for one in states}
    if by_step:
        return {name: _joined(part) for name, part in parts.items()} | final
    return {name: part[-1] for name, part in parts.items()} | final


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    """Concatenate the outputs of a program for the chunks of a sequence; one is not copied."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
