"""Warnings about long sequences: one rule for every route, source of steps and set of weights."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from api.openapi.references import inlined
from api.openapi.spec import schemas
from api.requests.sequence_body import MAX_INITIAL_STEPS
from api.settings import Settings
from models.registry import ResidentModel
from models.runtime import artifacts, checkpoints
from tests.applications import running
from tests.oracles.parameters import draw, lstm_shapes

STATE = {"cell": [0.5] * 8, "hidden": [-0.25] * 8}
ZERO = {"cell": [0, 0.0] * 4, "hidden": [0] * 8}
LARGEST = "/lstm/gates.jsonl"


def codes(answer: dict[str, Any]) -> list[str]:
    """Return the codes of an answer's warnings."""
    return [one["code"] for one in answer["warnings"]]


def ask(client: TestClient, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Post a body; return the answer to each input, or the first line of each."""
    response = client.post(path, json=body)
    assert response.status_code == 200, response.text
    if path.startswith(LARGEST):
        lines = [json.loads(line) for line in response.text.splitlines()]
        assert not any("warnings" in line for line in lines if line["step"] > 1)
        return [{"warnings": [], **line} for line in lines if line["step"] == 1]
    answer = response.json()
    assert schemas.SequenceAnswer.model_validate(answer)
    found: list[dict[str, Any]] = answer.get("answers", [answer])
    return found


@pytest.fixture
def limit(lstm: ResidentModel) -> int:
    """Length up to which answers of the served weights are known."""
    return lstm.length_limits[None].longest


@pytest.mark.parametrize("path", ["/lstm/predict", "/lstm/gates", LARGEST])
@pytest.mark.parametrize("way", ["body", "query", "both"])
def test_steps_before_the_initial_state_count(
    path: str, way: str, limit: int, client: TestClient
) -> None:
    """The sum decides, of the number in the body before that in the query."""

    def warned(steps: int) -> list[str]:
        query = {"body": "", "query": f"?initial_steps={steps}", "both": "?initial_steps=0"}[way]
        stated = {} if way == "query" else {"initial_steps": steps}
        body = {"sequence": "101", "initial_state": STATE, **stated}
        (one,) = ask(client, path + query, body)
        if "input" in one and isinstance(one["input"], dict):
            assert one["input"]["initial_steps"] == steps
        return codes(one)

    assert warned(0) == []
    assert warned(limit - 3) == []
    assert warned(limit - 2) == ["long-sequence"]
    assert warned(MAX_INITIAL_STEPS) == ["long-sequence"]


@pytest.mark.parametrize("path", ["/lstm/predict", "/lstm/trace", LARGEST])
def test_a_run_that_continues_after_unknown_steps_warns(path: str, client: TestClient) -> None:
    """A state of zeros is the beginning of a sequence, and warns no more than none at all."""
    (unknown,) = ask(client, path, {"sequence": "101", "initial_state": STATE})
    assert codes(unknown) == ["unknown-length"]
    for body in ({"sequence": "101"}, {"sequence": "101", "initial_state": ZERO}):
        (known,) = ask(client, path, body)
        assert codes(known) == []
    (counted,) = ask(
        client,
        path,
        {"sequence": "101", "initial_state": ZERO, "initial_steps": MAX_INITIAL_STEPS},
    )
    assert codes(counted) == ["long-sequence"]


@pytest.mark.parametrize("path", ["/lstm/predict", LARGEST])
def test_each_of_several_inputs_has_its_own_steps(path: str, client: TestClient) -> None:
    """The query counts for the inputs that do not state theirs."""
    continued = {"sequence": "101", "initial_state": STATE}
    given = [continued, {**continued, "initial_steps": MAX_INITIAL_STEPS}, {"sequence": "1"}]

    found = ask(client, path, {"inputs": given})
    assert [codes(one) for one in found] == [["unknown-length"], ["long-sequence"], []]
    found = ask(client, f"{path}?initial_steps=7", {"inputs": given[:2]})
    assert [codes(one) for one in found] == [[], ["long-sequence"]]


@pytest.mark.parametrize("path", ["/lstm/predict", "/lstm/cell", LARGEST])
@pytest.mark.parametrize(
    ("query", "body", "location", "message"),
    [
        ("initial_steps=-1", {"initial_state": STATE}, ["query", "initial_steps"], ""),
        ("initial_steps=2147483648", {"initial_state": STATE}, ["query", "initial_steps"], ""),
        ("initial_steps=1.5", {"initial_state": STATE}, ["query", "initial_steps"], ""),
        ("initial_steps=", {"initial_state": STATE}, ["query", "initial_steps"], ""),
        ("initial_steps=3&initial_steps=4", {}, ["query", "initial_steps"], ""),
        ("initial_steps=3", {}, ["query", "initial_steps"], "'initial_state', which this input"),
        (
            "",
            {"initial_steps": 3},
            ["body", "initial_steps"],
            (
                "'initial_steps' is the number of steps before 'initial_state', which is missing: "
                "send both, or neither."
            ),
        ),
        *(
            (
                "",
                {"initial_state": STATE, "initial_steps": wrong},
                ["body", "initial_steps"],
                "'initial_steps' must be an integer from 0 to 2147483647.",
            )
            for wrong in (-1, 2147483648, 1.5, "3", True, [3], 1e300)
        ),
    ],
)
def test_wrong_steps_are_refused(
    path: str,
    query: str,
    body: dict[str, Any],
    location: list[str],
    message: str,
    client: TestClient,
) -> None:
    """A 422 names the parameter or field, and the limit or the missing state."""
    response = client.post(f"{path}?{query}", json={"sequence": "1", **body})

    assert response.status_code == 422, response.text
    problem = response.json()
    assert problem["errors"][0]["location"] == location
    assert "initial_steps" in problem["detail"]
    assert message in problem["detail"]


def test_wrong_steps_of_several_inputs_name_the_input(client: TestClient) -> None:
    """The index is in the sentence, and in the location of a field."""
    inputs = [{"sequence": "1", "initial_state": STATE}, {"sequence": "1"}]
    queried = client.post("/lstm/predict?initial_steps=3", json={"inputs": inputs})
    posted = client.post(
        "/lstm/predict", json={"inputs": [inputs[0], {"sequence": "1", "initial_steps": 3}]}
    )

    assert queried.json()["detail"].startswith("inputs[1]: initial_steps is the number of steps")
    assert posted.json()["errors"][0]["location"] == ["body", "inputs", 1, "initial_steps"]


def test_a_get_has_no_steps_before_its_first(client: TestClient) -> None:
    """It takes no initial state, so that the parameter is unknown there."""
    assert client.get("/lstm/gates?sequence=1&initial_steps=1").status_code == 422


def test_whole_floats_are_steps(client: TestClient) -> None:
    """Some clients write every number with a fraction."""
    body = {"sequence": "1", "initial_state": STATE, "initial_steps": 3.0}
    assert client.post("/lstm/predict", json=body).json()["input"]["initial_steps"] == 3


def test_the_source_of_an_intervention_has_a_length_too(client: TestClient) -> None:
    """A source that continues after unknown steps warns, unless it states them."""
    edits = [{"value": "cell", "operation": "patch", "steps": [1, 2]}]
    source = {"sequence": "111", "initial_state": STATE}
    body = {"sequence": "101", "edits": edits, "source": source}

    (unknown,) = ask(client, "/lstm/intervene", body)
    assert codes(unknown) == ["unknown-length"]
    assert unknown["warnings"][0]["message"].startswith("The source continues")
    (known,) = ask(client, "/lstm/intervene", {**body, "source": {**source, "initial_steps": 4}})
    assert codes(known) == []


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client of weights of a user, with checkpoints of a tested length and of none."""
    folder = tmp_path_factory.mktemp("own")
    weights = draw(lstm_shapes(8), 1)
    checkpoints.save(folder / "lstm.safetensors", weights, {})
    named = {"round-3": draw(lstm_shapes(8), 2), "uncertified": draw(lstm_shapes(8), 3)}
    artifacts.save(
        folder / "lstm.milestones.safetensors",
        artifacts.pack_training_checkpoints(named, "float32"),
        checkpoints.digest(weights),
        checkpoints={"uncertified": {"tested_length": 128}},
    )
    app = create_app(Settings(weights=folder))
    with running(app) as client:
        yield client


def test_lengths_go_by_checkpoint(own: TestClient) -> None:
    """A checkpoint warns by its own tested length, and one without any at every length."""

    def warned(length: int, query: str) -> list[str]:
        response = own.post(f"/lstm/predict{query}", json={"sequence": "10" * (length // 2)})
        return codes(response.json())

    assert warned(2, "") == warned(2, "?checkpoint=round-3") == ["untested"]
    assert warned(128, "?checkpoint=uncertified") == []
    assert warned(130, "?checkpoint=uncertified") == ["long-sequence"]
    (line,) = ask(own, LARGEST, {"sequence": "1"})
    assert codes(line) == ["untested"]


def test_models_have_the_lengths_of_every_checkpoint(own: TestClient) -> None:
    """Lengths are listed by checkpoint; a model of images has none."""
    cnn, lstm = own.get("/models").json()["models"]

    assert (cnn["length_limits"], cnn["checkpoint_limits"]) == (None, {})
    assert lstm["length_limits"] == {"tested_length": 0, "certified_length": 0}
    assert lstm["checkpoints"] == list(lstm["checkpoint_limits"]) == ["round-3", "uncertified"]
    assert lstm["checkpoint_limits"]["uncertified"] == {"tested_length": 128, "certified_length": 0}


def test_probes_of_a_named_checkpoint_use_its_weights(own: TestClient) -> None:
    """The readout that `/lstm/weights` shows is that of the name."""
    answer = own.get("/lstm/weights?checkpoint=uncertified").json()
    expected = draw(lstm_shapes(8), 3)

    assert answer["weights"] == checkpoints.digest(expected)
    kernel = next(one for one in answer["tensors"] if one["name"] == "readout.kernel")
    np.testing.assert_allclose(
        np.sort(np.ravel(kernel["data"])), np.sort(expected["readout.kernel"].ravel()), atol=1e-6
    )


def test_every_route_that_takes_a_state_takes_the_steps_before_it(app: FastAPI) -> None:
    """Each operation whose body may have `initial_state` has the parameter and the field."""
    document = inlined(app.openapi())
    found = 0
    for path, methods in document["paths"].items():
        for operation in methods.values():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            name = body.get("schema", {}).get("$ref", "").rpartition("/")[2]
            fields = document["components"]["schemas"].get(name, {}).get("properties", {})
            queried = {one["name"] for one in operation.get("parameters", ())}
            assert ("initial_steps" in queried) == ("initial_steps" in fields), path
            assert ("initial_state" in fields) == ("initial_steps" in fields), path
            found += "initial_steps" in fields
    assert found >= 20


def test_a_run_in_two_halves_warns_like_the_whole(client: TestClient) -> None:
    """The weights without a certificate: each way of sending 4,095 steps has the warning."""
    bits, query = "1" + "10" * 2047, "?checkpoint=uncertified"
    (whole,) = ask(client, f"/lstm/predict{query}", {"sequence": bits})
    first = client.post(f"/lstm/predict{query}", json={"sequence": bits[:2048]}).json()
    final = {one["name"]: one["data"] for one in first["tensors"]}
    state = {"cell": final["final_cell"], "hidden": final["final_hidden"]}
    rest = {"sequence": bits[2048:], "initial_state": state}

    (unknown,) = ask(client, f"/lstm/predict{query}", rest)
    (known,) = ask(client, f"/lstm/predict{query}", {**rest, "initial_steps": 2048})
    assert codes(whole) == codes(first) == codes(known) == ["long-sequence"]
    assert codes(unknown) == ["unknown-length"]
    # The margin is 1, and these weights have lost it.
    assert whole["prediction"]["name"] == known["prediction"]["name"] == "no"
    (right,) = ask(client, "/lstm/predict", {"sequence": bits})
    assert (right["prediction"]["name"], codes(right)) == ("yes", [])
