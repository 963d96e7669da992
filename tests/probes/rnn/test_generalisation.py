"""How far counting goes: against counting, float64, and networks that are known to be wrong."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from models.registry import ResidentModel
from models.rnn.certificate import certify
from models.rnn.structured_sequences import SEQUENCE_KINDS
from models.runtime.programs import Outputs
from models.runtime.resident import drive
from probes.declaration import ModelContext, ProbeCall, ProbeInput
from probes.figures.figures import measures, tensors
from probes.rnn.generalisation import (
    MAX_MARGINS,
    MAX_STEPS_OF_KIND,
    GeneralisationParameters,
    generalisation,
    rows,
    run,
    running_answers,
    unpacked,
)
from tests.networks import COUNTING_LSTM
from tests.oracles.numpy64 import lstm_trace
from tests.probes.handmade import Tensors, always_yes, one_counter, run_with, saturated_counter

LENGTH = 1024
PARAMETERS = GeneralisationParameters(sequences=16)


def answers_of(sequences: np.ndarray, lstm: ResidentModel) -> np.ndarray:
    """Run sequences through the resident network."""

    def whole() -> Any:
        return {"yes": (yield from running_answers(COUNTING_LSTM, sequences))}

    (outputs,) = drive([whole()], lstm.programs)
    return outputs["yes"]


def call_with(weights: Tensors, seed: int = 0) -> ProbeCall[GeneralisationParameters]:
    """Return the call of the probe about these weights."""
    parameters = PARAMETERS.model_copy(update={"seed": seed})
    return ProbeCall(ModelContext(COUNTING_LSTM, weights), ProbeInput(), parameters)


def said(weights: Tensors, outputs: Outputs) -> dict[str, Any]:
    """Return tensors and measures of the figure, by name."""
    figure = generalisation(call_with(weights).with_outputs(outputs))
    return {one.name: one.values for one in tensors(figure)} | {
        one.name: one.value for one in measures(figure)
    }


def outputs_with(lstm: ResidentModel, weights: Tensors) -> Outputs:
    return run_with(lstm, weights, run(call_with(weights)))


def test_answers_to_all_short_sequences_are_the_float64_networks(lstm: ResidentModel) -> None:
    """All 1,024 sequences of 10 bits, after every step: also all shorter ones."""
    sequences = np.array(list(product((0, 1), repeat=10)), np.uint8)

    found = answers_of(sequences, lstm)

    for bits, yes in zip(sequences, found, strict=True):
        logits = lstm_trace(bits, lstm.weights)["logits"]
        np.testing.assert_array_equal(yes, logits[:, 1] > logits[:, 0])


def test_answers_to_long_sequences_are_the_float64_networks(lstm: ResidentModel) -> None:
    """Over several chunks, in which the state is carried; and as many as several batches hold."""
    sequences = SEQUENCE_KINDS["there_and_back"](np.random.default_rng(5), 40, LENGTH)

    found = answers_of(sequences, lstm)

    assert found.shape == (40, LENGTH)
    for place in (0, 17, 39):
        logits = lstm_trace(sequences[place], lstm.weights)["logits"]
        np.testing.assert_array_equal(found[place], logits[:, 1] > logits[:, 0])


def test_always_yes_scores_what_no_does_not(lstm: ResidentModel) -> None:
    """A network that is wrong on purpose is right just where the constant answer “no” is not."""
    weights = always_yes(8)

    told = said(weights, outputs_with(lstm, weights))

    np.testing.assert_allclose(told["accuracy"], 1 - told["always_no"], atol=1e-6)
    np.testing.assert_allclose(told["accuracy_by_margin"], 1 - told["no_by_margin"], atol=1e-6)
    assert told["accuracy_by_margin"][0] == 0
    np.testing.assert_allclose(told["accuracy_at_powers"][1:3], 0.5)
    assert told["longest_without_error"] == told["longest_without_error.coins"] == 0
    assert told["certified_length"] == 0
    assert "certified_counters" not in told


def test_an_exact_counter_is_never_wrong(lstm: ResidentModel) -> None:
    """The network made by hand counts to the end."""
    weights = one_counter(8, unit=5)

    told = said(weights, outputs_with(lstm, weights))

    assert (told["accuracy"] == 1).all()
    assert [told[f"longest_without_error.{kind}"] for kind in SEQUENCE_KINDS] == [LENGTH] * len(
        SEQUENCE_KINDS
    )
    assert [told[f"errors.{kind}"] for kind in SEQUENCE_KINDS] == [0] * len(SEQUENCE_KINDS)
    assert (told["right_throughout"] == 1).all()
    assert told["longest_without_error"] == LENGTH


def test_shares_are_what_counting_one_by_one_gives(lstm: ResidentModel) -> None:
    """Of a network in the middle of its training, which is wrong now and then."""
    weights = list(lstm.training_checkpoints.values())[1]
    outputs = outputs_with(lstm, weights)
    told = said(weights, outputs)

    by_margin: dict[int, list[bool]] = {}
    for place, kind in enumerate(SEQUENCE_KINDS):
        right, no = [], []
        drawn, answers = (unpacked(outputs, name, PARAMETERS) for name in (kind, f"{kind}.yes"))
        for bits, yes in zip(drawn.tolist(), answers.tolist(), strict=True):
            count, row = 0, []
            for bit, one in zip(bits, yes, strict=True):
                count += 1 if bit else -1
                row.append(one == (count > 0))
                by_margin.setdefault(abs(count), []).append(row[-1])
                no.append(count <= 0)
            right.append(row)
        np.testing.assert_allclose(told["accuracy"][place], np.mean(right, axis=0), atol=1e-6)
        rows = np.reshape(no, (16, LENGTH))
        np.testing.assert_allclose(told["always_no"][place], rows.mean(axis=0), atol=1e-6)
        whole = [all(column) for column in zip(*right, strict=True)]
        assert told[f"longest_without_error.{kind}"] == whole.index(False)
        so_far = [[all(row[: at + 1]) for at in range(0, LENGTH, 100)] for row in right]
        shares = told["right_throughout"][place][::100]
        np.testing.assert_allclose(shares, np.mean(so_far, axis=0), atol=1e-6)
        if kind == "markov":
            each = [np.mean(row) for row in right]
            np.testing.assert_allclose(told["accuracy_by_flip"], each, atol=1e-6)
        assert told[f"errors.{kind}"] == sum(not one for row in right for one in row) > 0
        assert told[f"accuracy_at_{LENGTH}.{kind}"] == np.mean([row[-1] for row in right])
    for margin in range(MAX_MARGINS):
        expected = np.mean(by_margin[margin])
        assert told["accuracy_by_margin"][margin] == pytest.approx(expected, abs=1e-6)


def test_the_seed_decides_the_sequences(lstm: ResidentModel) -> None:
    """The same seed draws the same, another one others."""
    found = [
        drive(
            [run(call_with(lstm.weights, seed))],
            lstm.programs,
        )[0]
        for seed in (1, 1, 2)
    ]

    for kind in SEQUENCE_KINDS:
        np.testing.assert_array_equal(found[0][kind], found[1][kind])
        assert (found[0][kind] != found[2][kind]).any()


def test_structured_sequences_find_errors_that_coins_miss(lstm: ResidentModel) -> None:
    """The weights without a certificate are right on coins and shuffles up to 1,024 bits.

    On structured sequences they are wrong far below, and the measure of all kinds is the least.
    """
    weights = lstm.training_checkpoints["uncertified"]
    told = said(weights, outputs_with(lstm, weights))

    assert told["longest_without_error.coins"] == told["longest_without_error.balanced"] == LENGTH
    longest = [told[f"longest_without_error.{kind}"] for kind in SEQUENCE_KINDS]
    assert told["longest_without_error"] == min(longest) < 512
    assert told["certified_length"] <= min(longest)


def test_no_error_lies_below_the_certified_length(lstm: ResidentModel) -> None:
    """Of a counter that forgets one part in a thousand per step, both lengths are short."""
    weights = saturated_counter(8, forget=0.999)
    told = said(weights, outputs_with(lstm, weights))

    assert 0 < told["certified_length"] <= told["longest_without_error"] < LENGTH


def test_the_certificate_is_that_of_the_weights(lstm: ResidentModel) -> None:
    """Length, counters and bounds are those that are proved, and no error lies below the length."""
    weights = one_counter(8, unit=5)
    told, proof = said(weights, outputs_with(lstm, weights)), certify(COUNTING_LSTM, weights)

    assert told["certified_length"] == proof.length > 8
    assert told["certified_counters"] == "unit 5"
    assert told["certified_logits.tie"] == proof.logits[0] < 0
    assert told["certified_logits.one_more"] == proof.logits[1] > 0
    assert told["certified_error"] == max(proof.error) > 0
    assert told["longest_without_error"] >= min(LENGTH, proof.length)
    bounds = told["certificate.bounds"]
    assert bounds.shape == (20, 8)
    assert (bounds[0::2] <= bounds[1::2]).all()
    # Candidate of the counting unit: down for a 0, up for a 1; the forget gate is open.
    np.testing.assert_allclose(bounds[8:12, 5], [-0.01, -0.01, 0.01, 0.01], atol=1e-5)
    np.testing.assert_allclose(bounds[4:8, 5], 1, atol=1e-6)
    for name in ("step", "deviation", "leak", "readout", "share"):
        expected = getattr(proof.bounds, name)
        np.testing.assert_allclose(told[f"certificate.{name}"], expected, rtol=1e-6)


def test_the_bounds_hold_for_the_gates_of_the_network(
    client: TestClient, lstm: ResidentModel
) -> None:
    """Every gate of a trace lies between its bounds."""
    answer = client.get("/lstm/generalisation?sequences=16&length=64").json()
    bounds = np.array(
        next(one for one in answer["tensors"] if one["name"] == "certificate.bounds")["data"]
    )
    bits = "1101001110" * 20
    made = {
        one["name"]: np.array(one["data"])
        for one in client.get(f"/lstm/gates?sequence={bits}").json()["tensors"]
    }
    for place, name in enumerate(("input_gate", "forget_gate", "candidate", "output_gate")):
        for bit in (0, 1):
            least, most = bounds[4 * place + 2 * bit : 4 * place + 2 * bit + 2]
            steps = made[name][np.array(list(bits)) == str(bit)]
            assert (steps >= least - 1e-6).all()
            assert (steps <= most + 1e-6).all()


def test_lengths_up_to_4096_are_measured(client: TestClient) -> None:
    """Names and coordinates follow the length; the rows count by its chunks."""
    answer = client.get("/lstm/generalisation?sequences=16&length=4096").json()

    names = {one["name"] for one in answer["measures"]}
    assert "accuracy_at_4096.periodic" in names
    shapes = {one["name"]: one["shape"] for one in answer["tensors"]}
    assert shapes["accuracy"] == [len(SEQUENCE_KINDS), 4096]
    assert shapes["accuracy_at_powers"] == [len(SEQUENCE_KINDS), 10]
    for length, chunks in ((1000, 2), (1024, 2), (4096, 8)):
        parameters = GeneralisationParameters(sequences=16, length=length)
        call = ProbeCall(ModelContext(COUNTING_LSTM, {}), ProbeInput(), parameters)
        assert rows(call) == len(SEQUENCE_KINDS) * 16 * chunks


def test_a_length_that_is_no_power_of_two_has_all_answers(lstm: ResidentModel) -> None:
    """Packed bits are cut at the length."""
    parameters = GeneralisationParameters(sequences=16, length=777)
    weights = one_counter(8, unit=5)
    call = ProbeCall(ModelContext(COUNTING_LSTM, weights), ProbeInput(), parameters)
    outputs = run_with(lstm, weights, run(call))

    figure = generalisation(call.with_outputs(outputs))
    found = {one.name: one.value for one in measures(figure)}
    assert [found[f"longest_without_error.{kind}"] for kind in SEQUENCE_KINDS] == [777] * 8


def test_too_many_bits_of_a_kind_are_refused(client: TestClient) -> None:
    """The problem has the limit, and a number of sequences that is within."""
    response = client.get("/lstm/generalisation?sequences=65&length=4096")

    assert response.status_code == 422
    assert response.json()["errors"][0]["location"] == ["query", "length"]
    assert f"at most {MAX_STEPS_OF_KIND} are allowed" in response.json()["detail"]
    assert "choose sequences=64 or fewer" in response.json()["detail"]


@pytest.mark.parametrize(
    "query",
    [{"sequences": 15}, {"sequences": 257}, {"seed": -1}, {"length": 63}, {"length": 4097}],
)
def test_what_is_out_of_range_is_refused(query: dict[str, int], client: TestClient) -> None:
    """The answer names the parameter."""
    response = client.get("/lstm/generalisation", params=query)

    assert response.status_code == 422
    assert next(iter(query)) in response.text
