"""Input attributions of the LSTM: each against its definition and its axioms."""

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from models.registry import ResidentModel
from probes.declaration import ModelContext, ProbeCall, ProbeInput
from probes.rnn.attribution import StepParameters, incomplete
from probes.rnn.shapley import shapley_values
from tests.networks import COUNTING_LSTM
from tests.oracles.numpy64 import lstm_trace
from tests.oracles.parameters import draw_bits

TARGETS = {"difference": [-1, 1], "yes": [0, 1], "no": [1, 0]}
BASELINES = {"zero": 0.0, "one": 1.0, "half": 0.5}
STATE = {"cell": [0.5, -1.0, 2.0, 0.0, 3.0, -0.5, 1.0, -2.0], "hidden": [0.1] * 8}
Named = dict[str, Any]


def ask(
    client: TestClient, bits: np.ndarray, state: Any = None, **query: Any
) -> tuple[Named, Named]:
    """Attribute: tensors and measures by name."""
    body = {"sequence": bits.tolist()} | ({"initial_state": state} if state else {})
    answer = client.post("/lstm/attribution", params=query, json=body)
    assert answer.status_code == 200, answer.text
    given = answer.json()
    return (
        {one["name"]: np.array(one["data"], one["dtype"]) for one in given["tensors"]},
        {one["name"]: one["value"] for one in given["measures"]},
    )


class Oracle:
    """The target of a sequence in float64."""

    def __init__(self, weights: Any, target: str, state: Any = None) -> None:
        self.weights = weights
        self.target = np.array(TARGETS[target])
        self.state = [np.array(state[name]) for name in ("cell", "hidden")] if state else []

    def __call__(self, inputs: np.ndarray) -> float:
        """Run inputs of any size."""
        return float(lstm_trace(inputs, self.weights, *self.state)["logits"][-1] @ self.target)

    def gradient(self, inputs: np.ndarray) -> np.ndarray:
        """By central differences."""
        moved = 1e-5 * np.eye(len(inputs))
        return np.array([(self(inputs + one) - self(inputs - one)) / 2e-5 for one in moved])


def by_orders(worth: np.ndarray, players: int) -> np.ndarray:
    """Return Shapley values as mean marginal contributions over all orders of the players."""
    brought = np.zeros(players)
    orders = list(permutations(range(players)))
    for order in orders:
        coalition = 0
        for player in order:
            joined = coalition | 1 << player
            brought[player] += worth[joined] - worth[coalition]
            coalition = joined
    return brought / len(orders)


@settings(max_examples=30)
@given(st.integers(0, 6), st.integers(0, 2**32 - 1))
def test_shapley_values_are_means_over_all_orders(players: int, seed: int) -> None:
    """Of any game of up to six, and they add up."""
    worth = np.random.default_rng(seed).normal(size=2**players)

    found = shapley_values(worth)

    np.testing.assert_allclose(found, by_orders(worth, players), atol=1e-12)
    assert found.sum() == pytest.approx(worth[-1] - worth[0], abs=1e-12)


def test_shapley_values_keep_the_axioms() -> None:
    """Equal players get the same, one that brings nothing gets nothing, and games add up."""
    random = np.random.default_rng(5)
    coalitions = np.arange(2**10)
    has = (coalitions[:, None] >> np.arange(10)) & 1
    # Players 2 and 7 count only together; nothing depends on player 4.
    worth = random.normal(size=2**10)[coalitions & ~(1 << 2 | 1 << 7 | 1 << 4)]
    worth = worth + 3.0 * has[:, 2] * has[:, 7] + has[:, 0]

    found = shapley_values(worth)

    assert found[2] == pytest.approx(1.5, abs=1e-12)
    assert found[7] == pytest.approx(1.5, abs=1e-12)
    assert found[4] == pytest.approx(0.0, abs=1e-12)
    other = random.normal(size=2**10)
    np.testing.assert_allclose(shapley_values(worth + other), found + shapley_values(other))


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("target", TARGETS)
def test_shapley_values_of_bits_are_those_of_all_orders(
    target: str, baseline: str, client: TestClient, lstm: ResidentModel
) -> None:
    """Every combination in the float64 network, every order in which bits can come in."""
    bits = np.array([1, 0, 1, 1, 0, 0], np.uint8)
    aim = Oracle(lstm.weights, target)
    has = (np.arange(64)[:, None] >> np.arange(6)) & 1
    worth = np.array([aim(np.where(one, bits, BASELINES[baseline])) for one in has])

    tensors, measures = ask(client, bits, method="shapley", target=target, baseline=baseline)

    np.testing.assert_allclose(tensors["attribution"], by_orders(worth, 6), atol=5e-5)
    assert measures["f_input"] == pytest.approx(worth[-1], abs=5e-5)
    assert measures["f_baseline"] == pytest.approx(worth[0], abs=5e-5)
    assert abs(measures["delta"]) < 1e-11
    same = bits == BASELINES[baseline]
    assert not tensors["attribution"][same].any()


def test_free_bits_may_stand_anywhere(client: TestClient, lstm: ResidentModel) -> None:
    """In a long sequence, from a state: the others keep theirs; more than a block and a chunk."""
    bits, free = draw_bits(1, 100, 8)[0], [3, 20, 21, 40, 55, 56, 70, 83, 90, 100]
    places = np.array(free) - 1
    aim = Oracle(lstm.weights, "yes", STATE)
    inputs = np.tile(bits.astype(float), (2**10, 1))
    has = (np.arange(2**10)[:, None] >> np.arange(10)) & 1
    inputs[:, places] = np.where(has, bits[places], 0.5)
    worth = np.array([aim(one) for one in inputs[[0, 1, 513, -1]]])

    query = {"method": "shapley", "baseline": "half", "target": "yes"}
    tensors, measures = ask(client, bits, STATE, free=",".join(map(str, free)), **query)
    backwards, _ = ask(client, bits, STATE, free=",".join(map(str, free[::-1])), **query)

    assert tensors["attribution"].shape == (10,)
    np.testing.assert_array_equal(tensors["attribution"], backwards["attribution"])
    assert measures["f_input"] == pytest.approx(worth[-1], abs=5e-5)
    assert measures["f_baseline"] == pytest.approx(worth[0], abs=5e-5)
    assert measures["sum"] == pytest.approx(worth[-1] - worth[0], abs=1e-4)
    alone, _ = ask(client, bits, STATE, free="83", **query)
    without = bits.astype(float)
    without[82] = 0.5
    assert alone["attribution"] == pytest.approx(aim(bits) - aim(without), abs=5e-5)


def test_a_bit_is_worth_what_it_does_to_all_others(client: TestClient, lstm: ResidentModel) -> None:
    """Ten free bits by the formula, over all combinations in the float64 network."""
    bits = draw_bits(1, 12, 31)[0]
    free = np.array([0, 1, 3, 4, 6, 7, 8, 9, 10, 11])
    aim = Oracle(lstm.weights, "difference")
    has = (np.arange(2**10)[:, None] >> np.arange(10)) & 1
    inputs = np.tile(bits.astype(float), (2**10, 1))
    inputs[:, free] = np.where(has, bits[free], 0.5)
    expected = shapley_values(np.array([aim(one) for one in inputs]))

    told = ",".join(str(one + 1) for one in free)
    tensors, _ = ask(client, bits, method="shapley", baseline="half", free=told)

    np.testing.assert_allclose(tensors["attribution"], expected, atol=5e-5)


@pytest.mark.parametrize("target", TARGETS)
def test_a_flip_takes_away_what_it_changes(
    target: str, client: TestClient, lstm: ResidentModel
) -> None:
    """The target as it is, minus that of the sequence with the bit flipped."""
    bits = draw_bits(1, 31, 3)[0]
    aim = Oracle(lstm.weights, target, STATE)
    flipped = [np.where(np.arange(31) == at, 1 - bits, bits) for at in range(31)]

    tensors, measures = ask(client, bits, STATE, method="flip", target=target)
    some, _ = ask(client, bits, STATE, method="flip", target=target, free="2,30")

    expected = [aim(bits) - aim(one) for one in flipped]
    np.testing.assert_allclose(tensors["attribution"], expected, atol=5e-5)
    np.testing.assert_array_equal(some["attribution"], tensors["attribution"][[1, 29]])
    assert measures["f_input"] == pytest.approx(aim(bits), abs=5e-5)
    answers = [Oracle(lstm.weights, "difference", STATE)(one) > 0 for one in (bits, *flipped)]
    assert measures["answers_changed"] == sum(one != answers[0] for one in answers[1:])


def test_a_flip_at_the_tie_changes_the_answer(client: TestClient) -> None:
    """With one 1 more than 0s, every 1 is needed and no 0 is."""
    bits = np.array([1, 0, 1, 1, 0, 0, 1], np.uint8)

    _, measures = ask(client, bits, method="flip")

    assert measures["answers_changed"] == bits.sum()


def test_the_gradient_is_that_of_the_float64_network(
    client: TestClient, lstm: ResidentModel
) -> None:
    """Central differences; times input, zeros count for nothing."""
    bits = draw_bits(1, 24, 6)[0]
    expected = Oracle(lstm.weights, "no", STATE).gradient(bits.astype(float))

    tensors, measures = ask(client, bits, STATE, method="gradient_x_input", target="no")

    np.testing.assert_allclose(tensors["gradient"], expected, atol=1e-4)
    np.testing.assert_allclose(tensors["attribution"], expected * bits, atol=1e-4)
    assert np.abs(expected).max() > 0.01
    assert measures["sum"] == pytest.approx((expected * bits).sum(), abs=1e-3)


@pytest.mark.parametrize("baseline", BASELINES)
def test_integrated_gradients_add_up(
    baseline: str, client: TestClient, lstm: ResidentModel
) -> None:
    """To the difference of both ends, and they are the integral along the way."""
    bits = np.array([1, 0, 1, 1, 0, 1, 0], np.uint8)
    aim, start = Oracle(lstm.weights, "difference"), np.full(7, BASELINES[baseline])
    places = (np.arange(200) + 0.5) / 200  # the midpoint rule: another quadrature
    slopes = [aim.gradient(start + place * (bits - start)) for place in places]

    tensors, measures = ask(
        client, bits, method="integrated_gradients", baseline=baseline, nodes=200
    )

    expected = (bits - start) * np.mean(slopes, axis=0)
    np.testing.assert_allclose(tensors["attribution"], expected, atol=2e-3)
    assert abs(measures["delta"]) < 1e-4
    assert measures["f_input"] == pytest.approx(aim(bits), abs=5e-5)
    assert measures["f_baseline"] == pytest.approx(aim(start), abs=5e-5)
    whole = measures["f_input"] - measures["f_baseline"] + measures["delta"]
    assert measures["sum"] == pytest.approx(whole, abs=1e-9)
    assert not tensors["attribution"][bits == start].any()


def test_few_nodes_end_at_the_same_values(client: TestClient) -> None:
    """Where two nodes miss the turn of the gates, the path is halved until the sum is right."""
    bits = draw_bits(1, 40, 5)[0]
    query = {"method": "integrated_gradients", "baseline": "one"}

    few, few_measures = ask(client, bits, nodes=2, **query)
    many, many_measures = ask(client, bits, nodes=200, **query)

    assert abs(few_measures["delta"]) < 2e-3 > abs(many_measures["delta"])
    assert few_measures["evaluations"] > 4
    assert many_measures["evaluations"] >= 202
    np.testing.assert_allclose(few["attribution"], many["attribution"], atol=0.02)


@pytest.mark.parametrize(("delta", "warned"), [(0.04, False), (-0.04, False), (0.06, True)])
def test_a_sum_that_misses_the_difference_is_warned_about(delta: float, warned: bool) -> None:
    """Above 5 % of the difference of the targets, with both numbers in the message."""
    outputs = {"f_input": np.array(3.0), "f_baseline": np.array(1.0), "delta": np.array(2 * delta)}
    call = ProbeCall(
        ModelContext(COUNTING_LSTM, {}), ProbeInput(), StepParameters(method="integrated_gradients")
    )

    found = incomplete(call.with_outputs(outputs))

    assert [one.code for one in found] == ["incomplete"] * warned
    assert all("sums to 2.12" in one.message and "by 2.00" in one.message for one in found)


def test_integrated_gradients_move_free_bits_alone(client: TestClient, lstm: ResidentModel) -> None:
    """The baseline has all other bits."""
    bits = draw_bits(1, 20, 10)[0]
    start = bits.astype(float)
    start[[4, 17]] = 0.5

    query = {"method": "integrated_gradients", "baseline": "half", "free": "5,18"}
    tensors, measures = ask(client, bits, **query)

    assert tensors["attribution"].shape == (2,)
    aim = Oracle(lstm.weights, "difference")
    assert measures["f_baseline"] == pytest.approx(aim(start), abs=5e-5)
    assert measures["sum"] == pytest.approx(aim(bits) - aim(start), abs=1e-3)


@pytest.mark.parametrize(
    ("length", "query", "reason"),
    [
        (129, {"method": "flip"}, "sequences of up to 128 steps; this one has 129"),
        (17, {"method": "shapley"}, "up to 16 free bits, not 17: name their steps in free"),
        (9, {"free": "10"}, "step 10 is not one of the sequence's, 1 to 9"),
        (9, {"free": "0"}, "step 0 is not one of the sequence's, 1 to 9"),
        (9, {"nodes": "201"}, "at most 200"),
        (9, {"method": "lime"}, "method 'lime' is not one of flip"),
        (9, {"baseline": "mean"}, "baseline 'mean' is not one of zero"),
    ],
)
def test_what_cannot_be_attributed_is_refused(
    length: int, query: Named, reason: str, client: TestClient
) -> None:
    """The answer names the thing and the limit."""
    answer = client.post("/lstm/attribution", params=query, json={"sequence": "1" * length})

    assert answer.status_code == 422
    assert reason in answer.json()["detail"]


def test_the_longest_and_the_most_are_answered(client: TestClient) -> None:
    """128 steps, and 16 free bits of which none is the baseline's."""
    bits = draw_bits(1, 128, 2)[0]
    free = ",".join(str(step) for step in range(8, 129, 8))

    tensors, measures = ask(client, bits, method="shapley", baseline="half", free=free)

    assert tensors["attribution"].shape == (16,)
    assert abs(measures["delta"]) < 1e-10
