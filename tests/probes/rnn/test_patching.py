"""Patching: every place of the grid is the intervention on it alone."""

from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from models.registry import ResidentModel
from probes.shared.recovery import recoveries_of
from tests.oracles.edited_lstm import edited_trace
from tests.oracles.parameters import draw_bits

BITS = draw_bits(1, 14, 41)[0]
FLIPPED = 5
"""The step whose bit is another in the source."""

OTHER = np.where(np.arange(14) == FLIPPED - 1, 1 - BITS, BITS)
Named = dict[str, Any]


def ask(client: TestClient, bits: Any = BITS, other: Any = OTHER, **query: Any) -> Any:
    """Patch."""
    body = {"sequence": bits.tolist(), "source": {"sequence": other.tolist()}}
    return client.post("/lstm/patching", params=query, json=body)


def tensors(answer: Any) -> dict[str, np.ndarray]:
    """Read an answer's values."""
    assert answer.status_code == 200, answer.text
    return {
        one["name"]: np.array(one["data"], dtype=one["dtype"]) for one in answer.json()["tensors"]
    }


def measures(answer: Any) -> Named:
    """Return tensors and measures of an answer by name."""
    return {one["name"]: one["value"] for one in answer.json()["measures"]}


@pytest.mark.parametrize("value", ["cell", "hidden"])
def test_every_place_is_that_of_the_float64_network(
    value: str, client: TestClient, lstm: ResidentModel
) -> None:
    """Each unit at each step alone, and both states of all units together."""
    zeros = np.zeros(8), np.zeros(8)
    source, baseline = (
        edited_trace(bits, lstm.weights, *zeros, lambda _, __, value: value)
        for bits in (OTHER, BITS)
    )

    def difference(step: int, unit: int | None) -> float:
        def through(name: str, now: int, kept: np.ndarray) -> np.ndarray:
            if now != step or name not in {"cell", "hidden"}:
                return kept
            if unit is None:
                return source[name][now - 1]
            if name == value:
                kept = kept.copy()
                kept[unit] = source[name][now - 1, unit]
            return kept

        logits = edited_trace(BITS, lstm.weights, *zeros, through)["logits"][-1]
        return float(logits[1] - logits[0])

    answer = ask(client, value=value)
    found, stated = tensors(answer), measures(answer)

    single = np.array([[difference(step, unit) for unit in range(8)] for step in range(1, 15)])
    ends = [float(one["logits"][-1] @ [-1, 1]) for one in (baseline, source)]
    expected = (single - ends[0]) / (ends[1] - ends[0])
    np.testing.assert_allclose(found["logit_difference"], single, atol=1e-4)
    np.testing.assert_allclose(found["recovery"], expected, atol=1e-4)
    whole = np.array([difference(step, None) for step in range(1, 15)])
    whole = (whole - ends[0]) / (ends[1] - ends[0])
    np.testing.assert_allclose(found["whole_state"], whole, atol=1e-4)
    assert stated["logit_difference_baseline"] == pytest.approx(ends[0], abs=5e-5)
    assert stated["logit_difference_source"] == pytest.approx(ends[1], abs=5e-5)
    strongest = np.unravel_index(expected.argmax(), expected.shape)
    assert (stated["strongest_step"] - 1, stated["strongest_unit"]) == strongest
    np.testing.assert_array_equal(found["source"], OTHER)


def test_the_difference_is_in_the_state_from_the_bit_on(client: TestClient) -> None:
    """Nothing of it before the bit that differs, and all of it, to the bit, from there on."""
    found = tensors(ask(client))

    assert (found["whole_state"][: FLIPPED - 1] == 0).all()
    assert (found["whole_state"][FLIPPED - 1 :] == 1).all()
    assert not found["recovery"][: FLIPPED - 1].any()
    assert found["recovery"][FLIPPED - 1 :].any()


def test_the_grid_is_one_intervention_after_the_other(client: TestClient) -> None:
    """Of some steps and units over several chunks: each as if it were asked for alone."""
    bits = draw_bits(1, 200, 43)[0]
    other = np.where(np.arange(200) == 99, 1 - bits, bits)
    answer = ask(client, bits, other, steps="150,128,129", units="1,0")
    found = tensors(answer)

    described = {one["name"]: one for one in answer.json()["tensors"]}
    assert described["recovery"]["coordinates"] == {"step": [150, 128, 129], "unit": [1, 0]}
    for row, step in enumerate((150, 128, 129)):
        for column, unit in enumerate((1, 0)):
            edit = {"value": "cell", "units": [unit], "steps": [step, step], "operation": "patch"}
            source = {"sequence": other.tolist()}
            body = {"sequence": bits.tolist(), "edits": [edit], "source": source}
            alone = measures(client.post("/lstm/intervene", json=body))
            assert found["recovery"][row, column] == np.float32(alone["recovery"])


def test_nothing_is_recovered_between_equals(client: TestClient) -> None:
    """The same sequence twice: no number, and no strongest place."""
    answer = ask(client, other=BITS)
    found = {one["name"]: one for one in answer.json()["tensors"]}

    assert all(value is None for row in found["recovery"]["data"] for value in row)
    assert "strongest_step" not in measures(answer)
    differences = np.array(found["logit_difference"]["data"])
    assert (differences == differences[0, 0]).all()
    assert np.isnan(recoveries_of(np.ones(3), 1.0, 1.0 + 1e-7)).all()
    np.testing.assert_allclose(recoveries_of(np.array([1.0, 2.0, 5.0]), 1.0, 3.0), [0, 0.5, 2])


def test_bounds_are_refused(client: TestClient) -> None:
    """Each refusal names the available range or the limit."""
    long = draw_bits(1, 129, 1)[0]
    longer = np.zeros(1025, np.uint8)
    refused = {
        "must be equal": ask(client, other=OTHER[1:]),
        "129 steps times 8 units are 1032 runs; at most 1024": ask(client, long, long),
        "up to 1024 steps, not 1025": ask(client, longer, longer, units="0", steps="1"),
        "step 15 is not one of the sequence's, 1 to 14": ask(client, steps="15"),
        "step 0 is not one": ask(client, steps="0"),
        "unit 8 is not one of the model's 8": ask(client, units="8"),
        "value 'gate' is not one of cell, hidden": ask(client, value="gate"),
        "source": client.post("/lstm/patching", json={"sequence": BITS.tolist()}),
    }

    for said, answer in refused.items():
        assert answer.status_code == 422, said
        assert said in answer.json()["detail"]
    assert refused["must be equal"].json()["errors"][0]["location"] == ["body", "source"]
    assert refused["source"].json()["errors"][0]["location"] == ["body", "source"]
