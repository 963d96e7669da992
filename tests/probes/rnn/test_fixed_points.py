"""The float64 cell, its Jacobian, and known fixed points."""

import numpy as np
import pytest

from probes.rnn import fixed_points
from probes.rnn.fixed_points import Points, Region, WordMap, minimise, search
from probes.rnn.state_map import StateMap
from tests.networks import counting_lstm
from tests.oracles.numpy64 import lstm_trace, sigmoid
from tests.oracles.parameters import draw, draw_bits, lstm_shapes
from tests.probes.handmade import STEP, Tensors, nothing, one_counter

RANDOM = np.random.default_rng(8)


def network(weights: Tensors) -> StateMap:
    """Map the states of a counting network by one step."""
    return StateMap(counting_lstm(len(weights["readout.kernel"])), weights)


def mapped(weights: Tensors, *word: float) -> WordMap:
    """Map the states of a counting network by a word of inputs."""
    return WordMap(network(weights), tuple(np.array([inputs]) for inputs in word))


def step(state: np.ndarray, weights: Tensors, inputs: float) -> np.ndarray:
    """Take one step of a state [h; c] with the other float64 network."""
    hidden, cell = np.split(state, 2)
    trace = lstm_trace(np.array([inputs]), weights, cell, hidden)
    return np.concatenate([trace["hidden"][1], trace["cell"][1]])


def visited_by(weights: Tensors) -> np.ndarray:
    """Return states that sequences of coins visit."""
    states = network(weights).run(draw_bits(8, 40, 1)[..., None])
    return states.reshape(-1, states.shape[-1])


def find(weights: Tensors, *word: float, most: int = 16) -> Points:
    return search(mapped(weights, *word), visited_by(weights), 0, most)


@pytest.mark.parametrize("units", [1, 5, 64])
def test_a_step_is_the_oracles(units: int) -> None:
    """From any state at any input, and over whole sequences."""
    weights = draw(lstm_shapes(units), units)
    states = RANDOM.normal(0, 2, (6, 2 * units))
    bits = draw_bits(2, 30, units)

    for inputs in (0.0, 0.37, 1.0):
        expected = np.stack([step(state, weights, inputs) for state in states])
        found = network(weights).step(states, np.array([inputs]))
        np.testing.assert_allclose(found, expected, atol=1e-14)
    ran = network(weights).run(bits[..., None])
    for one, sequence in zip(ran, bits, strict=True):
        trace = lstm_trace(sequence, weights)
        expected = np.concatenate([trace["hidden"], trace["cell"]], axis=1)
        np.testing.assert_allclose(one, expected, atol=1e-13)


@pytest.mark.parametrize("units", [1, 5, 16])
def test_the_jacobian_is_that_of_central_differences(units: int) -> None:
    """Column by column, of the other float64 network."""
    weights = draw(lstm_shapes(units), units + 1)
    states = RANDOM.normal(0, 1, (3, 2 * units))
    small = 1e-6 * np.eye(2 * units)

    found = network(weights).jacobian(states, np.array([0.4]))

    for state, jacobian in zip(states, found, strict=True):
        columns = [
            (step(state + e, weights, 0.4) - step(state - e, weights, 0.4)) / 2e-6 for e in small
        ]
        np.testing.assert_allclose(jacobian, np.stack(columns, axis=1), atol=1e-8)


def test_a_network_of_zeros_comes_to_rest_at_zero() -> None:
    """Every gate is a half: cell states halve, hidden states are forgotten."""
    found = find(nothing(3), 0.5)

    np.testing.assert_allclose(found.states, np.zeros((1, 6)), atol=1e-9)
    assert found.found(1e-12) == 1
    np.testing.assert_allclose(found.magnitude, [[0.5, 0.5, 0.5, 0, 0, 0]], atol=1e-12)
    np.testing.assert_allclose(found.time_constant[0, :3], 1 / np.log(2), rtol=1e-9)
    assert found.kinds == ("stable",)


@pytest.mark.parametrize("inputs", [0.0, 0.3, 1.0])
def test_a_network_without_recurrence_rests_where_algebra_says(inputs: float) -> None:
    """Its gates are constant: c = i g / (1 - f), h = o tanh c, eigenvalues f and 0."""
    weights = draw(lstm_shapes(4), 11)
    weights["cell.dense_h.kernel"][:] = 0
    sums = inputs * weights["cell.dense_i.kernel"][0].astype(float)
    i, f, g, o = np.split(sums + weights["cell.dense_h.bias"], 4)
    cell = sigmoid(i) * np.tanh(g) / (1 - sigmoid(f))

    found = find(weights, inputs)

    expected = np.concatenate([sigmoid(o) * np.tanh(cell), cell])
    np.testing.assert_allclose(found.states, expected[None], atol=1e-7)
    kept = np.sort(sigmoid(f))[::-1]
    np.testing.assert_allclose(found.eigenvalues[0].real, [*kept, 0, 0, 0, 0], atol=1e-9)
    np.testing.assert_allclose(found.time_constant[0, :4], -1 / np.log(kept), rtol=1e-6)


def bistable() -> Tensors:
    """Return a bistable unit: two stable fixed points, and an unstable one at zero.

    Input and output gate are open, the forget gate is a half, and it starts at -1 or 1 by the bit.
    """
    weights = nothing(1)
    weights["cell.dense_h.bias"][:] = (20, 0, -2, 20)
    weights["cell.dense_i.kernel"][:] = (0, 0, 4, 0)
    weights["cell.dense_h.kernel"][:] = (0, 0, 3, 0)
    return weights


def test_a_switch_has_two_stable_points_and_one_that_is_not() -> None:
    """All three fixed points are found, and a second float64 network confirms each."""
    found = find(bistable(), 0.5)

    order = np.argsort(found.states[:, 0])
    assert found.found(1e-12) == len(found.q) == 3
    assert [found.kinds[at] for at in order] == ["stable", "unstable", "stable"]
    np.testing.assert_allclose(found.states[order[1]], 0, atol=1e-7)
    np.testing.assert_allclose(found.states[order[0]], -found.states[order[2]], atol=1e-7)
    for state in found.states:
        np.testing.assert_allclose(step(state, bistable(), 0.5), state, atol=1e-6)
    assert found.reached.sum() == 64
    assert (found.time_constant[order[1]] < 0).any()


@pytest.mark.parametrize("units", [3, 8, 20])
def test_q_and_eigenvalues_are_those_of_the_point(units: int) -> None:
    """Q by the other float64 network; eigenvalues add up to the trace, multiply to det."""
    weights = draw(lstm_shapes(units), units + 2)

    found = find(weights, 0.5, most=3)

    jacobians = network(weights).jacobian(found.states, np.array([0.5]))
    for state, q, eigenvalues, jacobian in zip(
        found.states, found.q, found.eigenvalues, jacobians, strict=True
    ):
        off = step(state, weights, 0.5) - state
        assert q == pytest.approx(0.5 * off @ off, rel=1e-6, abs=1e-20)
        assert eigenvalues.sum() == pytest.approx(np.trace(jacobian), abs=1e-9)
        assert np.prod(eigenvalues) == pytest.approx(np.linalg.det(jacobian), abs=1e-9)
    assert (np.diff(found.q) >= 0).all()
    assert (np.diff(found.magnitude, axis=1) <= 1e-12).all()
    assert found.found(1e-12) >= 1


def test_a_counter_rests_nowhere_and_everywhere() -> None:
    """A bit moves it by a hundredth, wherever it is; half a bit leaves it wherever it is."""
    weights = one_counter(1, unit=0)

    moving, resting = find(weights, 1.0), find(weights, 0.5)

    assert moving.found(1e-6) == 0
    assert moving.q[0] == pytest.approx(0.5 * 0.01**2, rel=0.05)
    assert set(moving.kinds) == {"slow"}
    assert resting.found(1e-12) > 1
    assert set(resting.kinds) == {"neutral"}
    np.testing.assert_allclose(resting.magnitude[:, 0], 1, atol=1e-9)


def leaky_counter(kept: float) -> Tensors:
    """Return a unit that counts with a leak: its forget gate is constant, below 1."""
    weights = one_counter(1, unit=0)
    weights["cell.dense_h.bias"][1] = np.log(kept / (1 - kept))
    return weights


@pytest.mark.parametrize("kept", [0.5, 0.9, 0.99, 0.999])
def test_a_leaky_counter_has_one_stable_point_of_period_2(kept: float) -> None:
    """Algebra: c = f (f c + d) − d under `10`, d for a one; c decays by f each step."""
    found, other = find(leaky_counter(kept), 1.0, 0.0), find(leaky_counter(kept), 0.0, 1.0)

    expected = -STEP / (1 + kept)
    assert found.kinds == other.kinds == ("stable",)
    np.testing.assert_allclose(found.states[:, 1], expected, rtol=1e-5)
    np.testing.assert_allclose(other.states[:, 1], -expected, rtol=1e-5)
    np.testing.assert_allclose(found.magnitude, [[kept**2, 0]], atol=1e-7)
    np.testing.assert_allclose(found.time_constant[0, 0], -1 / np.log(kept), rtol=1e-4)


def test_an_exact_counter_has_a_continuum_of_points_of_period_2() -> None:
    """It returns from `10` to any count: many fixed points, each neutral, none stable."""
    found = find(one_counter(1, unit=0), 1.0, 0.0)

    assert found.found(1e-12) > len(found.q) == 16
    assert set(found.kinds) == {"neutral"}
    assert (found.time_constant[:, 0] == np.inf).all()
    assert found.distance.max() < STEP


def test_a_unit_that_never_forgets_has_an_infinite_time_constant() -> None:
    """An eigenvalue of exactly 1 gives +inf, not a division's −inf."""
    weights = nothing(2)
    weights["cell.dense_h.bias"][2:4] = 60

    found = find(weights, 1.0, 0.0)

    assert (found.time_constant[:, :2] == np.inf).all()
    assert set(found.kinds) == {"neutral"}


@pytest.mark.parametrize("word", [(1.0, 0.0), (1.0, 1.0, 0.0), (0.0,) * 11 + (1.0,)])
def test_points_of_a_word_return_after_it(word: tuple[float, ...]) -> None:
    """By the steps of the other float64 network; the Jacobian by its central differences."""
    weights = draw(lstm_shapes(4), 21)

    def through(state: np.ndarray) -> np.ndarray:
        for inputs in word:
            state = step(state, weights, inputs)
        return state

    found = find(weights, *word)

    assert found.found(1e-12) >= 1
    np.testing.assert_allclose(through(found.states[0]), found.states[0], atol=1e-6)
    assert np.abs(step(found.states[0], weights, word[0]) - found.states[0]).max() > 1e-3
    columns = [
        (through(found.states[0] + e) - through(found.states[0] - e)) / 2e-6
        for e in 1e-6 * np.eye(8)
    ]
    jacobian = mapped(weights, *word).jacobian(found.states[:1])[0]
    np.testing.assert_allclose(jacobian, np.stack(columns, axis=1), atol=1e-8)


def test_a_search_never_leaves_its_region() -> None:
    """A unit whose speed falls without limit is followed to the region's limit, and marked so."""
    weights = nothing(1)
    weights["cell.dense_h.bias"][:] = (0, 8, 1, 0)
    weights["cell.dense_h.kernel"][:] = (-3, 0, 0, 3)  # writes less the more it has
    word_map = mapped(weights, 0.0)
    starts = np.zeros((4, 2)) + np.linspace(0, 0.5, 4)[:, None]
    region = Region.around(starts)

    ends = minimise(word_map, starts, region)

    assert (ends >= region.low).all()
    assert (ends <= region.high).all()
    assert (word_map.slowness(ends) <= word_map.slowness(starts)).all()
    assert region.inside(ends).sum() == 0
    assert region.inside(starts).tolist() == [1, 1, 1, 1]


def test_no_step_goes_uphill(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the slope misleads, a step is not taken: with every step q is less, or as it was."""
    weights = {name: 6 * value for name, value in draw(lstm_shapes(4), 9).items()}
    word_map = mapped(weights, 0.3)
    starts = RANDOM.normal(0, 2, (100, 8))
    q = [word_map.slowness(starts)]

    for steps in range(1, 16):
        monkeypatch.setattr(fixed_points, "MAX_ITERATIONS", steps)
        q.append(word_map.slowness(minimise(word_map, starts, Region.around(starts))))

    assert (np.diff(q, axis=0) <= 0).all()
    assert (q[-1] < q[0] / 10).mean() > 0.5


def test_a_search_is_the_same_twice() -> None:
    """The seed decides from where it starts."""
    weights = draw(lstm_shapes(4), 5)

    np.testing.assert_array_equal(find(weights, 0.5).states, find(weights, 0.5).states)
