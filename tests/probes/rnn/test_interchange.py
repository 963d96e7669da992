"""Interchange interventions: their sequences, runs and lines, against networks written out."""

import numpy as np
import pytest

from probes.rnn.interchange import (
    FITTED,
    PAIRS,
    STEPS,
    SWAPPED_STEP,
    TESTED,
    HostLSTM,
    Line,
    exchanged,
    explained,
    margin,
    pairs,
    shared,
)
from tests.oracles.numpy64 import lstm_trace
from tests.oracles.parameters import draw, lstm_shapes

WEIGHTS = draw(lstm_shapes(5), 3)
NETWORK = HostLSTM.of(WEIGHTS)


def test_pairs_have_one_second_half_and_different_answers() -> None:
    """The answer to a pair's exchanged run tells whose first half it follows."""
    own, other = pairs()

    assert own.shape == other.shape == (PAIRS, STEPS)
    assert np.array_equal(own[:, SWAPPED_STEP:], other[:, SWAPPED_STEP:])
    assert np.array_equal(margin(own) > 0, margin(other) <= 0)
    assert 0.4 < (margin(own) > 0).mean() < 0.6
    assert np.array_equal(margin(own[:3]), [2 * int(one.sum()) - STEPS for one in own[:3]])


def test_runs_are_those_of_the_float64_network() -> None:
    """From the zero state, from a given state, and with the hidden state of another run."""
    own, other = (bits[:3] for bits in pairs())
    found = NETWORK.run(own)
    donor = NETWORK.run(other)
    later = NETWORK.run(own[:, 5:9], donor.cell[:, 4], donor.hidden[:, 4])
    replaced = NETWORK.run(own[:, 5:9], found.cell[:, 4], found.hidden[:, 4], donor.hidden[:, 5:7])

    for row, bits in enumerate(own):
        expected = lstm_trace(bits, WEIGHTS)
        for name in ("input_gate", "forget_gate", "candidate", "output_gate"):
            assert getattr(found, name)[row] == pytest.approx(expected[name], abs=1e-12)
        assert found.cell[row] == pytest.approx(expected["cell"][1:], abs=1e-12)
        assert found.hidden[row] == pytest.approx(expected["hidden"][1:], abs=1e-12)
        yes = expected["logits"][:, 1] > expected["logits"][:, 0]
        assert np.array_equal(NETWORK.yes(found.hidden[row]), yes)
        resumed = lstm_trace(bits[5:9], WEIGHTS, donor.cell[row, 4], donor.hidden[row, 4])
        assert later.cell[row] == pytest.approx(resumed["cell"][1:], abs=1e-12)
        cell, hidden = found.cell[row, 4], found.hidden[row, 4]
        for step in range(5, 9):
            one = lstm_trace(bits[step : step + 1], WEIGHTS, cell, hidden)
            cell, hidden = one["cell"][1], one["hidden"][1]
            hidden = donor.hidden[row, step] if step < 7 else hidden
            assert replaced.cell[row, step - 5] == pytest.approx(cell, abs=1e-12)
            assert replaced.hidden[row, step - 5] == pytest.approx(hidden, abs=1e-12)


@pytest.mark.parametrize("names", [("input_gate",), ("forget_gate", "candidate"), ("output_gate",)])
def test_exchanged_values_come_from_the_other_run(names: tuple[str, ...]) -> None:
    """Cell and hidden state are computed again, everything else is of either run."""
    own, other = (NETWORK.run(bits[:4]) for bits in pairs())
    found = exchanged(own, other, names)
    used = {
        name: getattr(other if name in names else own, name)
        for name in ("input_gate", "forget_gate", "candidate", "output_gate")
    }
    cell = np.zeros((4, 5))
    for step in range(STEPS):
        cell = used["forget_gate"][:, step] * cell
        cell = cell + used["input_gate"][:, step] * used["candidate"][:, step]
        assert found.cell[:, step] == pytest.approx(cell)
        assert found.hidden[:, step] == pytest.approx(used["output_gate"][:, step] * np.tanh(cell))


def test_nothing_exchanged_is_the_run_itself() -> None:
    """Without an exchange the recomputed states are the run's own."""
    own = NETWORK.run(pairs().own[:4])
    found = exchanged(own, own, ())

    assert found.cell == pytest.approx(own.cell)
    assert found.hidden == pytest.approx(own.hidden)


def test_lines_are_least_squares_on_other_sequences() -> None:
    """R² is that of a line fitted on every other sequence, and 0 for unrelated states."""
    random = np.random.default_rng(1)
    states = random.normal(size=(40, 6, 3))
    quantity = states @ [1.0, -2.0, 0.0] + 3.0 + random.normal(size=(40, 6))
    design = np.concatenate([states, np.ones((40, 6, 1))], axis=-1)
    weights = np.linalg.lstsq(design[FITTED].reshape(-1, 4), quantity[FITTED].ravel())[0]
    rest = quantity[TESTED] - design[TESTED] @ weights
    expected = 1 - (rest**2).sum() / ((quantity[TESTED] - quantity[TESTED].mean()) ** 2).sum()

    assert explained(states, quantity) == pytest.approx(expected)
    assert explained(states, random.normal(size=(40, 6))) == pytest.approx(0, abs=0.05)


def test_constant_states_tell_nothing() -> None:
    """A line on states without variance reads the mean; a constant reading shares no variance."""
    quantity = np.arange(12.0).reshape(4, 3)
    line = Line.fit(np.ones((4, 3, 2)), quantity)

    assert line(np.ones((4, 3, 2))) == pytest.approx(np.full((4, 3), quantity.mean()))
    assert shared(np.full((4, 3), 0.1), quantity) == 0
    assert shared(-quantity, quantity) == pytest.approx(1)
    assert explained(np.ones((4, 3, 2)), np.ones((4, 3))) == 0
