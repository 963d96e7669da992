"""Calibrated probabilities and reliability in responses: right, and absent where not fitted."""

import io
import json
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from models.data.samples import Samples
from models.model_files import shipped_files
from models.registry import ResidentModel
from models.runtime import checkpoints
from tests.applications import running

BLANK = {"pixels": np.zeros((28, 28), int).tolist()}
NOISE = {"pixels": np.random.default_rng(0).integers(0, 256, (28, 28)).tolist()}


@pytest.fixture(scope="module")
def uncalibrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client of a server with weights whose metadata have no calibration."""
    folder = tmp_path_factory.mktemp("weights")
    shipped = checkpoints.load(shipped_files("cnn").weights)
    checkpoints.save(folder / "cnn.safetensors", shipped.tensors, {"seed": 6})
    app = create_app(Settings(weights=folder))
    with running(app, analyses=False) as client:
        yield client


def predicted(client: TestClient, path: str, **body: Any) -> dict[str, Any]:
    """Post a body and return the response's prediction."""
    response = client.post(path, json=body)
    assert response.status_code == 200, response.text
    return response.json()["prediction"]


def test_calibrated_probabilities_are_the_softmax_of_scaled_logits(
    client: TestClient, cnn: ResidentModel, digits: Samples
) -> None:
    """`calibrated` is the softmax of the response's own logits over the stated temperature."""
    temperature = client.get("/models/cnn").json()["training"]["calibration"]["temperature"]
    assert temperature == cnn.checkpoint.metadata["calibration"]["temperature"]
    for image in digits.images[::40]:
        stated = predicted(client, "/cnn/predict", pixels=image.tolist())
        powers = np.exp(np.array(stated["logits"]) / temperature)
        np.testing.assert_allclose(stated["calibrated"], powers / powers.sum(), rtol=1e-4)
        assert np.argmax(stated["calibrated"]) == stated["label"]


@pytest.mark.parametrize(
    "path",
    [
        "/cnn/predict",
        "/cnn/activations?layers=relu4",
        "/cnn/channel?layer=conv1&channel=0",
        "/cnn/attribution?method=gradient",
        "/cnn/embedding",
    ],
)
def test_every_prediction_is_calibrated(client: TestClient, digits: Samples, path: str) -> None:
    """Each probe of an image states equal calibrated probabilities and the same reliability."""
    pixels = digits.images[3].tolist()
    stated = predicted(client, path, pixels=pixels)
    plain = predicted(client, "/cnn/predict", pixels=pixels)
    np.testing.assert_allclose(stated["calibrated"], plain["calibrated"], atol=1e-5)
    assert stated["reliability"] == plain["reliability"]


def test_several_inputs_and_binary_formats_are_calibrated(
    client: TestClient, digits: Samples
) -> None:
    """Each of several results, and the metadata of NPZ and safetensors, have the same fields."""
    inputs = [{"pixels": image.tolist()} for image in digits.images[:2]]
    alone = [predicted(client, "/cnn/predict", **one) for one in inputs]
    several = client.post("/cnn/predict", json={"inputs": inputs}).json()["answers"]
    for one, other in zip(alone, several, strict=True):
        np.testing.assert_allclose(other["prediction"]["calibrated"], one["calibrated"], atol=1e-5)
        assert other["prediction"]["reliability"] == one["reliability"]
    packed = client.post("/cnn/predict?format=npz", json=inputs[0]).content
    with np.load(io.BytesIO(packed)) as arrays:
        assert json.loads(str(arrays["metadata"]))["prediction"] == alone[0]
    content = client.post("/cnn/predict?format=safetensors", json=inputs[0]).content
    (size,) = struct.unpack("<Q", content[:8])
    metadata = json.loads(content[8 : 8 + size])["__metadata__"]["lightwell"]
    assert json.loads(metadata)["prediction"] == alone[0]


def test_reliability_is_that_of_the_probability(
    client: TestClient, cnn: ResidentModel, digits: Samples
) -> None:
    """The bin holds the largest softmax probability, and the sentence has its figures."""
    bins = {one["low"]: one for one in cnn.checkpoint.metadata["calibration"]["reliability"]}
    seen = set()
    for image in digits.images[::7]:
        answer = client.post("/cnn/predict", json={"pixels": image.tolist()}).json()
        if answer["warnings"]:
            continue
        stated = answer["prediction"]["reliability"]
        highest = max(answer["prediction"]["probabilities"])
        assert stated["low"] <= highest
        assert highest < stated["high"] or stated["high"] == 1
        held = bins[stated["low"]]
        assert (stated["images"], stated["right"]) == (held["images"], held["right"])
        assert f"{stated['images']:,} get a probability of" in stated["sentence"]
        assert "95 % confidence interval" in stated["sentence"]
        seen.add(stated["low"])
    assert len(seen) > 1


@pytest.mark.parametrize("body", [BLANK, NOISE], ids=["blank", "noise"])
def test_an_image_with_a_warning_has_no_reliability(client: TestClient, body: Any) -> None:
    """Accuracy on test images says nothing about a blank image or noise."""
    answer = client.post("/cnn/predict?preprocess=none", json=body).json()
    assert answer["warnings"]
    assert "reliability" not in answer["prediction"]
    assert "calibrated" in answer["prediction"]


def test_an_ignored_form_field_keeps_the_reliability(client: TestClient, digit_png: bytes) -> None:
    """A warning about the form says nothing about its image."""
    form = {"files": {"image": ("0.png", digit_png, "image/png")}, "data": {"comment": "mine"}}
    answer = client.post("/cnn/predict", **form).json()
    assert [one["code"] for one in answer["warnings"]] == ["ignored-field"]
    assert answer["prediction"]["reliability"]["images"] > 0


def test_a_training_checkpoint_is_not_calibrated(client: TestClient, digits: Samples) -> None:
    """The temperature was fitted for the final weights: a checkpoint has neither field."""
    for checkpoint in client.get("/models/cnn").json()["checkpoints"]:
        path = f"/cnn/predict?checkpoint={checkpoint}"
        stated = predicted(client, path, pixels=digits.images[3].tolist())
        assert stated.keys() == {"label", "name", "probabilities", "logits"}


def test_an_lstm_is_not_calibrated(client: TestClient) -> None:
    """No temperature is fitted for sequences."""
    stated = predicted(client, "/lstm/predict", sequence="1101")
    assert stated.keys() == {"label", "name", "probabilities", "logits"}
    assert "calibration" not in client.get("/models/lstm").json()["training"]


def test_weights_without_a_calibration_are_not_calibrated(
    uncalibrated: TestClient, digits: Samples
) -> None:
    """Weights whose metadata have no calibration are served without both fields."""
    stated = predicted(uncalibrated, "/cnn/predict", pixels=digits.images[3].tolist())
    assert stated.keys() == {"label", "name", "probabilities", "logits"}
    assert "calibration" not in uncalibrated.get("/models/cnn").json()["training"]
