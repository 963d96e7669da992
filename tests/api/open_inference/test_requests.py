"""Open Inference Protocol: requests that are refused, with one sentence in `error`."""

from typing import Any

import numpy as np
import orjson
import pytest
from starlette.testclient import TestClient

from api.errors.problem import PROBLEMS
from api.open_inference import respond
from tests.api.open_inference.tensors import HEADER, binary_request, json_request, outputs_of

STEPS = np.array([[1, 0, 1]], np.uint8)
SEQUENCE = json_request({"sequence": STEPS})
IMAGE = json_request({"image": np.zeros((1, 28, 28), np.uint8)})
STATE = np.zeros((1, 8), np.float32)


def refused(client: TestClient, model: str, kind: str, **sent: Any) -> str:
    """Post a request that is refused with a type of problem; return its sentence."""
    answer = client.post(f"/v2/models/{model}/infer", **sent)
    problem = answer.json()
    assert answer.status_code == PROBLEMS[kind][0], problem
    assert answer.headers["content-type"] == "application/json"
    assert problem["type"].rpartition(":")[2] == kind
    assert problem["error"] == problem["detail"]
    return problem["error"]


def of_input(**changes: Any) -> dict[str, Any]:
    """Change the only input of a request to the LSTM."""
    return {**SEQUENCE, "inputs": [{**SEQUENCE["inputs"][0], **changes}]}


def with_states(**states: np.ndarray) -> dict[str, Any]:
    """Add initial states to a request to the LSTM."""
    return json_request({"sequence": STEPS, **states})


@pytest.mark.parametrize(
    ("body", "kind", "sentence"),
    [
        ([], "invalid-body", "The body must be an object"),
        ({}, "invalid-body", "'inputs' must be a list of 1 to 3 objects"),
        ({"inputs": []}, "invalid-body", "'inputs' must be a list of 1 to 3 objects"),
        ({**SEQUENCE, "input": []}, "invalid-body", "key 'input', which is not one of id"),
        ({**SEQUENCE, "id": "x" * 129}, "invalid-body", "at most 128 characters"),
        ({"inputs": [7]}, "invalid-body", "inputs[0] must be an object"),
        (of_input(name="steps"), "invalid-body", "input 'steps' is not one of sequence, cell"),
        (of_input(name=["<script>"]), "invalid-body", "this input is not one of sequence"),
        ({"inputs": SEQUENCE["inputs"] * 2}, "invalid-body", "'inputs' has 'sequence' twice"),
        (of_input(datatype="FP32"), "invalid-body", "must have the datatype UINT8"),
        (of_input(shape=[3]), "invalid-body", "shape [1 to 64 rows, 1 to 4096 steps]"),
        (of_input(shape=[65, 1]), "invalid-body", "shape [1 to 64 rows, 1 to 4096 steps]"),
        (of_input(shape=[1, 4097]), "invalid-body", "shape [1 to 64 rows, 1 to 4096 steps]"),
        (of_input(shape=[1, 3.0]), "invalid-body", "shape [1 to 64 rows"),
        (of_input(shape=[1, 4]), "invalid-body", "has 3 numbers in 'data', and 4 by its shape"),
        (of_input(data="101"), "invalid-body", "must be a list of integers from 0 to 255"),
        (of_input(data=[1, [0], 1]), "invalid-body", "must be a list of integers from 0 to 255"),
        (of_input(data=[[1, 0], 1]), "invalid-body", "must be a list of integers from 0 to 255"),
        (of_input(data=[1, 256, 1]), "invalid-body", "must be a list of integers from 0 to 255"),
        (of_input(data=[1, True, 1]), "invalid-body", "must be a list of integers from 0 to 255"),
        (of_input(data=[1, 2, 1]), "invalid-sequence", "step 2, counted from 1, is not the index"),
        (of_input(parameters=7), "invalid-body", "'parameters' must be an object"),
        (
            of_input(parameters={"shared_memory_region": "a"}),
            "invalid-body",
            "send the tensor in the request",
        ),
        (of_input(parameters={"binary_data_size": 3}), "invalid-body", "has both 'data' and"),
        ({**SEQUENCE, "parameters": {"sequence_id": 4}}, "invalid-body", "send the final state"),
        (
            {**SEQUENCE, "parameters": {"binary_data_output": 1}},
            "invalid-body",
            "'binary_data_output' must be true or false",
        ),
        ({**SEQUENCE, "outputs": [{"name": "x"}]}, "invalid-body", "output 'x' is not one of"),
        ({**SEQUENCE, "outputs": {}}, "invalid-body", "'outputs' must be a list"),
        (
            {
                **SEQUENCE,
                "outputs": [{"name": "cell", "parameters": {"classification": 1}}],
            },
            "invalid-body",
            "'cell' has no value for each class",
        ),
        (with_states(cell=STATE), "invalid-body", "'hidden' is needed besides the other states"),
        (
            with_states(cell=STATE, hidden=np.zeros((2, 8), np.float32)),
            "invalid-body",
            "'hidden' has 2 rows, and 'sequence' 1",
        ),
        (
            with_states(cell=STATE, hidden=STATE + 2),
            "invalid-sequence",
            "Row 0 of 'hidden' must have numbers from -1 to 1",
        ),
        (
            with_states(cell=np.zeros((1, 7), np.float32), hidden=STATE),
            "invalid-body",
            "shape [1 to 64 rows, 8]",
        ),
    ],
)
def test_a_wrong_request_has_one_sentence(
    body: Any, kind: str, sentence: str, client: TestClient
) -> None:
    """The fault of a request to the LSTM is named, with the limit."""
    assert sentence in refused(client, "lstm", kind, json=body)


@pytest.mark.parametrize(
    ("content", "kind", "sentence"),
    [
        (b"", "invalid-json", "The body is empty"),
        (b"{", "invalid-json", "The body is not JSON"),
        (b"\x89PNG", "invalid-json", "The body is not JSON but an image"),
        (b'{"id": "1", "id": "2"}', "invalid-body", "key 'id' twice"),
    ],
)
def test_a_body_that_is_no_json_is_refused(
    content: bytes, kind: str, sentence: str, client: TestClient
) -> None:
    """Faults of the text are those of other routes, with the same sentences."""
    assert sentence in refused(client, "lstm", kind, content=content)


def test_numbers_of_images_are_checked(every: TestClient) -> None:
    """A value that is no number, or too large, is named by its row."""
    values = np.zeros((2, 4, 6, 3), np.float32)
    values[1, 0, 0, 0] = np.nan
    content, headers = binary_request({"image": values})

    sent = {"content": content, "headers": headers}
    assert "Row 1 of 'image'" in refused(every, "colours", "invalid-image", **sent)
    large = json_request({"image": values[:1] + 1e7})
    assert "from -1,000,000 to 1,000,000" in refused(every, "colours", "invalid-image", json=large)


@pytest.mark.parametrize(
    ("change", "kind", "sentence"),
    [
        ({"more": b"x"}, "invalid-body", "The body has 1 bytes that belong to none"),
        ({"less": 1}, "invalid-body", "and the body 2 more behind its JSON"),
        ({"size": 4}, "invalid-body", "has 3 bytes by its shape"),
        ({"header": "x"}, "invalid-request", "must be the number of bytes of the JSON"),
        ({"header": "9" * 5000}, "invalid-request", "must be the number of bytes of the JSON"),
        ({"header": "1000"}, "invalid-request", "must be the number of bytes of the JSON"),
        ({"header": "5"}, "invalid-json", "The body is not JSON"),
        ({"header": None}, "invalid-json", "The body is not JSON"),
    ],
)
def test_bytes_and_lengths_must_agree(
    change: dict[str, Any], kind: str, sentence: str, client: TestClient
) -> None:
    """Binary tensors have the bytes of their shapes, and fill the body behind the JSON."""
    content, headers = binary_request({"sequence": STEPS})
    if "size" in change:
        content = content.replace(b'"binary_data_size":3', b'"binary_data_size":4')
    content = content[: len(content) - change.get("less", 0)] + change.get("more", b"")
    if "header" in change:
        headers.pop(HEADER)
        headers |= {} if change["header"] is None else {HEADER: change["header"]}

    assert sentence in refused(client, "lstm", kind, content=content, headers=headers)


def test_the_answer_in_json_has_a_limit(client: TestClient) -> None:
    """64 rows of all maps are refused as JSON, and are sent as bytes."""
    rows = {"image": np.zeros((64, 28, 28), np.uint8)}

    sentence = refused(client, "cnn", "answer-too-large", json=json_request(rows, ["conv1"]))
    content, headers = binary_request(rows, ["conv1"])
    found = outputs_of(client.post("/v2/models/cnn/infer", content=content, headers=headers))

    assert "binary_data_output" in sentence
    assert found["conv1"].shape == (64, 32, 28, 28)


def test_the_body_has_a_limit(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body over the limit is refused by its Content-Length."""
    monkeypatch.setattr(respond, "MAX_BODY", {"image": 100, "sequence": 100})

    assert "larger than 100 bytes" in refused(client, "cnn", "body-too-large", json=IMAGE)


def test_other_versions_and_models_are_unknown(client: TestClient) -> None:
    """Version 1 is what is resident; its paths answer as those without a version."""
    assert client.post("/v2/models/lstm/versions/1/infer", json=SEQUENCE).status_code == 200
    for path, kind in (
        ("/v2/models/lstm/versions/2/infer", "unknown-model"),
        ("/v2/models/gru/infer", "unknown-model"),
        ("/v2/models/lstm/load", "unknown-path"),
    ):
        answer = client.post(path, json=SEQUENCE)
        assert answer.status_code == 404
        assert answer.json()["type"].endswith(kind)
        assert answer.json()["error"] == answer.json()["detail"]
    assert client.get("/v2/models/lstm/infer").status_code == 405


def test_nested_lists_equal_flat_ones_and_the_id_is_repeated(client: TestClient) -> None:
    """Data may be nested as its shape is."""
    rows = np.random.default_rng(0).integers(0, 2, (2, 3), np.uint8)
    flat = json_request({"sequence": rows})
    nested = {**flat, "inputs": [{**flat["inputs"][0], "data": rows.tolist()}], "id": "ä 7"}

    found = client.post("/v2/models/lstm/infer", json=nested).json()

    assert found.pop("id") == "ä 7"
    assert found == client.post("/v2/models/lstm/infer", json=flat).json()


def test_content_types_are_not_read(client: TestClient) -> None:
    """Clients of the protocol send none, or that of their library."""
    for kind in ("", "application/x-www-form-urlencoded", "text/plain"):
        headers = {"Content-Type": kind} if kind else {}
        answer = client.post(
            "/v2/models/lstm/infer", content=orjson.dumps(SEQUENCE), headers=headers
        )
        assert answer.status_code == 200
