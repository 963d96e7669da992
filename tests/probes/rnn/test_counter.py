"""Which units count: against float64, and on networks in which it is known."""

from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from models.registry import ResidentModel
from models.rnn.ablations import STEPS
from models.rnn.unit_statistics import held_out_sequences
from models.runtime.programs import Call, Outputs
from models.runtime.resident import drive
from probes.declaration import ModelContext, ProbeCall, ProbeInput
from probes.figures.figures import measures, tensors
from probes.rnn.counter import (
    CELL_GROUPS,
    PROBES,
    CounterParameters,
    ablation_sequences,
    counter,
    run,
)
from probes.rnn.counter_ablations import ablation_rows, every_set
from tests.networks import counting_lstm
from tests.oracles.numpy64 import lstm_trace
from tests.probes.handmade import STEP, Tensors, ablated, answered, one_counter, run_with

PARAMETERS = CounterParameters()


def call_with(weights: Tensors) -> ProbeCall[CounterParameters]:
    """Return the call of the probe about these weights."""
    architecture = counting_lstm(len(weights["readout.kernel"]))
    return ProbeCall(ModelContext(architecture, weights), ProbeInput(), PARAMETERS)


@pytest.fixture(scope="module")
def told(client: TestClient) -> dict[str, Any]:
    """Tensors and measures of the shipped network from the server."""
    given = client.get("/lstm/counter").json()
    return {one["name"]: np.array(one["data"], float) for one in given["tensors"]} | {
        one["name"]: one["value"] for one in given["measures"]
    }


@pytest.fixture(scope="module")
def tried(lstm: ResidentModel) -> Outputs:
    """Every set of units of the shipped network, with how many answers were right."""
    (outputs,) = drive([run(call_with(lstm.weights))], lstm.programs)
    return outputs


@pytest.fixture(scope="module")
def traces(lstm: ResidentModel) -> dict[str, np.ndarray]:
    """The held-out sequences, run one by one in float64."""
    runs = [lstm_trace(bits, lstm.weights) for bits in held_out_sequences()]
    return {name: np.stack([one[name] for one in runs]) for name in runs[0]}


def said_of(weights: Tensors, outputs: Outputs) -> dict[str, Any]:
    """Return tensors and measures of a network, by name."""
    figure = counter(call_with(weights).with_outputs(outputs))
    return {one.name: one.values for one in tensors(figure)} | {
        one.name: one.value for one in measures(figure)
    }


def test_ablated_logits_are_those_of_the_float64_network(lstm: ResidentModel) -> None:
    """Ablations of any units at any values agree with float64, the mean hidden state included."""
    random = np.random.default_rng(3)
    sequences = ablation_sequences()
    worst = 0.0
    for keep in (np.ones(8), np.zeros(8), np.eye(8)[1], random.integers(0, 2, 8)):
        instead = random.uniform(-1, 1, 8).astype(np.float32)
        row = {"sequence": sequences, "keep": keep.astype(np.float32), "instead": instead}
        call = Call("ablate", row, frozenset({"logits", "mean_hidden"}))
        (found,) = lstm.programs["ablate"]([call])
        expected = ablated(sequences, lstm.weights, keep, instead)
        for name, value in expected.items():
            worst = max(worst, float(np.abs(found[name] - value).max()))

    assert worst < 5e-4


@pytest.mark.parametrize("place", [0, 2, 9, 100, 200, 255])
def test_right_answers_are_those_of_the_float64_network(
    place: int, tried: Outputs, lstm: ResidentModel
) -> None:
    """With all other units at the whole network's mean; one answer may hang on rounding."""
    sequences = ablation_sequences()
    mean = ablated(sequences, lstm.weights, np.ones(8), np.zeros(8))["mean_hidden"]

    logits = ablated(sequences, lstm.weights, tried["keep"][place], mean)["logits"]

    yes = [sum(bits) * 2 > len(bits) for bits in sequences.tolist()]
    assert tried["correct"][place] == pytest.approx((logits.argmax(axis=1) == yes).sum(), abs=1)


def test_the_best_of_every_size_is_the_best_of_all(tried: Outputs, told: dict[str, Any]) -> None:
    """All 256 sets are tried, and the smallest that is enough is the smallest there is."""
    sizes = tried["keep"].sum(axis=1)
    accuracy = tried["correct"] / len(ablation_sequences())

    assert len({tuple(one) for one in tried["keep"].tolist()}) == told["sets_tried"] == 256
    best = [accuracy[sizes == size].max() for size in range(9)]
    np.testing.assert_allclose(told["best_accuracy"], best)
    np.testing.assert_array_equal(told["best_sets"].sum(axis=1), range(9))
    enough = accuracy >= accuracy[sizes == 8] - 0.01
    assert told["smallest_size"] == sizes[enough].min()
    smallest = np.zeros(8)
    smallest[[int(unit) for unit in told["smallest_set"].split(", ")]] = 1
    (place,) = np.flatnonzero((tried["keep"] == smallest).all(axis=1))
    assert enough[place]
    assert accuracy[place] == told["accuracy"]
    np.testing.assert_allclose(told["accuracy_by_unit"][0], accuracy[sizes == 1])
    np.testing.assert_allclose(told["accuracy_by_unit"][1], accuracy[sizes == 7][::-1])


def test_half_is_what_a_constant_answer_scores(tried: Outputs, client: TestClient) -> None:
    """With all units ablated the answer is constant; with a tolerance of a half that is enough."""
    query = {"tolerance": 0.5, "include": "tensors,measures,figure"}
    told = client.get("/lstm/counter", params=query).json()
    stated = {one["name"]: one["value"] for one in told["measures"]}

    assert tried["correct"][0] * 2 == len(ablation_sequences())
    assert (stated["smallest_set"], stated["smallest_size"]) == ("none", 0)
    assert told["figure"]["figures"][0]["title"].endswith("sufficient units: none")


def test_one_bit_decides_the_sequences() -> None:
    """Margins are 1 and -1, equally often, shuffled or in runs."""
    sequences = ablation_sequences()
    margins = 2 * sequences.sum(axis=1, dtype=int) - sequences.shape[1]
    turns = (np.diff(sequences.astype(int), axis=1) != 0).sum(axis=1)
    half = len(sequences) // 2

    assert sorted(margins) == [-1] * half + [1] * half
    assert turns[:half].max() <= 2
    assert turns[half:].min() > 10
    assert margins[:half].sum() == 0
    assert len(np.unique(sequences, axis=0)) > half + STEPS


def test_following_is_a_straight_line(told: dict[str, Any], traces: dict[str, np.ndarray]) -> None:
    """R² is the squared correlation, slope that of NumPy's fit, of float64 traces."""
    bits = held_out_sequences().astype(int)
    ones, zeros = bits.cumsum(axis=1), (1 - bits).cumsum(axis=1)
    for row, (state, quantity) in enumerate(
        (state, quantity)
        for state in ("cell", "hidden")
        for quantity in (ones - zeros, ones, zeros)
    ):
        for unit in range(8):
            values = traces[state][:, 1:, unit].ravel()
            correlation = np.corrcoef(quantity.ravel(), values)[0, 1]
            assert told["r2"][row, unit] == pytest.approx(correlation**2, abs=1e-9)
            slope = np.polyfit(quantity.ravel(), values, 1)[0]
            assert told["slope"][row, unit] == pytest.approx(slope, abs=1e-9)


def test_drift_is_the_mean_change(told: dict[str, Any], traces: dict[str, np.ndarray]) -> None:
    """For each bit, and in groups of one size by the cell state before."""
    bits = held_out_sequences().ravel()
    for unit in range(8):
        cell = traces["cell"][..., unit]
        before, change = cell[:, :-1].ravel(), np.diff(cell, axis=1).ravel()
        for bit in (0, 1):
            mean = change[bits == bit].mean()
            assert told["drift"][bit, unit] == pytest.approx(mean, abs=1e-9)
    cell = traces["cell"][..., 1]  # which has no two equal states but the first
    before, change = cell[:, :-1].ravel(), np.diff(cell, axis=1).ravel()
    for group, places in enumerate(np.split(np.argsort(before), CELL_GROUPS)):
        assert told["cell"][1, group] == pytest.approx(before[places].mean(), abs=1e-9)
        reads_one = places[bits[places] == 1]
        assert told["drift_1"][1, group] == pytest.approx(change[reads_one].mean(), abs=0.01)


def test_readout_and_gates_are_those_of_the_weights(
    told: dict[str, Any], lstm: ResidentModel, traces: dict[str, np.ndarray]
) -> None:
    """The readout is “yes” minus “no”, and gate statistics agree with float64 traces."""
    kernel = lstm.weights["readout.kernel"]
    forget = traces["forget_gate"]

    np.testing.assert_allclose(told["readout"], kernel[:, 1] - kernel[:, 0], rtol=1e-6)
    np.testing.assert_allclose(
        told["time_constant"], -1 / np.log(forget.mean(axis=(0, 1))), rtol=1e-6
    )
    np.testing.assert_allclose(told["saturation"][3], (forget > 0.9).mean(axis=(0, 1)))


def test_a_unit_that_counts_is_found(lstm: ResidentModel) -> None:
    """In a network made by hand, one unit is enough, and every bit moves it alike."""
    weights = one_counter(8, unit=2)

    told = said_of(weights, run_with(lstm, weights, run(call_with(weights))))

    assert (told["smallest_set"], told["smallest_size"]) == ("2", 1)
    assert (told["accuracy"], told["full_accuracy"]) == (1, 1)
    assert told["role.2"] == "counter"
    assert told["r2"][0, 2] == pytest.approx(1, abs=1e-9)
    assert told["slope"][0, 2] == pytest.approx(STEP, rel=1e-4)
    np.testing.assert_allclose(told["drift"][:, 2], (-STEP, STEP), rtol=1e-4)
    np.testing.assert_allclose(told["drift_1"][2], STEP, rtol=1e-4)
    np.testing.assert_allclose(told["accuracy_by_unit"][:, 2], (1, 0.5))
    assert (np.delete(told["accuracy_by_unit"], 2, axis=1) == [[0.5], [1]]).all()


@pytest.mark.parametrize("units", [1, 8, 9, 20])
def test_elimination_finds_it_too(units: int) -> None:
    """Of more than 8 units the least missed are dropped in rounds, until the counter is left."""
    unit = units // 2
    weights = one_counter(units, unit)

    def answer(call: Call) -> Outputs:
        row = call.row
        return ablated(row["sequence"], weights, row["keep"], row["instead"])

    outputs = answered(run(call_with(weights)), answer)
    told = said_of(weights, outputs)

    assert (told["smallest_set"], told["smallest_size"]) == (str(unit), 1)
    assert told["best_accuracy"][0] == 0.5
    assert (told["best_accuracy"][1:] == 1).all()
    assert told["best_sets"].sum(axis=1).max() == units
    assert told["sets_tried"] == len({tuple(one) for one in outputs["keep"].tolist()})
    assert ablation_rows(units) == 1 + len(outputs["keep"])


def test_rows_are_those_of_the_number_of_units() -> None:
    """The run for the mean and each set: 2 sets of one unit, 256 of eight; elimination above."""
    (probe,) = PROBES

    rows = [probe.rows(call_with(one_counter(units, 0))) for units in (1, 8, 64)]
    held = [probe.held(call_with(one_counter(units, 0))) for units in (1, 8, 64)]

    assert rows == [3, 257, 342]
    assert held[0] < held[1] < held[2]


def test_every_set_is_there_once() -> None:
    """The sets of four units are the sixteen numbers of four bits."""
    numbers = every_set(4) @ (8, 4, 2, 1)

    assert sorted(numbers) == list(range(16))


@pytest.mark.parametrize("tolerance", ["-0.1", "0.6", "nan", "much"])
def test_a_tolerance_out_of_range_is_refused(tolerance: str, client: TestClient) -> None:
    """The answer names the parameter."""
    response = client.get("/lstm/counter", params={"tolerance": tolerance})

    assert response.status_code == 422
    assert "tolerance" in response.text
