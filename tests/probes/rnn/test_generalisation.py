"""How far counting goes: against counting, float64, and networks that are known to be wrong."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from models.registry import ResidentModel
from models.runtime.programs import Outputs
from models.runtime.resident import drive
from probes.declaration import ModelContext, ProbeCall, ProbeInput
from probes.figures.figures import measures, tensors
from probes.rnn.generalisation import (
    LENGTH,
    MAX_MARGINS,
    SEQUENCE_KINDS,
    GeneralisationParameters,
    generalisation,
    run,
    running_answers,
)
from tests.oracles.numpy64 import lstm_trace
from tests.probes.handmade import Tensors, always_yes, one_counter, run_with

PARAMETERS = GeneralisationParameters(sequences=16)


def answers_of(sequences: np.ndarray, lstm: ResidentModel) -> np.ndarray:
    """Run sequences through the resident network."""

    def whole() -> Any:
        return {"yes": (yield from running_answers(sequences, 8))}

    (outputs,) = drive([whole()], lstm.programs)
    return outputs["yes"]


def call_with(weights: Tensors, seed: int = 0) -> ProbeCall[GeneralisationParameters]:
    """Return the call of the probe about these weights."""
    parameters = PARAMETERS.model_copy(update={"seed": seed})
    return ProbeCall(ModelContext(weights), ProbeInput(), parameters)


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
    sequences = SEQUENCE_KINDS["there_and_back"](np.random.default_rng(5), 40)

    found = answers_of(sequences, lstm)

    assert found.shape == (40, LENGTH)
    for place in (0, 17, 39):
        logits = lstm_trace(sequences[place], lstm.weights)["logits"]
        np.testing.assert_array_equal(found[place], logits[:, 1] > logits[:, 0])


@pytest.mark.parametrize("kind", ["balanced", "there_and_back"])
def test_one_bit_decides_at_powers_of_two(kind: str) -> None:
    """Half are ties, half have two ones more; those that come back have longer runs."""
    sequences = SEQUENCE_KINDS[kind](np.random.default_rng(1), 20)
    length = 8
    while length <= LENGTH:
        counts = [sum(bits[:length]) - length // 2 for bits in sequences.tolist()]
        assert sorted(counts) == [0] * 10 + [1] * 10
        length *= 2
    turns = (np.diff(sequences.astype(int), axis=1) != 0).sum(axis=1)
    assert sequences.shape == (20, LENGTH)
    assert (turns.max() <= 30) if kind == "there_and_back" else (turns.min() > 400)


def test_coins_are_fair() -> None:
    """Of 64,000 tosses, half are ones within four standard deviations."""
    tossed = SEQUENCE_KINDS["coins"](np.random.default_rng(1), 64)

    assert abs(tossed.mean() - 0.5) < 4 * 0.5 / np.sqrt(tossed.size)


def test_always_yes_scores_what_no_does_not(lstm: ResidentModel) -> None:
    """A network that is wrong on purpose is right just where the constant answer “no” is not."""
    weights = always_yes(8)

    told = said(weights, outputs_with(lstm, weights))

    np.testing.assert_allclose(told["accuracy"], 1 - told["always_no"], atol=1e-6)
    np.testing.assert_allclose(told["accuracy_by_margin"], 1 - told["no_by_margin"], atol=1e-6)
    assert told["accuracy_by_margin"][0] == 0
    np.testing.assert_allclose(told["accuracy_at_powers"][1:], 0.5)
    assert told["longest_without_error.coins"] == 0


def test_an_exact_counter_is_never_wrong(lstm: ResidentModel) -> None:
    """The network made by hand counts to the end."""
    weights = one_counter(8, unit=5)

    told = said(weights, outputs_with(lstm, weights))

    assert (told["accuracy"] == 1).all()
    assert [told[f"longest_without_error.{kind}"] for kind in SEQUENCE_KINDS] == [LENGTH] * len(
        SEQUENCE_KINDS
    )
    assert [told[f"errors.{kind}"] for kind in SEQUENCE_KINDS] == [0] * len(SEQUENCE_KINDS)


def test_shares_are_what_counting_one_by_one_gives(lstm: ResidentModel) -> None:
    """Of a network in the middle of its training, which is wrong now and then."""
    weights = list(lstm.training_checkpoints.values())[1]
    outputs = outputs_with(lstm, weights)
    told = said(weights, outputs)

    by_margin: dict[int, list[bool]] = {}
    for place, kind in enumerate(SEQUENCE_KINDS):
        right, no = [], []
        for bits, yes in zip(outputs[kind].tolist(), outputs[f"{kind}.yes"].tolist(), strict=True):
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


@pytest.mark.parametrize("query", [{"sequences": 15}, {"sequences": 257}, {"seed": -1}])
def test_what_is_out_of_range_is_refused(query: dict[str, int], client: TestClient) -> None:
    """The answer names the parameter."""
    response = client.get("/lstm/generalisation", params=query)

    assert response.status_code == 422
    assert next(iter(query)) in response.text
