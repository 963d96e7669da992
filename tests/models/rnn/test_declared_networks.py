"""Declared networks of sequences against the float64 interpreter of declarations."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import jax
import numpy as np
import pytest
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st

from models.architecture import Architecture, Node
from models.cnn.network import ImageNetwork
from models.declaration.declaration import Declaration, SequenceSpec, parse_declaration
from models.declaration.layer_line import parse_line
from models.derivation import RESERVED, derive
from models.families import analysis_programs, core_buckets, core_programs
from models.rnn.ablations import sequence_ablations
from models.rnn.analyses import CHUNK
from models.rnn.layout import FREE_CHUNK, Layout, layout_of
from models.rnn.network import SequenceNetwork
from models.rnn.programs import run_sequence
from models.runtime.compilation import ExecutableKey, compile_programs
from models.runtime.parameters import named
from models.runtime.programs import Call, Outputs, Program
from models.runtime.resident import ResidentProgram, drive
from tests.networks import COUNTING_LSTM, unedited
from tests.oracles.declarations import declared, draw_input, draw_parameters
from tests.oracles.interpreter import interpret

LETTERS, ONE_HOT = {"alphabet": "abcde", "encoding": "number"}, "one-hot"
NETWORKS = {
    "gru": declared("gru 6", "dense 3", given=LETTERS),
    "rnn": declared("rnn 5", "dense 3", given=LETTERS | {"encoding": ONE_HOT}),
    "relu rnn": declared("rnn 5 relu", "dense 3", given={"features": 3}),
    "features": declared("lstm 4", "dense 3", "softmax", given={"features": 1}),
    "embedding": declared("embed 4", "lstm 5", "dense 3", given=LETTERS | {"encoding": "embed"}),
    "stack": declared(
        "embed 4", "gru 5", "gru 4", "dense 3", given=LETTERS | {"encoding": "embed"}
    ),
    "mixed stack": declared(
        "dense 4",
        "tanh",
        "first: lstm 4",
        "norm layer",
        "dropout 0.5",
        "second: rnn 4",
        "add norm1",
        "concat input first",
        "dense 5",
        "gelu",
        "dense 3",
        given=LETTERS | {"encoding": ONE_HOT},
    ),
    "every step": 'answer = "every"\n'
    + declared("gru 3", "norm", "gru 4", "dense 1", "sigmoid", given={"features": 2}, classes=2),
    "two embeddings": declared(
        "embed 3", "gru 4", "more: embed 2 from input", "concat gru1", "dense 3",
        given=LETTERS | {"encoding": "embed"},
    ),
}  # fmt: skip


@cache
def network(name: str) -> tuple[Architecture, Mapping[str, np.ndarray]]:
    """Derive a network, and draw its parameters."""
    architecture = derive(parse_declaration(NETWORKS[name]))
    return architecture, draw_parameters(architecture.parameters, 5)


@cache
def program(name: str, wanted: str) -> ResidentProgram:
    """Compile a program of a network: predict and trace for two rows, analyses for any."""
    architecture, parameters = network(name)
    declared_programs = core_programs(architecture) + analysis_programs(architecture)
    (one,) = [each for each in declared_programs if each.name == wanted]
    return ResidentProgram(one, jax.device_put(dict(parameters)), (one.buckets or (2,))[-1:])


@pytest.fixture
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sequences be cut into the shortest chunks, of which several are run soon."""
    monkeypatch.setattr(Layout, "chunks", (CHUNK,))


def drawn_state(architecture: Architecture, seed: int) -> dict[str, np.ndarray]:
    """Draw a state before the first step."""
    random = np.random.default_rng(seed)
    return {
        one.name: random.uniform(-1, 1, one.units).astype(np.float32) for one in architecture.states
    }


def drawn_sequence(architecture: Architecture, seed: int, length: int) -> np.ndarray:
    """Draw a sequence in the type that programs read."""
    drawn = draw_input(architecture.declaration, seed, length)
    return drawn.astype(layout_of(architecture).sequence_type)


@cache
def reading_vectors(name: str) -> tuple[Declaration, Mapping[str, np.ndarray]]:
    """Return a network that reads encoded steps: embeddings are parts of the vectors."""
    architecture, parameters = network(name)
    layout, lines, selected = layout_of(architecture), [], {}
    for node, line in zip(architecture.nodes, architecture.declaration.layers, strict=False):
        if node in layout.embeddings:
            start = sum(shape.shape[1] for shape in selected.values())
            units = node.shape[0]
            selected[f"{node.name}.kernel"] = np.eye(layout.features)[:, start : start + units]
            lines.append(parse_line(f"{node.name}: dense {units} nobias from input"))
        else:
            lines.append(line)
    spec = SequenceSpec((), None, layout.features)
    declaration = replace(architecture.declaration, input=spec, layers=tuple(lines))
    return declaration, {**parameters, **selected}


def run(name: str, kind: str, sequence: np.ndarray, state: Mapping[str, np.ndarray]) -> Outputs:
    """Run a sequence through predict or trace in chunks."""
    architecture, _ = network(name)
    outputs = frozenset({"logits"} if kind == "predict" else architecture.layers)
    chunks, row = f"{kind}.{CHUNK}", {"sequence": sequence, **state}
    resident = {chunks: program(name, chunks)}
    (found,) = drive([run_sequence(architecture, kind, row, outputs)], resident)
    return found


def ask(name: str, analysis: str, row: Mapping[str, np.ndarray], outputs: set[str]) -> Outputs:
    """Call an analysis program with one row."""
    (found,) = program(name, analysis)([Call(analysis, row, frozenset(outputs))])
    return found


def close(found: np.ndarray, expected: np.ndarray, name: str) -> None:
    """Compare with float64, to the rounding of float32."""
    size = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * size, err_msg=name)


@pytest.mark.usefixtures("short_chunks")
@pytest.mark.parametrize("name", NETWORKS)
def test_every_value_is_that_of_the_interpreter(name: str) -> None:
    """Values of every step in two chunks from a drawn state, and the final state."""
    architecture, parameters = network(name)
    sequence, state = drawn_sequence(architecture, 1, CHUNK + 9), drawn_state(architecture, 2)

    found = run(name, "trace", sequence, state)

    expected = interpret(architecture.declaration, parameters, sequence, state)
    assert expected.keys() == architecture.layers.keys()
    for value in architecture.layers:
        after = found[value][1:] if value in state else found[value]
        close(after, expected[value], value)
        assert after.shape == (len(sequence), *architecture.layers[value].shape)
    for one in architecture.states:
        np.testing.assert_array_equal(found[one.name][0], state[one.name])
        np.testing.assert_array_equal(found[one.final], found[one.name][-1])


@pytest.mark.usefixtures("short_chunks")
@pytest.mark.parametrize("name", ["relu rnn", "mixed stack", "every step", "two embeddings"])
def test_predict_answers_after_the_last_step_or_every_one(name: str) -> None:
    """The logits are those of the trace, and so is the final state."""
    architecture, _ = network(name)
    sequence, state = drawn_sequence(architecture, 3, CHUNK + 5), drawn_state(architecture, 4)

    traced, predicted = (run(name, kind, sequence, state) for kind in ("trace", "predict"))

    is_last = architecture.declaration.answer == "last"
    close(predicted["logits"], traced["logits"][-1 if is_last else slice(None)], "logits")
    for one in architecture.states:
        close(predicted[one.final], traced[one.final], one.final)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_module_has_the_declared_parameters(name: str) -> None:
    """Names and shapes of a new network are those of its architecture, statistics included."""
    architecture, _ = network(name)

    made = SequenceNetwork(architecture, nnx.Rngs(0))

    assert {key: value.shape for key, value in named(made).items()} == architecture.parameters


@settings(max_examples=20)
@given(st.sampled_from(["gru", "stack", "mixed stack"]), st.integers(1, 127), st.integers(0, 1000))
def test_padding_never_matters(name: str, length: int, seed: int) -> None:
    """Values of a sequence and its final state are equal to the bit before any padding."""
    architecture, _ = network(name)
    sequence, state = drawn_sequence(architecture, seed, CHUNK), drawn_state(architecture, seed)
    other = drawn_sequence(architecture, seed + 1, CHUNK)
    other[:length] = sequence[:length]
    outputs = frozenset((*architecture.layers, *layout_of(architecture).final_names))
    rows = [
        {"sequence": one, "length": np.array(length, np.int32), **state}
        for one in (sequence, other)
    ]

    first, second = program(name, "trace.128")([Call("trace.128", row, outputs) for row in rows])

    for value in outputs:
        last = None if value in layout_of(architecture).final_names else length
        np.testing.assert_array_equal(first[value][:last], second[value][:last], err_msg=value)


@pytest.mark.parametrize("name", ["gru", "rnn", "features", "mixed stack", "two embeddings"])
def test_the_gradient_is_that_of_central_differences(name: str) -> None:
    """By the encoded vector of each step, also between symbols; padding has none."""
    architecture, parameters = network(name)
    layout, length = layout_of(architecture), 5
    sequence, state = drawn_sequence(architecture, 6, CHUNK), drawn_state(architecture, 7)
    encoded = layout.encode(sequence, parameters)
    target = np.random.default_rng(8).normal(size=len(architecture.classes))
    row = {
        "inputs": encoded,
        "length": np.array(length, np.int32),
        "target": target.astype(np.float32),
        **state,
    }

    found = ask(name, "gradient", row, {"gradient", "logits"})

    def aim(vectors: np.ndarray) -> float:
        values = interpret(*reading_vectors(name), vectors, state)
        return float(values["logits"][-1] @ target)

    vectors = encoded[:length].reshape(length, -1).astype(np.float64)
    moved = np.eye(vectors.size).reshape(-1, *vectors.shape) * 1e-5
    expected = np.array([(aim(vectors + one) - aim(vectors - one)) / 2e-5 for one in moved])
    made = found["gradient"][:length].reshape(-1)
    np.testing.assert_allclose(made, expected, atol=1e-4 * max(1, np.abs(expected).max()))
    assert np.abs(expected).max() > 1e-3
    assert not found["gradient"][length:].any()
    close(found["logits"] @ target, aim(vectors), "aim")


@pytest.mark.parametrize("name", ["gru", "relu rnn", "embedding", "mixed stack"])
def test_a_block_is_many_sequences(name: str) -> None:
    """Sequences of any vectors from their own states, each with the same length."""
    architecture, _ = network(name)
    layout, random = layout_of(architecture), np.random.default_rng(9)
    length = FREE_CHUNK - 3
    states = {
        one.name: random.uniform(-1, 1, (layout.block, one.units)).astype(np.float32)
        for one in architecture.states
    }
    shape = (layout.block, FREE_CHUNK, *layout.encoded_shape)
    inputs = random.uniform(-1, 1, shape).astype(np.float32)
    row = {"inputs": inputs, "length": np.array(length, np.int32), **states}

    found = ask(name, "enumerate", row, {"logits", *layout.final_names})

    for at in (0, layout.block - 1):
        state = {key: value[at] for key, value in states.items()}
        vectors = inputs[at, :length].reshape(length, -1)
        expected = interpret(*reading_vectors(name), vectors, state)
        close(found["logits"][at], expected["logits"][-1], "logits")
        for one in architecture.states:
            close(found[one.final][at], expected[one.name][-1], one.final)


@pytest.mark.parametrize("name", ["features", "rnn", "stack", "mixed stack"])
def test_no_edit_is_the_trace_and_an_edit_is_read_by_all_that_follows(name: str) -> None:
    """A replaced value of each layer changes what comes after it, as its equations say."""
    architecture, _ = network(name)
    layout, steps = layout_of(architecture), 9
    sequence, state = drawn_sequence(architecture, 1, CHUNK), drawn_state(architecture, 2)
    row = {"sequence": sequence, "length": np.array(steps, np.int32), **state}
    outputs = frozenset(architecture.layers)

    plain = ask(name, "intervene", row | unedited(layout, CHUNK), set(outputs))
    traced = run(name, "trace", sequence, state)

    for value in outputs:
        after = traced[value][1:] if value in state else traced[value]
        close(plain[value][:steps], after[:steps], value)
    for node in architecture.recurrent:
        for index, value in enumerate(layout.values(node)):
            edits = unedited(layout, CHUNK)
            scale, shift = layout.edit_names(node)
            edits[scale][3, index], edits[shift][3, index] = 0.0, 0.25
            edited = ask(name, "intervene", row | edits, set(outputs))
            key = architecture.value_name(node.name, value)
            np.testing.assert_array_equal(edited[key][3], np.full(node.shape, 0.25, np.float32))
            check_equations(architecture, node, edited, state)
            for other in outputs:
                np.testing.assert_array_equal(edited[other][:3], plain[other][:3])
            assert np.abs(edited["logits"][3:steps] - plain["logits"][3:steps]).max() > 1e-4


def check_equations(
    architecture: Architecture, node: Node, values: Outputs, state: Mapping[str, np.ndarray]
) -> None:
    """Check the equations of a recurrent layer's states at the steps after an edited one."""

    def of(value: str, steps: slice) -> np.ndarray:
        return values[architecture.value_name(node.name, value)][steps].astype(np.float64)

    now, before = slice(4, 9), slice(3, 8)
    if node.operation.cell == "lstm":
        kept = of("forget_gate", now) * of("cell", before)
        close(of("cell", now), kept + of("input_gate", now) * of("candidate", now), "cell")
        close(of("hidden", now), of("output_gate", now) * np.tanh(of("cell", now)), "hidden")
    if node.operation.cell == "gru":
        update = of("update_gate", now)
        mixed = (1 - update) * of("candidate", now) + update * of("hidden", before)
        close(of("hidden", now), mixed, "hidden")


def test_other_names_change_no_bit() -> None:
    """CountingLSTM with other layer names has equal values, as parameters have equal values."""
    lines = tuple(
        replace(line, name=name)
        for line, name in zip(COUNTING_LSTM.declaration.layers, ("memory", "vote"), strict=True)
    )
    renamed = derive(replace(COUNTING_LSTM.declaration, layers=lines))
    own = draw_parameters(COUNTING_LSTM.parameters, 3)
    other = {
        name.replace("cell.", "memory.").replace("readout", "vote"): value
        for name, value in own.items()
    }
    assert other.keys() == renamed.parameters.keys()
    random = np.random.default_rng(4)

    for first, second in zip(some_programs(COUNTING_LSTM), some_programs(renamed), strict=True):
        assert first.name == second.name
        rows = {
            name: random.integers(0, 2, (2, *one.shape)).astype(one.dtype) + (name == "length")
            for name, one in first.row.items()
        }
        found, again = (
            compile_programs([one], parameters, (2,))[ExecutableKey(one.name, 2)](parameters, rows)
            for one, parameters in ((first, jax.device_put(own)), (second, jax.device_put(other)))
        )
        assert found.keys() == again.keys()
        for name, value in found.items():
            np.testing.assert_array_equal(value, again[name], err_msg=name)


def some_programs(architecture: Architecture) -> list[Program]:
    """Return programs of a network in which every part of the network is."""
    found = core_programs(architecture) + analysis_programs(architecture)
    return [one for one in found if one.name in {"trace.128", "gradient", "intervene", "ablate"}]


@pytest.mark.parametrize(
    ("layers", "chunks", "buckets", "block", "gradient"),
    [
        (("lstm 64", "dense 3"), (128, 512), (1, 4, 16), 512, (1, 16)),
        (("gru 128", "gru 128", "dense 3"), (128,), (1, 4), 64, (1, 15)),
        (("lstm 512", "lstm 300", "dense 3"), (128,), (1,), 8, (1,)),
    ],
)
def test_a_call_has_a_bounded_cost(
    layers: tuple[str, ...],
    chunks: tuple[int, ...],
    buckets: tuple[int, ...],
    block: int,
    gradient: tuple[int, ...],
) -> None:
    """A large network has short chunks, small blocks and small batches."""
    architecture = derive(parse_declaration(declared(*layers, given=LETTERS)))
    layout = layout_of(architecture)

    assert layout.chunks == chunks
    assert core_buckets(architecture) == buckets
    assert layout.block == block
    assert layout.buckets_of("gradient") == gradient
    assert core_programs(architecture)[-1].name == f"trace.{chunks[-1]}"


def test_networks_that_do_not_count_have_no_ablations() -> None:
    """The program `ablate` is for one recurrent layer that counts bits."""
    assert [one.name for one in sequence_ablations(COUNTING_LSTM)] == ["ablate"]
    assert sequence_ablations(network("gru")[0]) == []
    large = declared(
        *("dense 1024", "dense 1024", "lstm 4", "dense 2"),
        given={"alphabet": "01", "encoding": "number"},
        classes=2,
    )
    counting = derive(parse_declaration(f"counts_bits = true\n{large}"))
    assert sequence_ablations(counting) == []


@pytest.mark.parametrize("module", [SequenceNetwork, ImageNetwork])
def test_no_layer_can_hide_an_attribute_of_its_module(module: type[nnx.Module]) -> None:
    """Layers are attributes by their names, so that those of a module's methods are reserved."""
    assert {name for name in dir(module) if not name.startswith("_")} <= RESERVED
