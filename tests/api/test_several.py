"""Several inputs in one request: each is answered as it would be alone."""

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load
from starlette.testclient import TestClient

from api.openapi.spec import schemas
from api.requests.declared_body import MAX_INPUTS
from models.data.samples import Samples
from models.registry import ResidentModel
from tests.api.bodies import PICTURE, base64_of, encoded
from tests.api.several import SEQUENCES, assert_alike, files


@pytest.mark.parametrize("probe", ["predict", "gates", "cell?units=3", "trace", "summary"])
def test_several_sequences_are_answered_as_each_alone(probe: str, client: TestClient) -> None:
    """Answers come in order; lengths, forms and initial states may differ."""
    answer = client.post(f"/lstm/{probe}", json={"inputs": SEQUENCES}).json()

    assert list(answer) == ["model", "weights", "answers"]
    assert len(answer["answers"]) == len(SEQUENCES)
    for body, made in zip(SEQUENCES, answer["answers"], strict=True):
        alone = client.post(f"/lstm/{probe}", json=body).json()
        assert {"model": alone["model"], "weights": alone["weights"]} == {
            "model": answer["model"],
            "weights": answer["weights"],
        }
        assert_alike(made, {key: alone[key] for key in alone if key not in answer})
    assert schemas.SequenceAnswer.model_validate(answer)


@pytest.mark.parametrize("probe", ["predict", "activations?channels=3,1", "channel?layer=relu2"])
def test_several_images_are_answered_as_each_alone(
    probe: str, client: TestClient, digits: Samples
) -> None:
    """`inputs` may mix pixels and base64; nine images need batches of two sizes."""
    path = f"/cnn/{probe}" + ("&channel=5" if "channel?" in probe else "")
    inputs: list[dict[str, Any]] = [{"pixels": one.tolist()} for one in digits.images[:8]]
    inputs.append({"image": base64_of(PICTURE)})

    answer = client.post(path, json={"inputs": inputs}).json()

    for body, made in zip(inputs, answer["answers"], strict=True):
        alone = client.post(path, json=body).json()
        assert_alike(made, {key: alone[key] for key in alone if key not in answer})
        assert made["prediction"]["label"] == alone["prediction"]["label"]
    assert schemas.ImageAnswer.model_validate(answer)


def test_several_files_are_several_inputs_and_one_is_one(
    client: TestClient, digits: Samples
) -> None:
    """A form of two files is answered as JSON of two inputs, a form of one as one image."""
    pictures = [encoded(image) for image in digits.images[:2]]
    inputs = [{"image": base64_of(picture)} for picture in pictures]

    form = client.post("/cnn/predict", files=files(pictures)).json()

    assert form == client.post("/cnn/predict", json={"inputs": inputs}).json()
    alone = client.post("/cnn/predict", files=files(pictures[:1])).json()
    assert "answers" not in alone
    assert alone == client.post("/cnn/predict", json=inputs[0]).json()


@pytest.mark.parametrize(
    ("path", "body"),
    [("/cnn/predict", {"image": base64_of(PICTURE)}), ("/lstm/gates", SEQUENCES[0])],
)
def test_inputs_of_one_has_answers_of_one(path: str, body: Any, client: TestClient) -> None:
    """A list of one input is answered by a list of one answer."""
    answer = client.post(path, json={"inputs": [body]}).json()

    assert len(answer["answers"]) == 1
    assert answer["answers"][0] == {
        key: value
        for key, value in client.post(path, json=body).json().items()
        if key not in {"model", "weights"}
    }


def test_binary_forms_hold_all_tensors_by_the_place_of_their_answer(client: TestClient) -> None:
    """NPZ and safetensors have `answers.0.cell`, and the whole document without values."""
    told = client.post("/lstm/cell", json={"inputs": SEQUENCES}).json()
    npz = np.load(
        io.BytesIO(client.post("/lstm/cell?format=npz", json={"inputs": SEQUENCES}).content)
    )
    content = client.post("/lstm/cell?format=safetensors", json={"inputs": SEQUENCES}).content
    tensors = load(content)

    documents = [json.loads(str(npz["metadata"]))]
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    documents.append(json.loads(header["__metadata__"]["lightwell"]))
    names = {
        f"answers.{at}.{tensor['name']}": tensor["data"]
        for at, answer in enumerate(told["answers"])
        for tensor in answer["tensors"]
    }
    assert set(tensors) == set(names) == set(npz.files) - {"metadata"}
    for name, values in names.items():
        np.testing.assert_allclose(tensors[name], values, rtol=1e-6)
        np.testing.assert_array_equal(tensors[name], npz[name])
    for document in documents:
        assert [one["input"] for one in document["answers"]] == [
            one["input"] for one in told["answers"]
        ]
        assert document["weights"] == told["weights"]


def test_wide_pictures_are_below_each_other(client: TestClient) -> None:
    """The picture of three inputs is as high as three, and as wide as one."""

    def size(count: int) -> tuple[int, int]:
        body = {"inputs": [{"sequence": "10110"}] * count}
        return Image.open(io.BytesIO(client.post("/lstm/gates.png", json=body).content)).size

    one, two, three = (size(count) for count in (1, 2, 3))
    assert one[0] == two[0] == three[0]
    assert three[1] - two[1] == two[1] - one[1] > 0.8 * one[1]


def test_a_picture_of_too_many_inputs_is_rejected(client: TestClient) -> None:
    """A picture above the pixel limit is a 422 that states the limit."""
    response = client.post("/cnn/activations.png", files=files([PICTURE] * MAX_INPUTS))

    assert response.status_code == 422
    assert response.json()["type"] == "urn:lightwell:problem:answer-too-large"
    assert "16000000 pixels" in response.json()["detail"]
    assert client.post("/cnn/activations.png", files=files([PICTURE] * 2)).status_code == 200


def test_the_single_answer_is_as_it_was(client: TestClient, lstm: ResidentModel) -> None:
    """One input is answered without `answers`."""
    answer = client.post("/lstm/gates", json=SEQUENCES[0]).json()

    assert list(answer) == [
        *("model", "weights", "input", "prediction", "tensors", "measures", "warnings")
    ]
    assert answer["weights"] == lstm.checkpoint.digest
