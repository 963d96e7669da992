"""Certificates of counting LSTMs: bounds that hold, lengths that no search refutes."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models import registry
from models.declaration.layer_line import parse_line
from models.derivation import derive
from models.rnn import certificate
from models.rnn.cells import lstm_gates
from models.rnn.certificate import LONGEST, Certificate, UnitBounds
from models.rnn.counting import counting_weights
from models.rnn.evaluation import running_answers
from models.rnn.lengths import LengthLimits, length_limits
from models.rnn.network import SequenceNetwork
from models.rnn.programs import graph_definition
from models.rnn.structured_sequences import all_periodic, all_runs, margins
from scripts import certify as command
from tests.networks import counting_lstm
from tests.oracles.parameters import draw, lstm_shapes
from tests.probes.handmade import saturated_counter

COUNTER = 0


@pytest.fixture(scope="module")
def shipped():
    """Load the shipped LSTM with its record of checkpoints."""
    return registry.load("lstm")


def network(weights) -> SequenceNetwork:
    """Build the network of some weights."""
    hidden = len(weights["readout.kernel"])
    graphdef = graph_definition(counting_lstm(hidden))
    return graphdef.merge(jax.device_put(dict(weights)))


def certify(weights) -> Certificate:
    """Certify the weights of a CountingLSTM."""
    return certificate.certify(counting_lstm(len(weights["readout.kernel"])), weights)


def unit_bounds(weights) -> UnitBounds:
    """Bound the units of a CountingLSTM."""
    held = counting_weights(counting_lstm(len(weights["readout.kernel"])), weights)
    return certificate.unit_bounds(held)


def leaking(weights, amount: float):
    """Lower the forget bias of the counter."""
    bias = weights["cell.dense_h.bias"].copy()
    bias[len(weights["readout.kernel"]) + COUNTER] -= amount
    return {**weights, "cell.dense_h.bias": bias}


def first_error(weights) -> int | None:
    """Search all pairs of runs and all periodic sequences for the shortest error."""
    found = []
    model = network(weights)
    for bits in (all_runs(1024), next(iter(all_periodic(1024, 4_000)))):
        wrong = (running_answers(model, bits) != (margins(bits) > 0)).any(axis=0)
        found += [int(wrong.argmax()) + 1] if wrong.any() else []
    return min(found) if found else None


def test_the_shipped_lstm_is_certified(shipped):
    """The shipped weights answer all sequences of every served length correctly."""
    found = certify(shipped.weights)
    assert found.length == shipped.checkpoint.metadata["certified_length"] == LONGEST
    assert found.counters == (COUNTER,)
    assert found.error == (0.0,)
    assert found.logits[0] < 0 < found.logits[1]


@pytest.fixture(scope="module")
def moving(shipped):
    """Tell of each unit and gate whether the gate ranges over at least 0.3, but for outliers."""
    random = np.random.default_rng(0)
    bits = (random.random((64, 128)) < random.random((64, 1))).astype(np.uint8)
    model = network(shipped.weights)
    lengths = jnp.full(64, 128, jnp.int32)
    trace, _ = model.trace(jnp.asarray(bits), lengths, model.initial_state(64))
    gates_of = (trace["input_gate"], trace["forget_gate"], trace["output_gate"])
    ends = [np.percentile(np.asarray(one), (1, 99), axis=(0, 1)) for one in gates_of]
    return np.array([np.ptp(end, axis=0) >= 0.3 for end in ends])


def test_four_units_that_do_not_count_have_moving_gates(moving):
    """At most two units have constant gates; in at least four, all three gates move."""
    assert moving.all(axis=0).sum() >= 4
    assert (~moving.any(axis=0)).sum() <= 2


def test_the_page_opens_on_a_unit_with_moving_gates(moving):
    """The unit that the page shows first is not the counter, whose gates are constant."""
    state = (Path(registry.__file__).parents[1] / "api/static/explorer/state.js").read_text()
    assert moving[:, int(re.search(r"^  unit: (\d+),", state, re.MULTILINE)[1])].all()


def test_weights_that_miscount_are_not_certified_beyond_their_first_error(shipped):
    """The checkpoint `uncertified` errs at 169 bits, and its certificate ends before."""
    assert certify(shipped.training_checkpoints["uncertified"]).length < 169


def test_a_lower_forget_bias_lowers_the_length_and_no_search_refutes_it(shipped):
    """The certified length falls with the forget bias, and stays below the first error found."""
    lengths = []
    for amount in (0.0, 4.0, 8.0, 10.0, 12.0, 14.0):
        weights = leaking(shipped.weights, amount)
        lengths.append(certify(weights).length)
        found = first_error(weights)
        assert found is None or lengths[-1] < found
        if amount >= 10.0:
            # The bound is no worse than a tenth of the shortest error.
            assert found is not None
            assert lengths[-1] >= found / 10
    assert lengths[0] == LONGEST
    assert all(after < before for before, after in pairwise(lengths))


@pytest.mark.parametrize("seed", range(4))
def test_no_hidden_state_leaves_the_bounds(seed):
    """Gates in float32 lie within their bounds for hidden states in the box and at its corners."""
    weights = draw(lstm_shapes(5), seed)
    bounds = unit_bounds(weights)
    random = np.random.default_rng(seed)
    hidden = random.uniform(-1, 1, (4_000, 5)).astype(np.float32)
    corners = 2.0 * ((np.arange(32)[:, None] >> np.arange(5)) & 1) - 1
    hidden = np.concatenate([hidden, corners.astype(np.float32)])
    for bit in (0, 1):
        from_hidden = hidden @ weights["cell.dense_h.kernel"] + weights["cell.dense_h.bias"]
        sums = from_hidden + np.float32(bit) * weights["cell.dense_i.kernel"][0]
        found = [np.asarray(one) for one in jax.jit(lstm_gates)(jnp.asarray(sums))]
        for gate, values in enumerate(found):
            low, high = bounds.gates[:, gate, bit]
            assert (values >= low).all()
            assert (values <= high).all()
            # A corner reaches each end.
            assert np.abs(values.min(axis=0) - low).max() < 1e-5
            assert np.abs(values.max(axis=0) - high).max() < 1e-5
        change = found[0] * found[2]
        assert (change >= bounds.change[0, bit]).all()
        assert (change <= bounds.change[1, bit]).all()


def test_the_compiled_functions_are_within_the_assumed_errors():
    """σ and tanh in float32 have at most the errors that a certificate allows for, and saturate."""
    at = np.linspace(-40, 40, 1_000_001).astype(np.float32)[:, None]
    sigmoid, _, candidate, _ = (
        np.asarray(one)[:, 0] for one in jax.jit(lstm_gates)(jnp.asarray(np.repeat(at, 4, axis=1)))
    )
    wide = at[:, 0].astype(np.float64)
    assert np.abs(sigmoid - 1 / (1 + np.exp(-wide))).max() < certificate.SIGMOID_ERROR
    assert np.abs(candidate - np.tanh(wide)).max() < certificate.TANH_ERROR
    assert np.abs(np.asarray(jnp.tanh(at))[:, 0] - np.tanh(wide)).max() < certificate.TANH_ERROR
    assert (sigmoid[wide >= certificate.SATURATED_SIGMOID] == 1).all()
    assert (candidate[wide >= certificate.SATURATED_TANH] == 1).all()
    assert (candidate[wide <= -certificate.SATURATED_TANH] == -1).all()


@pytest.mark.parametrize("leak", [0.003, 0.02])
def test_no_sequence_of_14_bits_exceeds_the_error_of_the_count(leak):
    """The cell state of a leaking counter stays within the bound after all 16,384 sequences."""
    weights = saturated_counter(1, 1 - leak)
    proof = certificate._Proof(unit_bounds(weights), (0,), 0.0, 0.0)
    bits = ((np.arange(2**14)[:, None] >> np.arange(14)) & 1).astype(np.uint8)
    model = network(weights)
    lengths = jnp.full(len(bits), 14, jnp.int32)
    trace, _ = model.trace(jnp.asarray(bits), lengths, model.initial_state(len(bits)))
    step = float(unit_bounds(weights).step[0])
    away = np.abs(np.asarray(trace["cell"], np.float64)[..., 0] - step * margins(bits))
    for length in (1, 2, 5, 9, 14):
        margin = np.abs(margins(bits)[:, length - 1]).astype(np.float64)
        bound = proof.errors(length, margin)[0]
        assert (away[:, length - 1] <= bound).all()
    assert away[:, -1].max() > 0.3 * bound.max()


def test_the_error_of_a_certificate_is_in_counts():
    """Half as large a change of the cell state for a bit leaves the error of the count as it is."""
    whole = saturated_counter(1, 0.999)
    half = dict(whole)
    half["cell.dense_h.bias"] = whole["cell.dense_h.bias"].copy()
    half["cell.dense_h.bias"][0] = 0.0
    proofs = [
        certificate._Proof(unit_bounds(one), (0,), 0.0, 0.0).at(14)[0][0] for one in (whole, half)
    ]
    assert unit_bounds(half).step[0] == pytest.approx(0.5)
    assert proofs[1] == pytest.approx(proofs[0], rel=1e-3)


def test_a_counter_by_hand_is_certified_to_the_end_and_a_reversed_one_is_not():
    """An exact counter is certified to 2^24; with the readout reversed, nothing is."""
    weights = saturated_counter(1)
    assert certify(weights).length == LONGEST
    reversed_readout = {**weights, "readout.kernel": weights["readout.kernel"][:, ::-1].copy()}
    assert certify(reversed_readout).length == 0


def test_units_that_can_outvote_the_counter_void_the_certificate():
    """Another unit with a large readout weight leaves no certified length."""
    weights = saturated_counter(2)
    assert certify(weights).length == LONGEST
    kernel = weights["readout.kernel"].copy()
    kernel[1, 1] = 100.0
    assert certify({**weights, "readout.kernel": kernel}).length == 0


def test_readouts_that_underflow_are_not_certified():
    """A readout that float32 takes for 0 always answers "no", and no length is certified."""
    weights = saturated_counter(1)
    for name in ("readout.kernel", "readout.bias"):
        weights[name] = weights[name] * np.float32(1e-42)
    assert not running_answers(network(weights), np.ones((1, 4), np.uint8)).all()
    assert certify(weights).length == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("name", ["cell.dense_h.kernel", "cell.dense_h.bias", "readout.kernel"])
def test_weights_that_overflow_are_not_certified(name, value):
    """One weight that is not finite, or may overflow a sum, voids the certificate."""
    weights = saturated_counter(2)
    changed = weights[name].copy()
    changed.reshape(-1)[-1] = value
    with np.errstate(all="ignore"):
        assert certify({**weights, name: changed}).length == 0


def test_the_command_prints_the_certificate(capsys):
    """`scripts.certify` states the length, the counter and the bounds of each unit."""
    assert command.main([]) == 0
    out = capsys.readouterr().out
    assert "16,777,216 bits" in out
    assert "unit 0 counts" in out
    assert out.count("forget gate") == 8
    assert command.main(["--checkpoint", "uncertified"]) == 2
    assert "No length is certified" in capsys.readouterr().out


def test_the_command_refuses_weights_that_it_cannot_read(tmp_path: Path, capsys):
    """Without weights, or with an unknown checkpoint, the command names the cause."""
    assert command.main(["--folder", str(tmp_path)]) == 1
    assert "holds neither" in capsys.readouterr().err
    assert command.main(["--checkpoint", "round-7"]) == 1
    assert "round-7" in capsys.readouterr().err


def test_the_command_searches_for_an_error(monkeypatch, capsys):
    """With --search the command names the shortest error of each kind of sequence."""
    few = command.Measurement(longest=8, length=512, sequences=40, flips=(0.9,))
    monkeypatch.setattr(command, "SEARCHED", few)
    assert command.main(["--checkpoint", "uncertified", "--search"]) == 2
    found = capsys.readouterr().out
    assert "every_periodic" in found
    assert "first error at" in found


def test_a_certificate_reads_the_layers_of_the_architecture():
    """Other layer names, and one sigmoid unit for two classes, have the same certificate."""
    weights = saturated_counter(2, 0.999)
    declaration = counting_lstm(2).declaration
    cell, _ = declaration.layers
    readout = weights["readout.kernel"], weights["readout.bias"]
    of_yes = tuple(one[..., 1:] - one[..., :1] for one in readout)
    for line, (kernel, bias) in (("vote: dense 2", readout), ("vote: dense 1", of_yes)):
        layers = (replace(cell, name="memory"), parse_line(line))
        architecture = derive(replace(declaration, layers=layers))
        renamed = {
            name.replace("cell.", "memory."): value
            for name, value in weights.items()
            if name.startswith("cell.")
        }
        renamed |= {"vote.kernel": kernel, "vote.bias": bias}
        found = certificate.certify(architecture, renamed)
        assert found.length == certify(weights).length > 0


def test_other_networks_that_count_have_no_certificate():
    """A GRU counts without a proof: nothing is certified, and to ask for it is an error."""
    declaration = counting_lstm(2).declaration
    layers = (parse_line("cell: gru 2"), declaration.layers[1])
    architecture = derive(replace(declaration, layers=layers))
    weights = draw(architecture.parameters, 1)
    assert length_limits(architecture, weights, {"tested_length": 7}) == LengthLimits(7, 0)
    with pytest.raises(ValueError, match="other layers than one LSTM"):
        certificate.certify(architecture, weights)
