"""Probes of declared networks of sequences, each against the float64 interpreter or its axioms."""

from itertools import combinations
from math import factorial

import numpy as np
import pytest

from probes.declaration import ParameterError
from probes.output.render import render
from probes.rnn.state_map import StateMap
from probes.rnn.trajectories import encoded_steps
from tests.oracles.interpreter import interpret
from tests.probes.rnn.networks import Network, network

ALL = ("gru stack", "lstm stack", "every step", "between", "sigmoid")
TOLERANCE = 2e-5


def logits_of(found: Network, row: dict, sequence: np.ndarray) -> np.ndarray:
    """Logits after the last step of another sequence, from the row's state, in float64."""
    return found.oracle({**row, "sequence": sequence})["logits"][-1]


@pytest.mark.parametrize("name", ALL)
def test_a_trace_is_the_interpreters(name: str) -> None:
    """Every value of every layer, by its trace name; states have the initial one first."""
    found = network(name)
    row = found.row(9, 1)
    answer, expected = found.ask("trace", row), found.oracle(row)

    assert set(answer.tensors) == {"sequence", *found.architecture.layers}
    for value in found.architecture.layers:
        np.testing.assert_allclose(answer[value], expected[value], atol=TOLERANCE)
    some = found.ask("trace", row, values=["logits"], steps=[3])
    assert set(some.tensors) == {"sequence", "logits"}


def test_values_of_a_stack_are_shown_by_layer() -> None:
    """The last layer by default, another by its name; titles name it too."""
    found = network("gru stack")
    row = found.row(6)

    assert set(found.ask("gates", row).tensors) == {
        "sequence", "gru2.reset_gate", "gru2.update_gate", "gru2.candidate",
    }  # fmt: skip
    first = found.ask("hidden", row, layer="gru1", units=[1, 4], steps=[0, 6])
    assert first.figure.title == "gru1: hidden state"
    assert first["gru1.hidden"].shape == (2, 2)
    np.testing.assert_array_equal(first["gru1.hidden"][0], row["gru1.hidden"][[1, 4]])
    with pytest.raises(ParameterError, match=r"unit 4 is not one of gru2's 4 \(0 to 3\)"):
        found.ask("hidden", row, units=[4])
    assert found.ask("hidden", row, layer="gru1", units=[4])["gru1.hidden"].shape == (7, 1)


def test_probes_apply_where_a_network_has_their_values() -> None:
    """A plain RNN has no gates, a GRU no cell state, a stack no linear readout, none counts."""
    plain, gated, bits = network("every step"), network("gru stack"), network("sigmoid")

    assert [plain.probe(one) for one in ("gates", "cell", "memory")] == [None] * 3
    assert [gated.probe(one) for one in ("cell", "decomposition")] == [None] * 2
    assert bits.probe("decomposition") is not None
    for found in (plain, gated, bits):
        names = ("counter", "generalisation", "findings")
        assert [found.probe(one) for one in names] == [None] * 3


def test_a_summary_measures_the_gates_over_the_sequence() -> None:
    """Saturation and time constants of the chosen layer; there are no roles."""
    found = network("gru stack")
    row = found.row(12, 3)
    answer, expected = found.ask("summary", row, layer="gru1"), found.oracle(row)

    gates = [expected[f"gru1.{gate}_gate"] for gate in ("reset", "update")]
    shares = [share.mean(0) for gate in gates for share in (gate < 0.1, gate > 0.9)]
    np.testing.assert_allclose(answer["saturation"], shares, atol=1e-6)
    constants = -1 / np.log(gates[1].mean(axis=0))
    np.testing.assert_allclose(answer["time_constant"], constants, rtol=1e-4)
    assert not any(measure.startswith("role") for measure in answer.measures)


def by_subsets(worth: dict[frozenset[int], float], players: list[int]) -> np.ndarray:
    """Return Shapley values from the worth of every subset of the players."""
    count = len(players)
    values = np.zeros(count)
    for index, player in enumerate(players):
        others = [one for one in players if one != player]
        for size in range(count):
            weight = factorial(size) * factorial(count - size - 1) / factorial(count)
            for chosen in map(frozenset, combinations(others, size)):
                values[index] += weight * (worth[chosen | {player}] - worth[chosen])
    return values


@pytest.mark.parametrize(("name", "baseline"), [("gru stack", "c"), ("lstm stack", "mean")])
def test_shapley_values_are_those_of_all_subsets(name: str, baseline: str) -> None:
    """A step that is absent has a named symbol, or the mean features; others keep theirs."""
    found, free = network(name), [2, 3, 5, 8]
    row = found.row(9, 4)
    sequence, absent = row["sequence"], row["sequence"].copy()
    absent[np.array(free) - 1] = 2 if baseline == "c" else sequence.mean(axis=0)
    target = found.architecture.classes[1]
    worth = {}
    for size in range(len(free) + 1):
        for chosen in map(frozenset, combinations(free, size)):
            mixed = absent.copy()
            for step in chosen:
                mixed[step - 1] = sequence[step - 1]
            worth[chosen] = float(logits_of(found, row, mixed)[1])

    answer = found.ask(
        "attribution", row, method="shapley", baseline=baseline, free=free, target=target
    )

    np.testing.assert_allclose(answer["attribution"], by_subsets(worth, free), atol=TOLERANCE)
    assert answer.measures["f_input"] == pytest.approx(worth[frozenset(free)], abs=TOLERANCE)
    assert abs(answer.measures["delta"]) < 1e-10
    replaced = found.ask(
        "attribution", row, method="replace", baseline=baseline, free=free, target=target
    )
    whole = worth[frozenset(free)]
    lost = [whole - worth[frozenset(free) - {step}] for step in free]
    np.testing.assert_allclose(replaced["attribution"], lost, atol=TOLERANCE)


def test_a_gradient_by_features_is_that_of_central_differences() -> None:
    """Of the predicted class minus the next; times input it is summed over the features."""
    found = network("lstm stack")
    row = found.row(7, 2)
    logits = found.oracle(row)["logits"][-1]
    best, next_best = np.argsort(-logits)[:2]
    wide = row["sequence"].astype(np.float64)
    expected = np.zeros_like(wide)
    for place in np.ndindex(wide.shape):
        ends = []
        for side in (1e-5, -1e-5):
            moved = wide.copy()
            moved[place] += side
            found_logits = logits_of(found, row, moved)
            ends.append(found_logits[best] - found_logits[next_best])
        expected[place] = (ends[0] - ends[1]) / 2e-5

    answer = found.ask("attribution", row, method="gradient_x_input")

    np.testing.assert_allclose(answer["gradient"], expected, atol=TOLERANCE)
    np.testing.assert_allclose(answer["attribution"], (expected * wide).sum(1), atol=TOLERANCE)


@pytest.mark.parametrize("name", ["gru stack", "lstm stack", "every step"])
def test_integrated_gradients_of_vectors_add_up(name: str) -> None:
    """To the change of the target from all absent steps; of one-hot symbols and embeddings too."""
    found = network(name)
    row = found.row(8, 5)

    answer = found.ask("attribution", row, method="integrated_gradients", nodes=32)

    change = answer.measures["f_input"] - answer.measures["f_baseline"]
    assert abs(change) > 0.01
    assert answer["attribution"].sum() == pytest.approx(change, abs=1e-3)


def test_the_memory_of_a_gru_is_what_the_steps_wrote() -> None:
    """(1 - z) n of each step times later update gates, which add up to the hidden state."""
    found = network("gru stack")
    row = found.row(8, 6)
    answer, expected = found.ask("memory", row, step=6), found.oracle(row)
    gate, candidate = expected["gru2.update_gate"][:6], expected["gru2.candidate"][:6]
    parts = np.concatenate([expected["gru2.hidden"][:1], (1 - gate) * candidate])
    for at in range(7):
        parts[at] *= gate[at:].prod(axis=0)

    np.testing.assert_allclose(answer["contributions"], parts, atol=TOLERANCE)
    np.testing.assert_allclose(answer["gru2.hidden"], parts.sum(axis=0), atol=TOLERANCE)
    assert answer.measures["rounding"] < 1e-6


@pytest.mark.parametrize(
    ("name", "splits"), [("sigmoid", ["change", "memory"]), ("every step", ["change"])]
)
def test_a_decomposition_adds_up_to_the_logit(name: str, splits: list[str]) -> None:
    """Of a class of its own or the difference, through dropout and for one unit with a sigmoid."""
    found = network(name)
    row = found.row(9, 7)
    logits = found.oracle(row)["logits"][-1]
    if found.architecture.is_sigmoid:
        # A class is compared with the other one, as the logit of the first is constantly 0.
        logits = logits - logits[::-1]

    for split in splits:
        for label, target in enumerate(found.architecture.classes):
            answer = found.ask("decomposition", row, split=split, target=target)
            whole = answer.measures["bias"] + answer["contributions"].sum()
            assert whole == pytest.approx(logits[label], abs=TOLERANCE)
            assert answer.measures["logit"] == pytest.approx(logits[label], abs=TOLERANCE)


def test_both_classes_of_one_unit_have_attributions() -> None:
    """That of the first is not 0 but the negative of the second, and the title says so."""
    found = network("sigmoid")
    row = found.row(9, 7)
    first, second = found.architecture.classes
    no, yes = (
        found.ask("attribution", row, method="flip", target=name) for name in (first, second)
    )

    assert np.abs(no["attribution"]).max() > 0
    np.testing.assert_array_equal(no["attribution"], -yes["attribution"])
    assert no.figure.title == f"Attribution of the logit of “{first}” minus “{second}”"


def test_an_edit_of_a_layer_is_read_by_the_layers_after_it() -> None:
    """A hidden state that is set decides the logits; without an edit both runs are equal."""
    found = network("lstm stack")
    row = found.row(7, 8)
    edit = {"value": "lstm2.hidden", "steps": [7, 7], "operation": "set", "amount": 0.3}
    kernel, bias = (found.weights[f"output.{name}"] for name in ("kernel", "bias"))

    answer = found.ask("intervene", row, posted={"edits": [edit]})
    same = found.ask("intervene", row, values=["lstm1.cell", "lstm1.forget_gate"])

    np.testing.assert_allclose(answer["logits"][1], 0.3 * kernel.sum(0) + bias, atol=TOLERANCE)
    np.testing.assert_allclose(answer["lstm2.hidden.edited"][-1], 0.3)
    np.testing.assert_array_equal(same["lstm1.cell.difference"], 0)
    np.testing.assert_allclose(
        same["lstm1.cell.baseline"], found.oracle(row)["lstm1.cell"], atol=TOLERANCE
    )
    first = {"value": "lstm1.hidden", "operation": "zero"}
    changed = found.ask("intervene", row, posted={"edits": [first]}, values=["lstm2.cell"])
    assert np.abs(changed["lstm2.cell.difference"][1:]).min() > 0


def test_patching_all_states_at_the_last_step_gives_the_answer_of_the_source() -> None:
    """Recovery of all states is 1 there; that of a unit is from an edited run of its own."""
    found = network("gru stack")
    row, source = found.row(6, 9), found.row(6, 10)

    answer = found.ask("patching", row, source, posted={"source": {}}, layer="gru1", steps=[2, 6])

    assert answer["recovery"].shape == (2, 5)
    assert answer["whole_state"][1] == pytest.approx(1, abs=1e-4)
    # The first layer of the last step is read by the second of that step.
    assert np.abs(answer["recovery"][1]).max() > 1e-4


def test_weights_are_shown_by_gate_and_layer() -> None:
    """Each number of each parameter is in one tensor; one layer alone by its name."""
    for name in ALL:
        found = network(name)
        answer = found.ask("weights", {})
        shown = sum(one.values.size for one in answer.tensors.values())
        assert shown == sum(value.size for value in found.weights.values())
    found = network("gru stack")
    answer = found.ask("weights", {}, layer="gru2")
    kernel = found.weights["gru2.dense_h.kernel"]
    np.testing.assert_array_equal(answer["gru2.dense_h.kernel.update_gate"], kernel[:, 4:8])
    assert answer.tensors["gru2.dense_h.bias"].coordinates == {"gate": ("candidate",)}


def next_state(found: Network, state: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Take one step of all states in float64: the hidden state of a layer before its cell state."""
    network_map = StateMap(found.architecture, found.weights)
    states = {}
    for layer in network_map.layers:
        held = state[network_map.places[layer.name]]
        parts = np.split(held, len(layer.states))
        for value, part in zip(("hidden", "cell"), parts, strict=False):
            states[layer.value(value)] = part
    after = interpret(found.architecture.declaration, found.weights, given, states)
    return np.concatenate(
        [
            after[layer.value(value)][-1]
            for layer in network_map.layers
            for value in ("hidden", "cell")[: len(layer.states)]
        ]
    )


@pytest.mark.parametrize("name", ALL)
def test_the_map_of_states_is_the_interpreters(name: str) -> None:
    """One step of every layer; its Jacobian is that of central differences."""
    found = network(name)
    random, row = np.random.default_rng(11), found.row(1, 12)
    states = StateMap(found.architecture, found.weights)
    start = random.uniform(-0.8, 0.8, (2, states.entries))
    (vector,) = encoded_steps(found.architecture, found.weights, row["sequence"])

    after, jacobian = states.step(start, vector), states.jacobian(start, vector)

    for one, expected, slopes in zip(start, after, jacobian, strict=True):
        np.testing.assert_allclose(next_state(found, one, row["sequence"]), expected, atol=1e-12)
        columns = [
            (
                next_state(found, one + e, row["sequence"])
                - next_state(found, one - e, row["sequence"])
            )
            / 2e-6
            for e in 1e-6 * np.eye(states.entries)
        ]
        np.testing.assert_allclose(slopes, np.stack(columns, axis=1), atol=1e-8)


def test_fixed_points_return_to_themselves() -> None:
    """At a chosen symbol and under a word of symbols, by the interpreter."""
    found = network("gru stack")
    answer = found.ask("dynamics", {}, symbol="d", word="ae", sequences=4)

    for point, q in zip(answer["points"], answer["q"], strict=True):
        moved = next_state(found, point, np.array([3], np.uint8)) - point
        assert 0.5 * moved @ moved == pytest.approx(q, abs=1e-20)
    first, second = (np.array([index], np.uint8) for index in (0, 4))
    point = answer["word_points"][0]
    assert answer["word_q"][0] < 1e-12
    returned = next_state(found, next_state(found, point, first), second)
    np.testing.assert_allclose(returned, point, atol=1e-6)


def test_dynamics_of_features_take_constant_features() -> None:
    """A fixed point is one at these features; there is no word."""
    found = network("lstm stack")
    answer = found.ask("dynamics", {}, features=[0.5, -1.0, 0.0], sequences=4)

    given = np.array([[0.5, -1.0, 0.0]])
    assert answer["q"][0] < 1e-12
    point = answer["points"][0]
    np.testing.assert_allclose(next_state(found, point, given), point, atol=1e-6)
    assert not any(name.startswith("word_") for name in answer.tensors)
    for query, reason in (
        ({"features": [1.0]}, "features must be 3 finite numbers, not 1"),
        ({"symbol": "a"}, "symbol is for networks of an alphabet"),
    ):
        with pytest.raises(ParameterError, match=reason):
            found.ask("dynamics", {}, **query)


@pytest.mark.parametrize("growth", [1e2, 1e8, 1e37])
def test_dynamics_of_a_network_that_diverges(growth: float) -> None:
    """States of a plain RNN with ReLU overflow, and the points near zero are found."""
    plain = network("relu rnn")
    name = "rnn1.dense_h.kernel"
    grown = np.abs(plain.weights[name]) * np.float32(growth)
    found = plain._replace(weights={**plain.weights, name: grown})

    answer = found.ask("dynamics", {}, sequences=4)

    assert not np.isfinite(answer["pc1"]).all()
    assert np.isfinite(answer["drift"]).all()
    for point, q in zip(answer["points"], answer["q"], strict=True):
        moved = next_state(found, point, np.zeros((1, 2))) - point
        assert 0.5 * moved @ moved == pytest.approx(q, rel=1e-9)
    for picture_format in ("png", "svg", "pdf"):
        assert render(answer.figure, picture_format=picture_format)


def test_the_patched_state_is_that_of_the_layer() -> None:
    """By default the cell state of a layer that has one, wherever it is in the stack."""
    found = network("between")
    row, source = found.row(5), found.row(5, 1)
    for layer, state in (("first", "cell"), ("second", "hidden")):
        asked = {"posted": {"source": {}}, "layer": layer}
        default = found.ask("patching", row, source, **asked)
        named = found.ask("patching", row, source, value=state, **asked)
        np.testing.assert_array_equal(default["logit_difference"], named["logit_difference"])
