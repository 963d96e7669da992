"""Open Inference Protocol: metadata and outputs of networks of every kind, next to other routes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from api.open_inference.signature import Signature
from tests.api.open_inference.conftest import NETWORKS, STEPS, drawn
from tests.api.open_inference.tensors import binary_request, json_request, outputs_of

MODELS = ("cnn", "lstm", *NETWORKS)
IMAGES = ("cnn", "colours", "grey")
SYMBOLS = {"lstm": "01", "letters": "abcde", "one-unit": "abcde", "words": ["<pad>", "the", "cat"]}


def names(client: TestClient, model: str) -> list[str]:
    """Names of all outputs of a network."""
    return [one["name"] for one in client.get(f"/v2/models/{model}").json()["outputs"]]


@pytest.mark.parametrize("model", MODELS)
def test_every_output_has_the_shape_of_its_metadata(model: str, every: TestClient) -> None:
    """All outputs of two rows have the datatypes and shapes that the metadata state."""
    described = every.get(f"/v2/models/{model}").json()["outputs"]
    inputs = drawn(every, model, 2)

    answer = every.post(f"/v2/models/{model}/infer", json=json_request(inputs, names(every, model)))

    found = answer.json()["outputs"]
    states = [one["name"] for one in every.get(f"/v2/models/{model}").json()["inputs"][1:]]
    for one, told in zip(found, described, strict=True):
        steps = STEPS + (one["name"] in states)
        shape = [2, *(steps if size == -1 else size for size in told["shape"][1:])]
        assert (one["name"], one["datatype"], one["shape"]) == (
            told["name"],
            told["datatype"],
            shape,
        )
        assert len(one["data"]) == np.prod(shape)


@pytest.mark.parametrize("model", MODELS)
def test_binary_tensors_equal_those_in_json(model: str, every: TestClient) -> None:
    """One row has the same values to the bit in both forms, of the request and of the answer."""
    inputs, wanted = drawn(every, model, 1), names(every, model)

    in_json = every.post(f"/v2/models/{model}/infer", json=json_request(inputs, wanted))
    content, headers = binary_request(inputs, wanted)
    binary = every.post(f"/v2/models/{model}/infer", content=content, headers=headers)

    assert in_json.headers["content-type"] == "application/json"
    assert binary.headers["content-type"] == "application/octet-stream"
    expected, found = outputs_of(in_json), outputs_of(binary)
    assert list(found) == list(expected) == wanted
    for name in wanted:
        np.testing.assert_array_equal(found[name], expected[name])


def posted(model: str, inputs: dict[str, np.ndarray]) -> dict[str, Any]:
    """Write the first row of an input as the other routes read it."""
    (values,) = inputs.values()
    if model == "cnn":
        return {"pixels": values[0].tolist()}
    if model in IMAGES:
        return {"values": values[0].tolist()}
    if model in SYMBOLS:
        return {"sequence": [SYMBOLS[model][index] for index in values[0].tolist()]}
    return {"sequence": values[0].tolist()}


@pytest.mark.parametrize("model", MODELS)
def test_values_of_the_trace_equal_those_of_other_routes(model: str, every: TestClient) -> None:
    """One row has the same trace to the bit as `activations` or `trace` have it."""
    inputs = drawn(every, model, 1)
    query = "activations?layers=all&reduce=false" if model in IMAGES else "trace?"
    preprocess = "&preprocess=none" if model == "cnn" else ""
    rest = every.post(f"/{model}/{query}{preprocess}", json=posted(model, inputs))
    assert rest.status_code == 200, rest.text

    found = outputs_of(
        every.post(f"/v2/models/{model}/infer", json=json_request(inputs, names(every, model)))
    )

    tensors = {one["name"]: np.array(one["data"], np.float32) for one in rest.json()["tensors"]}
    if "running_logits" in found:
        tensors["running_logits"] = tensors.pop("logits")
    compared = tensors.keys() & found.keys()
    assert len(compared) >= (4 if model in IMAGES else 2)
    for name in compared:
        np.testing.assert_array_equal(found[name][0], tensors[name], err_msg=name)


@pytest.mark.parametrize("model", MODELS)
def test_a_request_without_outputs_gets_the_prediction(model: str, every: TestClient) -> None:
    """Logits, probabilities and label equal `predict` to the bit, and so do the final states."""
    inputs = drawn(every, model, 1)
    preprocess = "?preprocess=none" if model == "cnn" else ""
    rest = every.post(f"/{model}/predict{preprocess}", json=posted(model, inputs)).json()

    found = outputs_of(every.post(f"/v2/models/{model}/infer", json=json_request(inputs)))

    stated = rest["prediction"]
    for name in ("probabilities", "logits"):
        last = found[name][0] if found[name].ndim == 2 else found[name][0, -1]
        np.testing.assert_array_equal(last, np.array(stated[name], np.float32))
    assert found["label"].tolist() == [stated["label"]]
    tensors = {one["name"]: np.array(one["data"], np.float32) for one in rest["tensors"]}
    finals = [name for name in found if name.rpartition(".")[2].startswith("final_")]
    assert set(found) == {"logits", "probabilities", "label", *finals}
    assert bool(finals) == (model not in IMAGES)
    for name in finals:
        np.testing.assert_array_equal(found[name][0], tensors[name])


@pytest.mark.parametrize("model", [name for name in MODELS if name not in IMAGES])
def test_a_final_state_is_the_initial_state_of_further_steps(model: str, every: TestClient) -> None:
    """Two requests, of which the second begins with the final states, equal one with all steps."""
    ((name, whole),) = drawn(every, model, 2).items()
    path = f"/v2/models/{model}/infer"

    first = outputs_of(every.post(path, json=json_request({name: whole[:, :3]})))
    states = {one.replace("final_", ""): values for one, values in first.items() if "final_" in one}
    rest = {name: whole[:, 3:], **states}
    second = outputs_of(every.post(path, json=json_request(rest)))
    expected = outputs_of(every.post(path, json=json_request({name: whole})))

    assert states.keys() == {
        one["name"] for one in every.get(f"/v2/models/{model}").json()["inputs"][1:]
    }
    for one in expected:
        last = expected[one][:, 3:] if model == "every" and one == "logits" else expected[one]
        np.testing.assert_allclose(second[one], last, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_rows_of_one_request_equal_single_ones(model: str, every: TestClient) -> None:
    """Each of twenty rows has the values that it has alone, but for the rounding of its batch."""
    ((name, rows),) = drawn(every, model, 20).items()
    path, wanted = f"/v2/models/{model}/infer", names(every, model)

    content, headers = binary_request({name: rows}, wanted)
    together = outputs_of(every.post(path, content=content, headers=headers))

    for row in (0, 7, 19):
        alone = outputs_of(every.post(path, json=json_request({name: rows[row : row + 1]}, wanted)))
        for one in wanted:
            np.testing.assert_allclose(
                together[one][row], alone[one][0], rtol=1e-4, atol=1e-4, err_msg=one
            )


def test_values_that_are_not_finite_are_binary_alone(
    every: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In JSON, which has none, a request is refused with the name of the output and the way out."""
    kept = Signature.value

    def diverged(self: Signature, name: str, found: Mapping[str, np.ndarray]) -> np.ndarray:
        values = np.array(kept(self, name, found))
        if name == "logits":
            values[:2] = np.nan, -np.inf
        return values

    monkeypatch.setattr(Signature, "value", diverged)
    inputs, path = drawn(every, "letters", 1), "/v2/models/letters/infer"

    refused = every.post(path, json=json_request(inputs))
    others = every.post(path, json=json_request(inputs, ["probabilities", "label"]))
    content, headers = binary_request(inputs)
    binary = outputs_of(every.post(path, content=content, headers=headers))

    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (422, "invalid-body")
    for part in ("Output 'logits'", "not finite", "'binary_data' true"):
        assert part in refused.json()["error"]
    assert others.status_code == 200
    np.testing.assert_array_equal(binary["logits"][0, :2], np.array([np.nan, -np.inf], np.float32))


def test_likely_classes_are_returned_by_name(every: TestClient) -> None:
    """`classification` gives values, indices and names of the likeliest classes of each row."""
    inputs = drawn(every, "cnn", 2)
    output = {"name": "probabilities", "parameters": {"classification": 3}}
    plain = outputs_of(
        every.post("/v2/models/cnn/infer", json=json_request(inputs, ["probabilities"]))
    )["probabilities"]

    answer = every.post("/v2/models/cnn/infer", json={**json_request(inputs), "outputs": [output]})

    (found,) = answer.json()["outputs"]
    assert (found["datatype"], found["shape"]) == ("BYTES", [2, 3])
    parsed = [text.split(":") for text in found["data"]]
    order = np.argsort(-plain, axis=1, kind="stable")[:, :3].reshape(-1)
    assert [int(index) for _, index, _ in parsed] == order.tolist()
    assert [name for *_, name in parsed] == [str(index) for index in order]
    most = [float(value) for value, *_ in parsed]
    np.testing.assert_allclose(np.array(most).reshape(2, 3), -np.sort(-plain)[:, :3], atol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_the_configuration_has_the_tensors_of_the_metadata(model: str, every: TestClient) -> None:
    """Names, datatypes and shapes agree, and states are the inputs that are optional."""
    metadata = every.get(f"/v2/models/{model}/versions/1").json()

    config = every.get(f"/v2/models/{model}/versions/1/config").json()

    assert (config["name"], config["max_batch_size"]) == (model, 64)
    for kind in ("input", "output"):
        for one, told in zip(config[kind], metadata[f"{kind}s"], strict=True):
            shape = one.get("reshape", {"shape": one["dims"]})["shape"]
            assert (one["name"], one["data_type"]) == (told["name"], f"TYPE_{told['datatype']}")
            assert [-1, *shape] == told["shape"]
    assert [one["optional"] for one in config["input"]] == [
        index > 0 for index in range(len(config["input"]))
    ]


def test_statistics_count_rows_and_batches(every: TestClient) -> None:
    """After a request of three rows, the model has three rows more, and as many successes."""

    def stats() -> dict[str, Any]:
        return every.get("/v2/models/grey/stats").json()["model_stats"][0]

    before = stats()
    outputs_of(every.post("/v2/models/grey/infer", json=json_request(drawn(every, "grey", 3))))
    after = stats()

    assert after["inference_count"] - before["inference_count"] == 3
    assert 1 <= after["execution_count"] - before["execution_count"] <= 3
    counted = [one["inference_stats"]["success"]["count"] for one in (before, after)]
    assert counted[1] - counted[0] == 3
    listed = every.get("/v2/models/stats").json()["model_stats"]
    assert [one["name"] for one in listed] == list(every.app.state.engine.served)  # type: ignore[attr-defined]
    assert [one["name"] for one in every.post("/v2/repository/index").json()] == [
        one["name"] for one in listed
    ]
