"""Trajectories, their axes, and points, as the server tells of them."""

from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from models.registry import ResidentModel
from models.rnn.certificate import certify
from models.rnn.unit_statistics import held_out_sequences
from probes.rnn.dynamics import DRIFT_GROUPS
from probes.rnn.trajectories import axes_of
from tests.oracles.numpy64 import lstm_trace
from tests.oracles.parameters import lstm_shapes

SEQUENCES = 12


def ask(client: TestClient, **query: Any) -> dict[str, Any]:
    """Return tensors and measures by name."""
    answer = client.get("/lstm/dynamics", params={"sequences": SEQUENCES, **query})
    assert answer.status_code == 200, answer.text
    given = answer.json()
    return {one["name"]: np.array(one["data"], float) for one in given["tensors"]} | {
        one["name"]: one["value"] for one in given["measures"]
    }


@pytest.fixture(scope="module")
def told(client: TestClient) -> dict[str, Any]:
    return ask(client)


@pytest.fixture(scope="module")
def states(lstm: ResidentModel) -> np.ndarray:
    """The held-out sequences' states [h; c], from the other float64 network."""
    runs = [lstm_trace(bits, lstm.weights) for bits in held_out_sequences()[:SEQUENCES]]
    return np.stack([np.concatenate([one["hidden"], one["cell"]], axis=1) for one in runs])


def stability(largest: float) -> str:
    return "stable" if largest < 1 else "unstable"


def stepped(state: np.ndarray, lstm: ResidentModel, inputs: float) -> np.ndarray:
    """Take one step of a state with the other float64 network."""
    hidden, cell = np.split(state, 2)
    trace = lstm_trace(np.array([inputs]), lstm.weights, cell, hidden)
    return np.concatenate([trace["hidden"][1], trace["cell"][1]])


def test_axes_are_those_of_the_covariance(told: dict[str, Any], states: np.ndarray) -> None:
    """Shares are its eigenvalues', and the places on the axes have just these variances."""
    flat = states.reshape(-1, states.shape[-1])
    variances = np.linalg.eigvalsh(np.cov(flat.T, ddof=0))[::-1]
    components = told["components"]

    np.testing.assert_allclose(
        told["explained_variance"], variances[:8] / variances.sum(), atol=1e-12
    )
    np.testing.assert_allclose(components @ components.T, np.eye(3), atol=1e-12)
    for axis, name in enumerate(("pc1", "pc2")):
        assert told[name].var() == pytest.approx(variances[axis], rel=1e-9)
        expected = (states - flat.mean(axis=0)) @ components[axis]
        np.testing.assert_allclose(told[name], expected, atol=1e-9)
        assert components[axis][np.abs(components[axis]).argmax()] > 0


def test_axes_of_states_that_never_move() -> None:
    """There is no variance to share out."""
    assert axes_of(np.ones((5, 4))).shares.tolist() == [0, 0, 0, 0]


def test_points_are_coloured_by_the_count(told: dict[str, Any]) -> None:
    """Ones minus zeros, from 0 before the first step."""
    bits = held_out_sequences()[:SEQUENCES]

    assert told["count"].shape == told["pc1"].shape == (SEQUENCES, bits.shape[1] + 1)
    assert (told["count"][:, 0] == 0).all()
    for row, sequence in zip(told["count"], bits.tolist(), strict=True):
        counted = [sequence[:n].count(1) - sequence[:n].count(0) for n in range(len(row))]
        np.testing.assert_array_equal(row, counted)


def test_the_line_is_the_readouts_direction(told: dict[str, Any], lstm: ResidentModel) -> None:
    """Its slope in the plane is that of “yes” minus “no”, and it lies in the plane to a share."""
    kernel = lstm.weights["readout.kernel"].astype(float)
    weights = np.concatenate([kernel[:, 1] - kernel[:, 0], np.zeros(8)])
    across, upward = told["components"][:2] @ weights

    slope = np.diff(told["readout_pc2"]) / np.diff(told["readout_pc1"])

    assert slope[0] == pytest.approx(upward / across)
    assert np.diff(told["readout_pc1"])[0] * across > 0
    share = np.hypot(across, upward) / np.linalg.norm(weights)
    assert told["readout_in_plane"] == pytest.approx(share)


@pytest.mark.parametrize("inputs", [0.0, 0.5, 1.0])
def test_points_are_as_slow_as_is_said(
    inputs: float, client: TestClient, lstm: ResidentModel, states: np.ndarray
) -> None:
    """By the other float64 network; slower than any state that was visited; counted rightly."""
    told = ask(client, input=inputs, points=6)
    found, q = told["points"], told["q"]

    for state, slow in zip(found, q, strict=True):
        off = stepped(state, lstm, inputs) - state
        assert slow == pytest.approx(0.5 * off @ off, rel=1e-9, abs=1e-20)
    visited = states.reshape(-1, states.shape[-1])[::7]
    moves = [stepped(state, lstm, inputs) - state for state in visited]
    assert q[0] <= min(0.5 * move @ move for move in moves)
    assert told["slowest_q"] == q[0]
    for tolerance in ("1e-06", "1e-09", "1e-12"):
        assert told[f"found_at_{tolerance}"] >= (q <= float(tolerance)).sum()
    fixed = told["found_at_1e-12"]
    assert told["fixed_points"] == (f"{fixed} found" if fixed else "none found")
    nearest = np.linalg.norm(states - found[0], axis=-1).min()
    assert told["distance.0"] == pytest.approx(nearest, rel=1e-6)
    assert told["slowest_distance"] == told["distance.0"]
    assert q[0] <= told["visited_q"] <= min(0.5 * move @ move for move in moves)


def test_eigenvalues_belong_to_the_points(told: dict[str, Any], lstm: ResidentModel) -> None:
    """They add up to the trace of central differences; stability and time follow from them."""
    small = 1e-6
    for place, state in enumerate(told["points"]):
        eigenvalues = told["eigenvalues_real"][place] + 1j * told["eigenvalues_imaginary"][place]
        diagonal = []
        for entry, direction in enumerate(np.eye(len(state)) * small):
            ahead, behind = (stepped(state + way, lstm, 0.5) for way in (direction, -direction))
            diagonal.append((ahead - behind)[entry] / (2 * small))
        assert eigenvalues.sum() == pytest.approx(sum(diagonal), abs=1e-6)
        largest = np.abs(eigenvalues).max()
        kind = told[f"kind.{place}"]
        if told["q"][place] > 1e-12:
            assert (kind, told[f"stable.{place}"]) == ("slow", None)
        else:
            assert kind == ("neutral" if abs(largest - 1) < 1e-6 else stability(largest))
            assert told[f"stable.{place}"] == (kind == "stable")
        with np.errstate(divide="ignore"):
            expected = -1 / np.log(np.abs(eigenvalues))
        expected[np.abs(np.abs(eigenvalues) - 1) <= 1e-6] = np.nan  # infinite: null in JSON
        np.testing.assert_allclose(told["time_constants"][place], expected, rtol=1e-3)


def test_periodic_points_return_after_the_word(
    client: TestClient, lstm: ResidentModel, states: np.ndarray
) -> None:
    """By the other float64 network; a word of one bit has the points of that constant input."""
    told = ask(client, word="110", points=3)

    for state, q in zip(told["word_points"], told["word_q"], strict=True):
        after = state
        for bit in (1, 1, 0):
            after = stepped(after, lstm, bit)
        off = after - state
        assert q == pytest.approx(0.5 * off @ off, rel=1e-6, abs=1e-20)
    nearest = np.linalg.norm(states - told["word_points"][0], axis=-1).min()
    assert told["word_distance.0"] == pytest.approx(nearest, rel=1e-6)
    constant = ask(client, word="1", input=1)
    np.testing.assert_array_equal(constant["word_points"], constant["points"])
    assert constant["word_kind.0"] == constant["kind.0"]


def test_word_drift_is_how_far_a_word_goes_once_states_have_settled(
    told: dict[str, Any], lstm: ResidentModel, states: np.ndarray
) -> None:
    """Of the first group, by the other float64 network: 16 words, of which the last 8 count."""
    flat = states.reshape(-1, states.shape[-1])
    axis, mean = told["components"][0], flat.mean(axis=0)

    def through(state: np.ndarray) -> np.ndarray:
        for bit in (1, 0) * 8:
            state = stepped(state, lstm, bit)
        return state

    settled = np.stack([through(state) for state in flat])
    moved = np.stack([through(state) for state in settled]) - settled
    first = np.array_split(np.argsort((settled - mean) @ axis, kind="stable"), DRIFT_GROUPS)[0]

    assert told["word_drift"][0] == pytest.approx(moved[first].mean(axis=0) @ axis / 8, abs=1e-9)
    expected = np.abs(moved[:, 8:]).max(axis=0) / 8
    np.testing.assert_allclose(told["word_change"], expected, atol=1e-9)


def test_the_certified_network_keeps_its_count_under_10(
    told: dict[str, Any], lstm: ResidentModel
) -> None:
    """The cell state of its counting unit changes by less than 1e-5 by each word."""
    for unit in certify(lstm.architecture, lstm.weights).counters:
        assert told["word_change"][unit] < 1e-5


def test_the_uncertified_network_has_a_leak_under_10(client: TestClient) -> None:
    """One stable point of period 2: each pair of bits takes its count a hundredth nearer to it."""
    told = ask(client, checkpoint="uncertified", sequences=32)

    assert told["word_fixed_points"] == "1 found"
    assert (told["word_kind.0"], told["word_stable.0"]) == ("stable", True)
    assert 0 < told["word_distance.0"] < 5
    largest = np.abs(told["word_eigenvalues_real"][0] + 1j * told["word_eigenvalues_imaginary"][0])
    assert largest.max() == pytest.approx(0.9905, abs=1e-4)
    assert told["word_time_constants"][0][0] == pytest.approx(210, abs=1)
    assert told["fixed_points"] == "none found"
    assert told["slowest_distance"] > 10
    assert told["visited_q"] > 10 * told["slowest_q"]


def test_drift_is_how_far_a_step_goes_along_the_first_axis(
    told: dict[str, Any], lstm: ResidentModel, states: np.ndarray
) -> None:
    """Of visited states in groups of one size, for a 0, half a bit, and a 1."""
    flat = states.reshape(-1, states.shape[-1])
    order = np.argsort(told["pc1"].ravel(), kind="stable")
    first = np.array_split(order, DRIFT_GROUPS)[0]
    for row, inputs in zip(told["drift"], (0.0, 0.5, 1.0), strict=True):
        moved = [stepped(flat[at], lstm, inputs) - flat[at] for at in first]
        assert row[0] == pytest.approx(np.mean(moved, axis=0) @ told["components"][0], abs=1e-9)


def test_typical_speed_is_that_of_bits_that_are_read(
    told: dict[str, Any], states: np.ndarray
) -> None:
    """The mean way of a step along the trajectories."""
    speed = np.sqrt((np.diff(states, axis=1) ** 2).sum(axis=-1)).mean()

    assert told["typical_speed"] == pytest.approx(speed, rel=1e-9)
    assert told["typical_q"] == pytest.approx(speed**2 / 2, rel=1e-9)


def test_it_can_be_asked_before_training(client: TestClient, lstm: ResidentModel) -> None:
    """The network of the first milestone forgets, so it comes to rest somewhere."""
    first = next(iter(lstm.training_checkpoints))

    told = ask(client, checkpoint=first)

    assert told["found_at_1e-12"] >= 1
    assert told["points"].shape[1] == 2 * lstm_shapes(8)["readout.kernel"][0]


@pytest.mark.parametrize(
    "query",
    [
        {"input": 1.5},
        {"sequences": 3},
        {"points": 17},
        {"seed": -1},
        {"input": "nan"},
        {"word": ""},
        {"word": "102"},
        {"word": "1" * 13},
    ],
)
def test_what_is_out_of_range_is_refused(query: dict[str, Any], client: TestClient) -> None:
    """The answer names the parameter."""
    response = client.get("/lstm/dynamics", params=query)

    assert response.status_code == 422
    assert next(iter(query)) in response.text
