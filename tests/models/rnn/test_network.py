"""CountingLSTM against other implementations of the same network."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st

from models.rnn.cells import Values
from models.rnn.counting import counting_architecture
from models.rnn.network import SequenceNetwork
from models.rnn.programs import graph_definition
from tests.networks import counting_lstm
from tests.oracles.numpy64 import lstm_trace
from tests.oracles.parameters import draw, draw_bits, lstm_shapes

GOLDEN = Path(__file__).parents[2] / "golden" / "lstm.npz"
HIDDEN, STEPS, SEED = 12, 40, 7


def model_of(hidden: int, seed: int) -> SequenceNetwork:
    """Build a network with drawn parameters."""
    return graph_definition(counting_lstm(hidden)).merge(
        {name: jnp.asarray(value) for name, value in draw(lstm_shapes(hidden), seed).items()}
    )


@nnx.jit
def trace(model: SequenceNetwork, sequence: jax.Array, lengths: jax.Array) -> tuple[Values, Values]:
    """Trace a batch from the zero state."""
    return model.trace(sequence, lengths, model.initial_state(len(sequence)))


def run(
    model: SequenceNetwork, bits: np.ndarray, lengths: np.ndarray | None = None
) -> tuple[dict[str, np.ndarray], Values]:
    """Trace a batch from the zero state."""
    held = np.full(len(bits), bits.shape[1]) if lengths is None else lengths
    made, final = trace(model, jnp.asarray(bits), jnp.asarray(held, jnp.int32))
    return {name: np.asarray(value) for name, value in made.items()}, final


@pytest.mark.parametrize("hidden", [1, 12, 64])
def test_every_gate_and_state_equals_float64_numpy(hidden: int) -> None:
    """Each value at every step equals the definition in float64, to float32 rounding."""
    bits = draw_bits(1, STEPS, hidden)

    expected = lstm_trace(bits[0], draw(lstm_shapes(hidden), SEED))
    made, _ = run(model_of(hidden, SEED), bits)

    for name, value in expected.items():
        after = value[1:] if name in {"cell", "hidden"} else value
        np.testing.assert_allclose(made[name][0], after, rtol=1e-4, atol=2e-6, err_msg=name)


def test_states_equal_pytorch_and_onnx() -> None:
    """PyTorch (packed i, f, g, o) and ONNX (packed i, o, f, c) give the same states."""
    made, _ = run(model_of(HIDDEN, SEED), draw_bits(1, STEPS, SEED))

    with np.load(GOLDEN) as golden:
        np.testing.assert_allclose(made["hidden"][0], golden["torch_hidden"], atol=1e-5)
        np.testing.assert_allclose(made["cell"][0], golden["torch_cell"], atol=1e-5)
        np.testing.assert_allclose(made["hidden"][0], golden["onnx_hidden"], atol=1e-5)


def test_hidden_states_equal_the_stock_recurrent_network() -> None:
    """`nnx.RNN` over the very same cell gives the same hidden states."""
    model = model_of(HIDDEN, SEED)
    bits = draw_bits(3, STEPS, 1)

    stock = nnx.RNN(model.layer("cell"), rngs=nnx.Rngs(0))(
        jnp.asarray(bits[..., None], jnp.float32)
    )

    np.testing.assert_allclose(run(model, bits)[0]["hidden"], stock, atol=1e-5)


def test_swapped_gates_are_noticed() -> None:
    """Input and forget gate cannot change places without the oracle seeing it."""
    held = draw(lstm_shapes(HIDDEN), SEED)
    i, f, g, o = np.split(held["cell.dense_h.bias"], 4)
    held["cell.dense_h.bias"] = np.concatenate([f, i, g, o])

    swapped = lstm_trace(draw_bits(1, STEPS, SEED)[0], held)
    made, _ = run(model_of(HIDDEN, SEED), draw_bits(1, STEPS, SEED))

    assert np.abs(swapped["cell"][1:] - made["cell"][0]).max() > 1e-2


@settings(max_examples=25)
@given(st.lists(st.integers(1, STEPS), min_size=4, max_size=4), st.integers(0, 1000))
def test_padding_changes_nothing(lengths: list[int], seed: int) -> None:
    """Padding after a sequence's end changes neither its values nor its final state."""
    model, bits = model_of(HIDDEN, SEED), draw_bits(4, STEPS, seed)
    padded, final = run(model, bits, np.array(lengths))
    noise = bits.copy()
    for row, length in enumerate(lengths):
        noise[row, length:] ^= 1

    other, final_other = run(model, noise, np.array(lengths))

    np.testing.assert_array_equal(final["cell"], final_other["cell"])
    for row, length in enumerate(lengths):
        np.testing.assert_array_equal(padded["cell"][row, :length], other["cell"][row, :length])
        np.testing.assert_array_equal(final["hidden"][row], padded["hidden"][row, length - 1])


def test_cell_state_is_the_sum_of_what_was_written_and_kept() -> None:
    """c_T = Σ_j (Π_{k>j} f_k) i_j g_j when it starts at zero (Levy et al. 2018)."""
    made, final = run(model_of(HIDDEN, SEED), draw_bits(1, STEPS, 3))
    written = made["input_gate"][0].astype(np.float64) * made["candidate"][0]
    forget = made["forget_gate"][0].astype(np.float64)
    kept = np.array([forget[step + 1 :].prod(axis=0) for step in range(STEPS)])

    np.testing.assert_allclose((kept * written).sum(axis=0), final["cell"][0], atol=1e-5)


@pytest.mark.parametrize("hidden", [0, 65])
def test_a_size_out_of_range_is_refused_by_its_limit(hidden: int) -> None:
    """The message names the limit and the value."""
    with pytest.raises(ValueError, match=rf"hidden must be between 1 and 64, got {hidden}"):
        counting_architecture(hidden)
