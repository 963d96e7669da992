"""Decompositions: they add up, and their parts are those of the definition."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from models.registry import ResidentModel
from probes.rnn.decomposition import kept, path, written
from tests.oracles.numpy64 import lstm_trace
from tests.oracles.parameters import draw, draw_bits, lstm_shapes

BITS = draw_bits(1, 60, 12)[0]
STATE = {
    "cell": [0.5, -1.25, 2.0, 0.0, 3.0, -0.75, 1.0, -2.0],
    "hidden": [0.1, -0.2, 0.3, 0.0, 0.5, -0.6, 0.7, -0.8],
}
TARGETS = {"difference": [-1, 1], "yes": [0, 1], "no": [1, 0]}


def ask(client: TestClient, probe: str, **query: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Ask about a sequence that starts from a state: tensors and measures by name."""
    body = {"sequence": BITS.tolist(), "initial_state": STATE}
    answer = client.post(f"/lstm/{probe}", params=query, json=body)
    assert answer.status_code == 200, answer.text
    given = answer.json()
    return (
        {one["name"]: np.array(one["data"], one["dtype"]) for one in given["tensors"]},
        {one["name"]: one["value"] for one in given["measures"]},
    )


def traced(weights: Any) -> dict[str, np.ndarray]:
    """Run the sequence in float64."""
    return lstm_trace(BITS, weights, np.array(STATE["cell"]), np.array(STATE["hidden"]))


def by_definition(trace: dict[str, np.ndarray], step: int) -> np.ndarray:
    """Return the contributions term by term: each step's write times the later forget gates."""
    parts = np.empty((step + 1, trace["cell"].shape[1]))
    for at in range(step + 1):
        wrote = trace["cell"][0]
        if at:
            wrote = trace["input_gate"][at - 1] * trace["candidate"][at - 1]
        for later in range(at + 1, step + 1):
            wrote = wrote * trace["forget_gate"][later - 1]
        parts[at] = wrote
    return parts


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 6))
def test_both_are_exact_in_float64(seed: int, length: int, hidden: int) -> None:
    """Of any network, from any state: sums of parts are the cell state and the logits."""
    weights = draw(lstm_shapes(hidden), seed % 1000)
    random = np.random.default_rng(seed)
    start = random.normal(size=hidden), random.uniform(-1, 1, hidden)
    bits = random.integers(0, 2, length)
    trace = lstm_trace(bits, weights, *start)

    parts = kept(trace["forget_gate"]) * written("lstm", trace)

    np.testing.assert_allclose(parts, by_definition(trace, length), atol=1e-12)
    np.testing.assert_allclose(parts.sum(axis=0), trace["cell"][-1], atol=1e-10)
    for split in ("change", "memory"):
        ends = path("lstm", trace, split)
        np.testing.assert_allclose(ends[-1], trace["cell"][-1], atol=1e-10)
        assert ends.shape == trace["cell"].shape


@pytest.mark.parametrize("step", [1, 7, 60])
def test_the_memory_is_what_the_steps_wrote(
    step: int, client: TestClient, lstm: ResidentModel
) -> None:
    """The parts are the float64 network's, and add up to the served cell state."""
    tensors, measures = ask(client, "memory", step=step)
    trace = traced(lstm.weights)

    expected = by_definition(trace, step)
    np.testing.assert_allclose(tensors["contributions"], expected, atol=2e-5)
    np.testing.assert_allclose(tensors["cell"], trace["cell"][step], atol=2e-5)
    apart = np.abs(tensors["contributions"].sum(axis=0) - tensors["cell"]).max()
    assert measures["rounding"] == pytest.approx(apart, abs=1e-12)
    assert measures["rounding"] < 2e-5
    np.testing.assert_array_equal(tensors["kept"][-1], 1)
    np.testing.assert_allclose(tensors["kept"][0], trace["forget_gate"][:step].prod(0), atol=1e-5)


def test_units_select_what_is_shown(client: TestClient) -> None:
    """And nothing else: the parts of these units are the same."""
    all_units, _ = ask(client, "memory")
    some, _ = ask(client, "memory", units="6,1")

    for name in ("contributions", "kept", "cell"):
        np.testing.assert_array_equal(some[name], all_units[name][..., [6, 1]])


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("split", ["change", "memory"])
def test_the_logit_is_what_the_steps_add(
    target: str, split: str, client: TestClient, lstm: ResidentModel
) -> None:
    """Bias and parts are the logit; each part is that of the definition in float64."""
    tensors, measures = ask(client, "decomposition", target=target, split=split)
    trace, weights = traced(lstm.weights), np.array(TARGETS[target])
    readout = lstm.weights["readout.kernel"].astype(np.float64) @ weights

    until = trace["cell"]
    if split == "memory":
        until = np.cumsum(by_definition(trace, len(BITS)), axis=0)
    expected = np.empty_like(until)
    for step in range(len(until)):
        before = np.tanh(until[step - 1]) if step else 0.0
        expected[step] = readout * trace["output_gate"][-1] * (np.tanh(until[step]) - before)
    np.testing.assert_allclose(tensors["contributions"], expected, atol=1e-4)
    whole = measures["bias"] + tensors["contributions"].sum()
    assert whole - measures["logit"] == pytest.approx(measures["rounding"], abs=1e-12)
    assert abs(measures["rounding"]) < 5e-5
    assert measures["logit"] == pytest.approx(trace["logits"][-1] @ weights, abs=1e-4)
    assert measures["initial_state"] == pytest.approx(expected[0].sum(), abs=1e-4)
    assert abs(measures["initial_state"]) > 0.01
    np.testing.assert_allclose(tensors["by_step"], tensors["contributions"].sum(1), atol=1e-12)
    np.testing.assert_allclose(tensors["by_unit"], tensors["contributions"].sum(0), atol=1e-12)


def test_targets_are_differences_of_one_another(client: TestClient) -> None:
    """Contributions to yes minus no are those to yes minus those to no."""
    found = {name: ask(client, "decomposition", target=name)[0] for name in TARGETS}

    expected = found["yes"]["contributions"] - found["no"]["contributions"]
    np.testing.assert_allclose(found["difference"]["contributions"], expected, atol=1e-12)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"step": 61}, "step 61 is not one of the sequence's, 1 to 60"),
        ({"step": 0}, "at least 1"),
        ({"units": "8"}, "unit 8 is not one of the model's 8 (0 to 7)"),
    ],
)
def test_what_is_not_there_is_refused(
    query: dict[str, Any], reason: str, client: TestClient
) -> None:
    """The answer names the thing and the limit."""
    answer = client.post("/lstm/memory", params=query, json={"sequence": BITS.tolist()})

    assert answer.status_code == 422
    assert reason in answer.json()["detail"]
