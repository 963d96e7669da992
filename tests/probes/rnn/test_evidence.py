"""Findings about LSTMs with handmade weights, of which each statement is known to hold or not."""

import numpy as np
import pytest

from probes.rnn.evidence import evidence, references, replaced_accuracies, trace, untrained
from probes.rnn.findings import measure
from probes.rnn.interchange import SWAPPED_STEP, HostLSTM, margin, pairs
from probes.shared.statements import STATEMENTS
from tests.oracles.numpy64 import lstm_trace
from tests.oracles.parameters import draw, lstm_shapes
from tests.probes.handmade import (
    Tensors,
    always_yes,
    gate_counter,
    hidden_counter,
    leaky_counter,
    nothing,
    one_counter,
    saturated_counter,
)


def supported(weights: Tensors) -> set[str]:
    """Statements that a network supports; those that it does not have a reason."""
    measured = measure(HostLSTM.of(weights))
    assert list(measured) == [key for key, one in STATEMENTS.items() if one.model == "lstm"]
    found = {key for key, one in measured.items() if one.supports(STATEMENTS[key].least)}
    assert all(one.why for key, one in measured.items() if key not in found)
    return found


COUNTS = {"cell_remembers", "hidden_encodes_context"}


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        # Gates of 1: the candidate alone depends on the bits.
        (one_counter(6, 2), COUNTS),
        (saturated_counter(3), COUNTS),
        (gate_counter(4), COUNTS | {"gates_decide"}),
        (hidden_counter(3), {"hidden_encodes_context"}),
        (leaky_counter(4), set()),
        (always_yes(4), set()),
        (nothing(3), set()),
        (draw(lstm_shapes(8), 5), set()),
    ],
    ids=["pinned", "saturated", "gates", "hidden", "leaky", "constant", "zero", "random"],
)
def test_statements_hold_for_the_networks_that_they_are_true_of(
    weights: Tensors, expected: set[str]
) -> None:
    """Each statement is supported by a network made to fulfil it, and refused by the others."""
    assert supported(weights) == expected


def test_memory_follows_what_carries_the_bit() -> None:
    """A pinned counter's memory follows the candidate, a gate counter's the gates."""
    pinned = evidence(HostLSTM.of(one_counter(6, 2))).gates
    gated = evidence(HostLSTM.of(gate_counter(4))).gates

    assert pinned.candidate[0] > 0.999
    assert pinned.gates[0] < 0.05
    assert pinned.answers == 0
    assert gated.gates[0] > 0.999
    assert gated.candidate[0] < 0.05
    assert gated.answers == 1
    # Of the gates the input gate alone carries it.
    assert gated.gates[1] > 0.999
    assert gated.candidate[2] > 0.999


@pytest.mark.parametrize(("weights", "cell"), [(one_counter(4, 0), 1.0), (hidden_counter(4), 0.0)])
def test_answers_follow_the_state_that_holds_the_count(weights: Tensors, cell: float) -> None:
    """The first half is that of the cell state's run, or that of the hidden state's run."""
    found = evidence(HostLSTM.of(weights)).states

    assert found.right == 1
    assert found.cell == cell
    assert found.read_cell == pytest.approx(cell, abs=0.05)
    assert found.read_hidden == pytest.approx(1 - cell, abs=0.05)


def test_lost_calibration_is_not_lost_memory() -> None:
    """A readout that is inverted or mute leaves the count readable by a line."""
    weights = one_counter(4, 0)
    weights["readout.kernel"][:] = 0
    found = evidence(HostLSTM.of(weights)).states
    measured = measure(HostLSTM.of(weights), ["cell_remembers"])["cell_remembers"]

    assert found.cell == 0.5
    assert found.read_cell > 0.999
    assert not measured.supports(STATEMENTS["cell_remembers"].least)
    assert "A line still reads the first half" in measured.why


def test_share_of_answers_is_that_of_runs_written_out() -> None:
    """Answers after an exchange of states half way, pair by pair in a float64 network."""
    weights = draw(lstm_shapes(6), 11)
    follows, right = [], []
    for own, other in zip(*pairs(), strict=True):
        halves = [lstm_trace(bits[:SWAPPED_STEP], weights) for bits in (own, other)]
        for cell, hidden, bits in ((0, 1, own), (1, 0, other)):
            states = halves[cell]["cell"][-1], halves[hidden]["hidden"][-1]
            logits = lstm_trace(own[SWAPPED_STEP:], weights, *states)["logits"][-1]
            follows.append((logits[1] > logits[0]) == (margin(bits) > 0))
        logits = lstm_trace(own, weights)["logits"][-1]
        right.append((logits[1] > logits[0]) == (margin(own) > 0))
    found = evidence(HostLSTM.of(weights)).states

    assert found.cell == pytest.approx(np.mean(follows))
    assert found.right == pytest.approx(np.mean(right))


def test_context_of_a_counter_is_its_margin() -> None:
    """A hidden state that counts tells the margin; one that forgets tells the last bits."""
    counts = evidence(HostLSTM.of(one_counter(4, 0))).context
    forgets = evidence(HostLSTM.of(leaky_counter(4))).context

    assert counts.near > 0.99
    assert counts.read["margin"] > 0.99
    assert forgets.near < 0.3
    assert forgets.read["bit"] > 0.9


def test_a_hidden_state_that_nothing_reads_can_be_replaced() -> None:
    """A pinned counter answers right with other hidden states; a count in them is lost."""
    pinned, carried = (HostLSTM.of(one) for one in (one_counter(4, 0), hidden_counter(4)))

    assert replaced_accuracies(pinned, trace(pinned)).tolist() == [1, 1, 1]
    assert replaced_accuracies(carried, trace(carried)).max() < 0.8


def test_references_of_large_networks_are_fewer() -> None:
    """Their units together are bounded, and with them the time of the first request."""
    assert [len(list(untrained(units))) for units in (1, 16, 20, 64)] == [20, 20, 16, 5]


@pytest.mark.parametrize("units", [4, 8])
def test_references_are_untrained_networks(units: int) -> None:
    """Twenty networks of the same size, of which none supports a statement among the others."""
    drawn = list(untrained(units))
    found = references(units)

    assert len(drawn) == len(found) == 20
    assert all(one["cell.dense_h.kernel"].shape == (units, 4 * units) for one in drawn)
    # Rows of an orthogonal matrix, as Flax draws them.
    kernel = drawn[0]["cell.dense_h.kernel"]
    assert kernel @ kernel.T == pytest.approx(np.eye(units))
    biases = [one["cell.dense_h.bias"][units : 2 * units].max() for one in drawn]
    assert [bias > 0 for bias in biases] == [False, True] * 10
    assert max(one.gates.gates[0] for one in found) < STATEMENTS["gates_decide"].least
    assert max(one.states.cell for one in found) < STATEMENTS["cell_remembers"].least
    assert max(one.context.near for one in found) < STATEMENTS["hidden_encodes_context"].least
