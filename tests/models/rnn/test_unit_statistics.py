"""Unit statistics on traces of units with known behaviour."""

import numpy as np
import pytest

from models.architecture import CELL_STATES, KEEPING_GATES
from models.declaration.declaration import parse_declaration
from models.derivation import derive
from models.registry import ResidentModel
from models.rnn.unit_statistics import (
    GATES,
    HELD_OUT_SEQUENCES,
    HELD_OUT_STEPS,
    QUANTITIES,
    UnitStatistics,
    gates_of,
    held_out_inputs,
    held_out_sequences,
    measure_resident_units,
    measure_units,
    quantities,
    unit_statistics,
)
from tests.networks import COUNTING_LSTM
from tests.oracles.declarations import declared, draw_parameters
from tests.oracles.interpreter import interpret


@pytest.fixture(scope="module")
def units() -> UnitStatistics:
    """Units made by hand: one of each role, and one that is noise."""
    sequences = held_out_sequences()
    followed = quantities(sequences).astype(np.float32)
    noise = np.random.default_rng(1).normal(size=sequences.shape).astype(np.float32)
    still = np.zeros_like(noise)
    cell = np.stack([0.1 * followed[0], *followed[1:], still, noise], axis=-1)
    trace = {gate: np.full_like(cell, 0.5) for gate in GATES}
    trace["forget_gate"][..., 0] = np.exp(-1 / 50)
    trace["forget_gate"][..., 1] = 1.0
    trace["input_gate"][..., 1] = 0.95
    return measure_units(sequences, {**trace, "cell": cell, "hidden": np.tanh(cell)})


def test_each_unit_gets_its_role(units: UnitStatistics) -> None:
    """The role of a unit is the quantity that its cell state follows."""
    assert units.roles == (
        "counter", "counts ones", "counts zeros", "clock",
        "last bit", "answer", "constant", "mixed",
    )  # fmt: skip


def test_r2_and_slope_are_those_of_a_straight_line(units: UnitStatistics) -> None:
    """A unit that is a tenth of the difference has R² 1 and slope a tenth."""
    followed = QUANTITIES.index("difference")

    assert units.r2[0, followed, 0] == pytest.approx(1, abs=1e-5)
    assert units.slope[0, followed, 0] == pytest.approx(0.1, abs=1e-5)
    assert ((units.r2 >= 0) & (units.r2 <= 1 + 1e-9)).all()


def test_a_fit_equals_numpys(units: UnitStatistics) -> None:
    """R² is the square of the correlation that NumPy computes."""
    sequences = held_out_sequences()
    noise = np.random.default_rng(1).normal(size=sequences.shape)
    ones = quantities(sequences)[1]

    expected = np.corrcoef(noise.ravel(), ones.ravel())[0, 1] ** 2

    assert units.r2[0, 1, 7] == pytest.approx(expected, abs=1e-6)


def test_time_constant_is_that_of_the_mean_forget_gate(units: UnitStatistics) -> None:
    """A gate of e^(-1/50) fades to 1/e in 50 steps."""
    assert units.time_constant[0] == pytest.approx(50, rel=1e-3)


def test_a_unit_that_never_forgets_has_an_infinite_time_constant(units: UnitStatistics) -> None:
    """A forget gate of exactly 1 gives +inf, not a division's −inf; every other one is finite."""
    assert units.time_constant[1] == np.inf
    assert np.isfinite(np.delete(units.time_constant, 1)).all()
    assert (units.time_constant > 0).all()


def test_saturation_counts_both_ends(units: UnitStatistics) -> None:
    """A gate at 0.95 is always open and never shut; one at 0.5 is neither."""
    assert units.saturation[0, :, 1].tolist() == [0, 1]
    assert units.saturation[0, :, 2].tolist() == [0, 0]


def test_held_out_sequences_are_always_the_same_and_varied() -> None:
    """Held-out sequences are equal in two calls, with counts far wider than those of fair coins."""
    sequences = held_out_sequences()

    np.testing.assert_array_equal(sequences, held_out_sequences())
    assert sequences.shape == (HELD_OUT_SEQUENCES, HELD_OUT_STEPS)
    assert quantities(sequences)[0, :, -1].std() > 3 * np.sqrt(HELD_OUT_STEPS)


NETWORKS = {
    "gru": declared("gru 3", "dense 3", given={"alphabet": "abc", "encoding": "one-hot"}),
    "stack": declared("first: lstm 4", "last: rnn 3", "dense 3", given={"features": 2}),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_other_networks_have_statistics_of_gates_alone(name: str) -> None:
    """Saturation and time constants by layer, equal to those of the float64 network."""
    architecture = derive(parse_declaration(NETWORKS[name]))
    parameters = draw_parameters(architecture.parameters, 3)
    sequences = held_out_inputs(architecture)[:5]
    traces = []
    for sequence in sequences:
        values = interpret(architecture.declaration, parameters, sequence)
        names = {state.name for state in architecture.states}
        zeros = {one: np.zeros((1, *values[one].shape[1:])) for one in names}
        traces.append(values | {one: np.concatenate([zeros[one], values[one]]) for one in names})

    found = unit_statistics(architecture, sequences, traces)

    assert list(found) == [node.name for node in architecture.recurrent]
    for node in architecture.recurrent:
        one, cell = found[node.name], node.operation.cell
        assert one.roles == ()
        assert one.r2.shape == one.slope.shape == (len(CELL_STATES[cell]), 0, *node.shape)
        if cell == "rnn":
            assert one.saturation.shape == (0, 2, *node.shape)
            assert np.isnan(one.time_constant).all()
            continue
        keeping = architecture.value_name(node.name, KEEPING_GATES[cell])
        kept = np.stack([each[keeping] for each in traces])
        np.testing.assert_allclose(one.time_constant, -1 / np.log(kept.mean((0, 1))))
        at = gates_of(cell).index(KEEPING_GATES[cell])
        np.testing.assert_allclose(one.saturation[at, 0], (kept < 0.1).mean((0, 1)))
        np.testing.assert_allclose(one.saturation[at, 1], (kept > 0.9).mean((0, 1)))


def test_resident_networks_are_measured_on_their_own_inputs(lstm: ResidentModel) -> None:
    """Statistics of the shipped network are those of bits, by the name of its layer."""
    found = measure_resident_units(lstm.programs, lstm.architecture)

    assert list(found) == ["cell"]
    assert "counter" in found["cell"].roles


def test_held_out_inputs_are_of_the_network() -> None:
    """Bits for two symbols, indices of all symbols, normal features; few for a large network."""
    gru, stack = (derive(parse_declaration(text)) for text in NETWORKS.values())
    large = declared("lstm 512", "lstm 300", "dense 3", given={"features": 2})

    np.testing.assert_array_equal(held_out_inputs(COUNTING_LSTM), held_out_sequences())
    letters = held_out_inputs(gru)
    assert (letters.shape, letters.dtype) == ((64, 64), np.uint8)
    assert set(np.unique(letters)) == {0, 1, 2}
    assert held_out_inputs(stack).shape == (64, 64, 2)
    assert len(held_out_inputs(derive(parse_declaration(large)))) == 8
