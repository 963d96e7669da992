"""Several inputs in one request: invalid entries and limits."""

from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient

from api.requests.body import MAX_FORM, MAX_SEQUENCE_JSON
from api.requests.declared_body import MAX_INPUTS
from tests.api.bodies import PICTURE, base64_of
from tests.api.pictures_by_hand import blank
from tests.api.several import JSON, files


@pytest.mark.parametrize(
    ("path", "entries", "place", "text"),
    [
        ("/lstm/gates", [{"sequence": "1"}] * 3 + [{"sequence": ""}], [3, "sequence"], "0 steps"),
        ("/lstm/gates", [{"sequence": "1"}, {"sequence": [0, 2]}], [1, "sequence", 1], "Step 2"),
        ("/lstm/gates", [{"sequence": "1"}, {}], [1, "sequence"], "a text or a list"),
        ("/lstm/gates", [{"sequence": "1"}, 7], [1], "an object of sequence, initial_state"),
        ("/lstm/gates", [{"inputs": []}], [0], "key 'inputs'"),
        (
            "/lstm/gates.jsonl",
            [{"sequence": "1", "initial_state": {"cell": [0], "hidden": []}}],
            [0, "initial_state", "cell"],
            "8 numbers",
        ),
        ("/cnn/predict", [{"pixels": [[0]]}, {"pixels": [[256]]}], [1, "pixels", 0], "0 to 255"),
        ("/cnn/predict", [{"pixels": [[0]]}, {}], [1], "exactly one of"),
        ("/cnn/predict", [{"image": "!"}], [0, "image"], "base64"),
        ("/cnn/predict", [{"image": base64_of(PICTURE[:50])}], [0], "cannot be decoded"),
        ("/cnn/predict", [None], [0], "an object of image, pixels"),
    ],
)
def test_one_wrong_entry_rejects_the_whole_request(
    path: str, entries: list[Any], place: list[Any], text: str, client: TestClient
) -> None:
    """The problem names the invalid entry and the reason."""
    response = client.post(path, json={"inputs": entries})

    assert response.status_code == 422, response.text
    [error] = response.json()["errors"]
    assert error["location"] == ["body", "inputs", *place]
    assert error["reason"] == response.json()["detail"]
    assert error["reason"].startswith(f"inputs[{place[0]}]: ")
    assert text in error["reason"]


def test_a_wrong_file_is_named_by_its_place(client: TestClient) -> None:
    """The files of a multipart form are counted from 0, as the entries of `inputs` are."""
    response = client.post("/cnn/predict", files=files([PICTURE, PICTURE[:50]]))

    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert error["location"] == ["body", "file", 1]
    assert error["reason"].startswith("file[1]: ")


@pytest.mark.parametrize("inputs", [[], {}, "10110", 1, [{"sequence": "1"}] * (MAX_INPUTS + 1)])
def test_inputs_are_a_list_of_1_to_64(inputs: object, client: TestClient) -> None:
    """Any other value is a 422 that states the limit."""
    response = client.post("/lstm/gates", json={"inputs": inputs})

    assert response.status_code == 422
    assert response.json()["detail"] == "'inputs' must be a list of 1 to 64 objects."
    assert response.json()["errors"][0]["location"] == ["body", "inputs"]


def test_inputs_stand_alone(client: TestClient) -> None:
    """A body with both `inputs` and one input is a 422."""
    response = client.post("/lstm/gates", json={"sequence": "1", "inputs": [{"sequence": "1"}]})

    assert response.status_code == 422
    assert response.json()["errors"][0]["location"] == ["body", "inputs"]


def test_a_parameter_that_one_input_cannot_answer_names_it(client: TestClient) -> None:
    """A step past the end of the second sequence is an invalid parameter of that input."""
    body = {"inputs": [{"sequence": "10110"}, {"sequence": "1"}]}

    response = client.post("/lstm/gates?steps=3", json=body)

    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert error["location"] == ["query", "steps"]
    assert error["reason"] == "inputs[1]: step 3 is not one of the sequence's, 0 to 1"


@pytest.mark.parametrize("form", ["text", "list"])
def test_the_most_of_everything_fits(form: str, client: TestClient) -> None:
    """64 sequences of 4,096 steps with states fit in a body, as text and as lists."""
    sequence: Any = "10" * 2048 if form == "text" else [1, 0] * 2048
    digits = {"cell": [-0.123456789012345] * 8, "hidden": [-0.123456789012345] * 8}
    content = orjson.dumps({"inputs": [{"sequence": sequence, "initial_state": digits}] * 64})

    response = client.post("/lstm/predict", content=content, headers=JSON)

    assert len(content) < MAX_SEQUENCE_JSON
    assert [one["input"]["length"] for one in response.json()["answers"]] == [4096] * 64


def test_a_form_past_its_limit_is_rejected(client: TestClient) -> None:
    """A form has a limit of bytes in total, and one for each file."""
    large = b"\x89PNG" + bytes(24 * 2**20)

    one = client.post("/cnn/predict", files=files([PICTURE, large]))
    assert one.status_code == 413
    assert "25165824 bytes" in one.json()["detail"]
    assert one.json()["detail"].startswith("file[1]: ")
    both = client.post("/cnn/predict", files=files([large, large]))
    assert both.status_code == 413
    assert str(MAX_FORM) in both.json()["detail"]


def test_pixels_of_all_images_are_bounded(client: TestClient) -> None:
    """Five images of the largest size are decoded; one pixel more is a 422 with the limit."""
    large = blank(5000, 4000)

    assert client.post("/cnn/predict", files=files([large] * 5)).status_code == 200
    response = client.post("/cnn/predict", files=files([large] * 5 + [PICTURE]))
    assert response.status_code == 422
    assert "more than 100000000 pixels together: send fewer" in response.json()["detail"]
    assert response.json()["errors"][0]["location"] == ["body", "file"]


def test_prepared_pixels_of_all_images_are_bounded(client: TestClient) -> None:
    """Images that are not reduced have a limit together too."""
    large = blank(1300, 1150)

    assert client.post("/cnn/predict", files=files([large] * 11)).status_code == 200
    response = client.post("/cnn/predict", files=files([large] * 12))
    assert response.status_code == 422
    assert (
        "more than 16777216 pixels together, at most 1500000 of each" in response.json()["detail"]
    )


def test_the_json_of_all_answers_is_bounded(client: TestClient) -> None:
    """JSON of more than 8 MiB is a 422; the same tensors fit in NPZ."""
    body = {"inputs": [{"sequence": "10" * 2048}] * 16}

    response = client.post("/lstm/gates", json=body)

    assert response.status_code == 422
    assert response.json()["type"] == "urn:lightwell:problem:answer-too-large"
    assert client.post("/lstm/gates?format=npz", json=body).status_code == 200


def test_values_that_would_fill_the_memory_are_rejected(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit on bytes of traced steps is checked before a program runs."""
    steps, values = 5 + 3, (8 * 4 + 2) * 4  # four gates of 8 units and two logits, in float32
    body = {"inputs": [{"sequence": "10110"}, {"sequence": "111"}]}

    monkeypatch.setattr("api.responses.pipeline.MAX_SEVERAL_BYTES", steps * values)
    assert client.post("/lstm/gates?format=npz", json=body).status_code == 200
    monkeypatch.setattr("api.responses.pipeline.MAX_SEVERAL_BYTES", steps * values - 1)
    response = client.post("/lstm/gates?format=npz", json=body)
    assert response.status_code == 422
    assert f"{steps * values - 1} bytes" in response.json()["detail"]
