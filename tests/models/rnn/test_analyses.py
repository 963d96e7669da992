"""The LSTM's analysis programs against the float64 network."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.architecture import CELL_VALUES
from models.declaration.declaration import parse_declaration
from models.derivation import derive
from models.families import analysis_programs
from models.rnn.analyses import CHUNK
from models.rnn.layout import BLOCK, FREE_CHUNK, layout_of
from models.rnn.programs import graph_definition
from models.runtime.programs import Call
from models.runtime.resident import ResidentProgram
from tests.networks import counting_lstm, unedited
from tests.oracles.declarations import declared, draw_parameters
from tests.oracles.edited_lstm import edited_trace
from tests.oracles.numpy64 import lstm_trace
from tests.oracles.parameters import draw, draw_bits, lstm_shapes

HIDDEN = 5
EDITABLE_VALUES = CELL_VALUES["lstm"]
LAYOUT = layout_of(counting_lstm(HIDDEN))
WEIGHTS = draw(lstm_shapes(HIDDEN), 4)
RANDOM = np.random.default_rng(4)
STATE = {
    "cell": RANDOM.normal(size=HIDDEN).astype(np.float32),
    "hidden": RANDOM.uniform(-1, 1, HIDDEN).astype(np.float32),
}


@pytest.fixture(scope="module")
def programs() -> Mapping[str, ResidentProgram]:
    """The programs with drawn weights, each for its largest bucket."""
    held = jax.device_put(WEIGHTS)
    return {
        one.name: ResidentProgram(one, held, one.buckets[-1:])
        for one in analysis_programs(counting_lstm(HIDDEN))
        if one.name in {"gradient", "enumerate", "intervene"} and one.buckets
    }


def ask(program: ResidentProgram, *rows: dict[str, Any], outputs: str) -> list[Any]:
    """Run rows as one batch, from the same state."""
    wanted = frozenset(outputs.split())
    name = program.program.name
    return program([Call(name, {**STATE, **row}, wanted) for row in rows])


def padded(values: np.ndarray, chunk: int) -> np.ndarray:
    """Fill up with random padding, which must not matter."""
    rest = np.full((chunk - len(values), *values.shape[1:]), 1, values.dtype)
    return np.concatenate([values, rest])


def steps(count: int) -> np.ndarray:
    """Say how many steps count."""
    return np.array(count, np.int32)


def test_the_gradient_is_that_of_central_differences(
    programs: Mapping[str, ResidentProgram],
) -> None:
    """Gradients by inputs in [0, 1] from a nonzero state equal float64; padding has none."""
    inputs = np.random.default_rng(1).uniform(0, 1, 37)
    target = np.array([-0.5, 2.0])

    def aim(values: np.ndarray) -> float:
        logits = lstm_trace(values, WEIGHTS, STATE["cell"], STATE["hidden"])["logits"]
        return float(logits[-1] @ target)

    row = {
        "inputs": padded(inputs.astype(np.float32), CHUNK),
        "length": steps(len(inputs)),
        "target": target.astype(np.float32),
    }
    short = {**row, "length": steps(3)}
    found, other = ask(programs["gradient"], row, short, outputs="gradient logits")

    moved = 1e-5 * np.eye(len(inputs))
    expected = [(aim(inputs + one) - aim(inputs - one)) / 2e-5 for one in moved]
    np.testing.assert_allclose(found["gradient"][: len(inputs)], expected, atol=2e-6)
    assert np.abs(expected).max() > 0.05
    assert not found["gradient"][len(inputs) :].any()
    assert not other["gradient"][3:].any()
    assert found["logits"] @ target == pytest.approx(aim(inputs), abs=1e-5)


def close(found: Any, exact: Any) -> None:
    """Check gradients to the accuracy of float32."""
    np.testing.assert_allclose(found, exact, rtol=1e-3, atol=1e-5 * np.abs(exact).max())


@pytest.mark.parametrize(
    "layers",
    [
        ("grown: rnn 4 relu", "norm layer", "rnn 4", "dense 2"),
        ("grown: rnn 4", "steep: dense 4", "exp", "gru 4", "dense 2"),
        ("steep: dense 4", "exp", "lstm 4", "dense 2"),
    ],
)
def test_gradients_are_those_without_padding(layers: tuple[str, ...]) -> None:
    """Of inputs and of parameters, where values of the network overflow in the padding alone."""
    text = declared(*layers, given={"features": 2}, classes=2)
    architecture = derive(parse_declaration(text))
    weights = draw_parameters(architecture.parameters, 3)
    # A state that triples at each step, and an exponential that overflows at 1.
    chosen = {
        "grown.dense_h.kernel": 3 * np.eye(4, dtype=np.float32),
        "grown.dense_h.bias": np.zeros(4, np.float32),
        "steep.kernel": 150 * np.eye(*weights.get("steep.kernel", np.eye(4)).shape),
    }
    held = {
        name: jnp.asarray(chosen.get(name, weights[name]), jnp.float32)
        for name in architecture.parameters
    }
    inputs = np.random.default_rng(2).uniform(-0.001, 0.001, (1, 5, 2)).astype(np.float32)
    filled = np.concatenate([inputs, np.ones((1, CHUNK - 5, 2), np.float32)], axis=1)
    graphdef, lengths = graph_definition(architecture), jnp.array([5], jnp.int32)

    def aim(parameters: Any, given: Any, *, padded: bool) -> Any:
        model = graphdef.merge(parameters)
        logits, _ = model(given, lengths, model.initial_state(1), differentiable=padded)
        return logits[0, 0] - logits[0, 1]

    differentiate = jax.grad(aim, argnums=(0, 1))
    exact, by_exact = differentiate(held, jnp.asarray(inputs), padded=False)
    found, by_inputs = differentiate(held, jnp.asarray(filled), padded=True)
    (program,) = (one for one in analysis_programs(architecture) if one.name == "gradient")
    rows = {
        "inputs": jnp.asarray(filled),
        "target": jnp.array([[1.0, -1.0]]),
        "length": lengths,
        **{one.name: jnp.zeros((1, one.units)) for one in architecture.states},
    }
    served = program.function(held, rows)["gradient"]

    assert np.abs(by_exact).max() > 0
    for gradient in (by_inputs, served):
        close(gradient[:, :5], by_exact)
        assert not np.asarray(gradient[:, 5:]).any()
    for name, gradient in exact.items():
        close(found[name], gradient)


def test_an_infinite_state_is_replaced_by_an_edit() -> None:
    """A scale of 0 leaves the shift alone, where the state that it replaces has overflowed."""
    text = declared("rnn 4 relu", "dense 2", given={"features": 2}, classes=2)
    architecture = derive(parse_declaration(text))
    weights = draw_parameters(architecture.parameters, 3)
    weights["rnn1.dense_h.bias"] = np.full(4, 3e38, np.float32)
    weights["rnn1.dense_h.kernel"] = np.eye(4, dtype=np.float32)
    (program,) = (one for one in analysis_programs(architecture) if one.name == "intervene")
    plain, edits = (unedited(layout_of(architecture), CHUNK) for _ in range(2))
    scale, shift = sorted(edits)
    edits[scale][1], edits[shift][1] = 0.0, 0.5
    row = {
        "sequence": np.zeros((CHUNK, 2), np.float32),
        "length": steps(2),
        **{one.name: np.zeros(one.units, np.float32) for one in architecture.states},
    }
    held = {name: jnp.asarray(value) for name, value in weights.items()}

    before, found = (
        program.function(held, {name: jnp.asarray(value)[None] for name, value in each.items()})
        for each in (row | plain, row | edits)
    )

    assert np.isinf(before["hidden"][0, 1]).all()
    assert (found["hidden"][0, 1] == 0.5).all()
    assert np.isfinite(found["logits"][0, 1]).all()


def test_a_block_is_many_sequences(programs: Mapping[str, ResidentProgram]) -> None:
    """Each sequence starts from its own state and ends at its own length."""
    random = np.random.default_rng(2)
    inputs = random.choice([0.0, 0.5, 1.0], (BLOCK, FREE_CHUNK)).astype(np.float32)
    states = {
        "cell": random.normal(size=(BLOCK, HIDDEN)).astype(np.float32),
        "hidden": random.uniform(-1, 1, (BLOCK, HIDDEN)).astype(np.float32),
    }
    length = FREE_CHUNK - 5
    row = {"inputs": inputs, "length": steps(length), **states}
    (found,) = ask(programs["enumerate"], row, outputs="logits final_cell final_hidden")

    for at in (0, 1, 255, BLOCK - 1):
        start = states["cell"][at], states["hidden"][at]
        expected = lstm_trace(inputs[at, :length], WEIGHTS, *start)
        np.testing.assert_allclose(found["logits"][at], expected["logits"][-1], atol=1e-5)
        np.testing.assert_allclose(found["final_cell"][at], expected["cell"][-1], atol=1e-5)
        np.testing.assert_allclose(found["final_hidden"][at], expected["hidden"][-1], atol=1e-5)


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), length=st.integers(1, 24), share=st.floats(0, 1))
def test_edited_runs_are_the_float64_networks(
    seed: int, length: int, share: float, programs: Mapping[str, ResidentProgram]
) -> None:
    """Any scale and shift of any value, at every step; beside rows that are edited otherwise."""
    random = np.random.default_rng(seed)
    bits = random.integers(0, 2, length).astype(np.uint8)
    shape = (length, len(EDITABLE_VALUES), HIDDEN)
    edited = random.uniform(size=shape) < share
    scale = np.where(edited, random.choice([0.0, 0.5, -1.0, 1.5], shape), 1.0).astype(np.float32)
    shift = np.where(edited, random.uniform(-1, 1, shape), 0.0).astype(np.float32)

    def through(name: str, step: int, value: np.ndarray) -> np.ndarray:
        at = (step - 1, EDITABLE_VALUES.index(name))
        return value * scale[at].astype(np.float64) + shift[at]

    row = {
        "sequence": padded(bits, CHUNK),
        "length": steps(length),
        "scale": padded(scale, CHUNK),
        "shift": padded(shift, CHUNK),
    }
    nothing = unedited(LAYOUT, CHUNK)
    outputs = " ".join((*EDITABLE_VALUES, "logits", "final_cell", "final_hidden"))
    _, found = ask(programs["intervene"], {**row, **nothing}, row, outputs=outputs)

    expected = edited_trace(bits, WEIGHTS, STATE["cell"], STATE["hidden"], through)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name][:length], value, rtol=1e-4, atol=2e-5, err_msg=name)
    np.testing.assert_array_equal(found["final_cell"], found["cell"][length - 1])
    np.testing.assert_array_equal(found["final_hidden"], found["hidden"][length - 1])


def test_rows_do_not_depend_on_one_another(programs: Mapping[str, ResidentProgram]) -> None:
    """A row has equal results to the bit at any position of a batch with any other rows."""
    nothing = unedited(LAYOUT, CHUNK)
    rows = [
        {"sequence": padded(bits, CHUNK), "length": steps(40), **nothing}
        for bits in draw_bits(LAYOUT.buckets_of("intervene")[0] - 1, 40, 6)
    ]
    outputs = " ".join((*EDITABLE_VALUES, "logits"))
    first = ask(programs["intervene"], *rows, outputs=outputs)
    alone = [ask(programs["intervene"], row, outputs=outputs)[0] for row in rows]

    for one, other in zip(first, alone, strict=True):
        for name, value in one.items():
            np.testing.assert_array_equal(value[:40], other[name][:40])


def test_many_gradients_are_one_at_a_time(programs: Mapping[str, ResidentProgram]) -> None:
    """Of a full bucket, each is its own row's."""
    random = np.random.default_rng(9)
    target = np.array([0.0, 1.0], np.float32)
    rows = [
        {
            "inputs": random.uniform(0, 1, CHUNK).astype(np.float32),
            "length": steps(length),
            "target": target,
        }
        for length in np.linspace(1, CHUNK, LAYOUT.buckets_of("gradient")[-1]).astype(int)
    ]
    together = ask(programs["gradient"], *rows, outputs="gradient")
    for row, found in zip(rows, together, strict=True):
        (alone,) = ask(programs["gradient"], row, outputs="gradient")
        np.testing.assert_allclose(found["gradient"], alone["gradient"], atol=1e-6)
