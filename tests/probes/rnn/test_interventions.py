"""Interventions on the LSTM: edits change the edited values and no others."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.testclient import TestClient

from models.architecture import CELL_VALUES
from models.registry import ResidentModel
from models.rnn.analyses import CHUNK
from probes.rnn.edits import EditedRun, SequenceEdit
from probes.shared.recovery import recovery_of
from tests.networks import counting_lstm
from tests.oracles.edited_lstm import edited_trace
from tests.oracles.parameters import draw_bits

BITS, OTHER = draw_bits(2, 30, 21)
LONG = draw_bits(1, 300, 22)[0]
STATE = {"cell": [0.5, -1.0, 2.0, 0.0, 3.0, -0.5, 1.0, -2.0], "hidden": [0.1] * 8}
EDITABLE_VALUES = CELL_VALUES["lstm"]
ALL = ",".join(EDITABLE_VALUES)
Named = dict[str, Any]


def post(client: TestClient, bits: np.ndarray = BITS, values: str = ALL, **body: Any) -> Any:
    """Intervene."""
    query = {"values": values}
    return client.post("/lstm/intervene", params=query, json={"sequence": bits.tolist(), **body})


def tensors(answer: Any) -> dict[str, np.ndarray]:
    """Read an answer's values."""
    assert answer.status_code == 200, answer.text
    return {one["name"]: np.array(one["data"], one["dtype"]) for one in answer.json()["tensors"]}


def measures(answer: Any) -> Named:
    """Return tensors and measures of an answer by name."""
    assert answer.status_code == 200, answer.text
    return {one["name"]: one["value"] for one in answer.json()["measures"]}


def test_no_edit_is_the_baseline_to_the_bit(client: TestClient) -> None:
    """Without edits both runs are equal to the trace in every value, over several chunks."""
    found = tensors(post(client, LONG, initial_state=STATE))
    body = {"sequence": LONG.tolist(), "initial_state": STATE}
    traced = tensors(client.post("/lstm/trace", json=body))

    for name in EDITABLE_VALUES:
        assert np.array_equal(found[f"{name}.baseline"], found[f"{name}.edited"])
        assert not found[f"{name}.difference"].any()
        np.testing.assert_allclose(found[f"{name}.baseline"], traced[name], atol=2e-5)
    assert np.array_equal(found["logits"][0], found["logits"][1])
    np.testing.assert_allclose(found["logits"][0], traced["logits"][-1], atol=2e-5)
    running = found["running_probability.baseline"]
    assert np.array_equal(running, found["running_probability.edited"])
    yes = np.exp(traced["logits"][:, 1]) / np.exp(traced["logits"]).sum(axis=1)
    np.testing.assert_allclose(running, yes, atol=2e-5)


EDITS = st.lists(
    st.builds(
        lambda value, units, steps, operation, amount: {
            "value": value,
            "units": units,
            "steps": steps and sorted(steps),
            "operation": operation,
            **({"amount": amount} if operation in {"scale", "add", "set"} else {}),
        },
        st.sampled_from(EDITABLE_VALUES),
        st.none() | st.lists(st.integers(0, 7), min_size=1, max_size=3),
        st.none() | st.lists(st.integers(1, 30), min_size=2, max_size=2),
        st.sampled_from(["zero", "scale", "add", "set", "patch"]),
        st.floats(-2, 2, width=32),
    ),
    max_size=5,
)


def through_edits(edits: list[Named], source: dict[str, np.ndarray]) -> Any:
    """Apply edits in float64, one value at a time."""

    def through(name: str, step: int, value: np.ndarray) -> np.ndarray:
        value = value.copy()
        for edit in edits:
            first, last = edit["steps"] or (1, 30)
            if edit["value"] != name or not first <= step <= last:
                continue
            for unit in set(edit["units"] or range(8)):
                value[unit] = {
                    "zero": lambda _: 0.0,
                    "scale": lambda v: v * edit["amount"],  # noqa: B023 - called at once
                    "add": lambda v: v + edit["amount"],  # noqa: B023
                    "set": lambda _: edit["amount"],  # noqa: B023
                    "patch": lambda _: source[name][step - 1, unit],  # noqa: B023
                }[edit["operation"]](value[unit])
        return value

    return through


@settings(max_examples=30)
@given(EDITS)
def test_edits_are_those_of_the_float64_network(
    client: TestClient, lstm: ResidentModel, edits: list[Named]
) -> None:
    """Any edits, in their order: every value of every step, and the answer."""
    start = np.array(STATE["cell"]), np.array(STATE["hidden"])
    zeros = np.zeros(8), np.zeros(8)
    source = edited_trace(OTHER, lstm.weights, *zeros, lambda _, __, value: value)
    expected = edited_trace(BITS, lstm.weights, *start, through_edits(edits, source))

    answer = post(client, initial_state=STATE, edits=edits, source={"sequence": OTHER.tolist()})
    found = tensors(answer)

    for name in EDITABLE_VALUES:
        edited = found[f"{name}.edited"]
        edited = edited[1:] if name in {"cell", "hidden"} else edited
        np.testing.assert_allclose(edited, expected[name], rtol=1e-3, atol=1e-3, err_msg=name)
        changed = found[f"{name}.edited"] - found[f"{name}.baseline"]
        np.testing.assert_array_equal(found[f"{name}.difference"], changed)
    np.testing.assert_allclose(found["logits"][1], expected["logits"][-1], rtol=1e-3, atol=2e-3)
    np.testing.assert_allclose(found["logits"][2], source["logits"][-1], atol=5e-5)
    assert measures(answer)["edits"] == len(edits)


@pytest.mark.parametrize("step", [1, 100, 128, 129, 299])
def test_the_whole_state_of_another_run_gives_its_answer(step: int, client: TestClient) -> None:
    """After a patch of both states, equal bits give the source's later steps to the bit."""
    other = LONG.copy()
    other[:step] ^= 1
    edits = [
        {"value": name, "steps": [step, step], "operation": "patch"} for name in ("cell", "hidden")
    ]
    source = {"sequence": other.tolist(), "initial_state": STATE}

    answer = post(client, LONG, "cell,hidden", edits=edits, source=source)
    own = tensors(post(client, other, "cell,hidden", initial_state=STATE))

    found = tensors(answer)
    for name in ("cell", "hidden"):
        np.testing.assert_array_equal(
            found[f"{name}.edited"][step:], own[f"{name}.baseline"][step:]
        )
    np.testing.assert_array_equal(found["logits"][1], found["logits"][2])
    stated = measures(answer)
    same = abs(stated["logit_difference_source"] - stated["logit_difference_baseline"]) < 1e-6
    assert stated["recovery"] == (None if same else 1.0)


def test_a_memory_that_is_held_is_kept(client: TestClient) -> None:
    """Forget gate 1 and input gate 0 keep the cell state to the bit, over the edge of a chunk."""
    at = {"units": [1, 4], "steps": [100, 200]}
    edits = [
        {"value": "forget_gate", "operation": "set", "amount": 1, **at},
        {"value": "input_gate", "operation": "zero", **at},
    ]
    found = tensors(post(client, LONG, "cell,forget_gate", edits=edits))
    cell = found["cell.edited"]

    for unit in (1, 4):
        assert (cell[99:201, unit] == cell[99, unit]).all()
        assert cell[201, unit] != cell[99, unit]
        assert (found["forget_gate.edited"][99:200, unit] == 1).all()
    np.testing.assert_array_equal(cell[:100], found["cell.baseline"][:100])
    assert cell[101, 5] != cell[100, 5]


def test_what_is_shown_can_be_chosen(client: TestClient) -> None:
    """Values, steps and units; the step before the first has states alone."""
    body = {"sequence": BITS.tolist(), "edits": [{"value": "cell", "operation": "zero"}]}
    query = {"values": "output_gate,cell", "steps": "0,5,6", "units": "7,2"}
    answer = client.post("/lstm/intervene", params=query, json=body).json()
    by_name = {one["name"]: one for one in answer["tensors"]}
    everything = tensors(post(client, edits=body["edits"]))

    shown = {name for name in by_name if name.endswith((".baseline", ".edited", ".difference"))}
    assert {name.split(".")[0] for name in shown} == {
        "output_gate",
        "cell",
        "running_probability",
    }
    assert by_name["cell.edited"]["coordinates"] == {"step": [0, 5, 6], "unit": [7, 2]}
    assert by_name["output_gate.difference"]["coordinates"] == {"step": [5, 6], "unit": [7, 2]}
    np.testing.assert_array_equal(
        np.array(by_name["output_gate.edited"]["data"], np.float32),
        everything["output_gate.edited"][[4, 5]][:, [7, 2]],
    )


def test_the_answer_states_what_came_of_it(client: TestClient) -> None:
    """Answers, differences of logits, and how far the source's was reached."""
    stated = measures(
        post(
            client,
            np.array([1, 1, 1, 0]),
            edits=[{"value": "cell", "steps": [4, 4], "operation": "patch"}],
            source={"sequence": "00010"},
        )
    )

    assert (stated["answer_baseline"], stated["answer_source"]) == ("yes", "no")
    assert stated["answer_changed"] == (stated["answer_edited"] == "no")
    at = [stated[f"logit_difference_{name}"] for name in ("edited", "baseline", "source")]
    assert stated["recovery"] == pytest.approx((at[0] - at[1]) / (at[2] - at[1]))
    assert recovery_of(1.0, 2.0, 2.0) is None
    assert recovery_of(3.0, 2.0, 6.0) == 0.25


def test_the_network_as_it_was_during_training_is_edited_too(
    client: TestClient, lstm: ResidentModel
) -> None:
    """With the weights of that time, in the edited run and in the source's."""
    name, weights = next(iter(lstm.training_checkpoints.items()))
    edits = [{"value": "hidden", "units": [2], "steps": [4, 9], "operation": "patch"}]
    body = {"sequence": BITS.tolist(), "edits": edits, "source": {"sequence": OTHER.tolist()}}

    answer = client.post("/lstm/intervene", params={"checkpoint": name}, json=body)

    zeros = np.zeros(8), np.zeros(8)
    source = edited_trace(OTHER, weights, *zeros, lambda _, __, value: value)
    through = through_edits(edits, source)
    expected = edited_trace(BITS, weights, *zeros, through)["logits"][-1]
    found = tensors(answer)["logits"]
    np.testing.assert_allclose(found[1], expected, atol=5e-5)
    np.testing.assert_allclose(found[2], source["logits"][-1], atol=5e-5)


def test_extreme_edits_are_answered(client: TestClient) -> None:
    """An overflow is null with a warning, not an error."""
    edits = [{"value": "cell", "operation": "scale", "amount": 1e6}] * 8
    edits += [{"value": "forget_gate", "operation": "zero"}]

    answer = post(client, edits=edits, source={"sequence": BITS.tolist()})

    assert answer.status_code == 200, answer.text
    assert "non-finite" in {one["code"] for one in answer.json()["warnings"]}
    assert np.isfinite(tensors(post(client))["cell.edited"]).all()


def test_edits_come_to_scale_and_shift_chunk_by_chunk() -> None:
    """A range over the edge of a chunk, and one within another chunk."""
    row = {"sequence": np.zeros(300, np.uint8), "cell": np.zeros(3), "hidden": np.zeros(3)}
    architecture = counting_lstm(3)
    source = {"hidden": np.arange(900, dtype=np.float32).reshape(300, 3)}
    edits = [
        SequenceEdit(value="cell", units=(2,), steps=(127, 130), operation="add", amount=2.0),
        SequenceEdit(value="cell", steps=(128, 129), operation="scale", amount=3.0),
        SequenceEdit(value="hidden", units=(0, 2), steps=(257, 258), operation="patch"),
    ]
    run = EditedRun(architecture, row, edits, source)
    parts = [run.scales_and_shifts(at, min(at + CHUNK, 300)) for at in (0, 128, 256)]
    scale, shift = (np.concatenate([one[name] for one in parts]) for name in ("scale", "shift"))

    expected_scale, expected_shift = np.ones((384, 6, 3)), np.zeros((384, 6, 3))
    expected_shift[126:130, 4, 2] = [2, 6, 6, 2]
    expected_scale[127:129, 4] = 3
    for unit in (0, 2):
        expected_scale[256:258, 5, unit] = 0
        expected_shift[256:258, 5, unit] = source["hidden"][256:258, unit]
    np.testing.assert_array_equal(scale, expected_scale)
    np.testing.assert_array_equal(shift, expected_shift)


REFUSED = {
    "no such unit": ({"value": "cell", "units": [8], "operation": "zero"}, "0 to 7"),
    "no such step": (
        {"value": "cell", "steps": [1, 31], "operation": "zero"},
        "within the sequence's 1 to 30",
    ),
    "the initial state": (
        {"value": "cell", "steps": [0, 3], "operation": "zero"},
        "within the sequence's 1 to 30",
    ),
    "the wrong way round": (
        {"value": "cell", "steps": [5, 3], "operation": "zero"},
        "first and a last step",
    ),
    "no source": ({"value": "cell", "operation": "patch"}, "patch needs a source"),
    "no amount": ({"value": "cell", "operation": "scale"}, "scale takes an amount"),
    "an amount too many": (
        {"value": "cell", "operation": "zero", "amount": 1},
        "zero takes no amount",
    ),
    "far too large": (
        {"value": "cell", "operation": "add", "amount": 1e7},
        "less than or equal to 1000000",
    ),
    "unknown": ({"value": "logits", "operation": "zero"}, "edits[0].value"),
    "a third step": ({"value": "cell", "steps": [1, 2, 3], "operation": "zero"}, "edits[0].steps"),
    "a key too many": (
        {"value": "cell", "operation": "zero", "code": "secret"},
        "edits[0] has key 'code'",
    ),
}


@pytest.mark.parametrize(("edit", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_done_is_refused(edit: Named, said: str, client: TestClient) -> None:
    """Each refusal names the location in the body and the limit, and repeats no posted value."""
    answer = post(client, edits=[edit])

    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert answer.json()["errors"][0]["location"][:3] == ["body", "edits", 0]
    assert "secret" not in answer.text


def test_a_source_must_be_long_enough(client: TestClient) -> None:
    """As far as it is patched from, and no further."""
    source = {"sequence": "10110"}
    good = {"value": "cell", "steps": [2, 5], "operation": "patch"}
    bad = {"value": "cell", "steps": [2, 6], "operation": "patch"}

    assert post(client, edits=[good], source=source).status_code == 200
    refused = post(client, edits=[good, bad], source=source)

    assert refused.status_code == 422
    assert "needs step 6 of the source, which has 5" in refused.json()["detail"]
    assert refused.json()["errors"][0]["location"] == ["body", "edits", 1]


def test_no_more_edits_than_there_may_be(client: TestClient) -> None:
    """The answer states the limit."""
    edit = {"value": "cell", "operation": "zero"}

    assert post(client, edits=[edit] * 64).status_code == 200
    refused = post(client, edits=[edit] * 65)

    assert refused.status_code == 422
    assert "64" in refused.json()["detail"]


def test_an_amount_is_finite() -> None:
    """No other number passes."""
    for amount in (float("nan"), float("inf")):
        with pytest.raises(ValidationError):
            SequenceEdit(value="cell", operation="set", amount=amount)
