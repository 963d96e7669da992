"""The network as it was during training, asked like the one that is served."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import copy
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from models.model_files import ARTIFACT_KINDS, shipped_files
from models.registry import ResidentModel, load
from models.runtime import artifacts, checkpoints
from models.runtime.checkpoints import CheckpointError
from tests.oracles.attribution64 import Network
from tests.oracles.numpy64 import cnn_trace, lstm_trace
from tests.oracles.parameters import CNN_SHAPES, draw, draw_bits, draw_images, lstm_shapes

PIXELS = draw_images(1, 8)[0]
BITS = "".join(map(str, draw_bits(1, 40, 3)[0]))


def values(answer: Any, name: str) -> np.ndarray:
    """Read one tensor."""
    return np.array(next(one for one in answer["tensors"] if one["name"] == name)["data"])


def test_models_list_what_may_be_asked(client: TestClient, cnn: ResidentModel) -> None:
    """The earliest first; before training comes first of all."""
    listed = client.get("/models/cnn").json()["checkpoints"]

    assert listed == list(cnn.training_checkpoints)
    assert listed[0] == "round-0"
    assert len(listed) >= 4


@pytest.mark.parametrize("name", ["round-0", "round-4"])
def test_activations_are_those_of_that_time(
    name: str, client: TestClient, cnn: ResidentModel
) -> None:
    """As the float64 network with the recorded parameters has them."""
    query = f"/cnn/activations?layers=relu2,logits&preprocess=none&checkpoint={name}"
    answer = client.post(query, json={"pixels": PIXELS.tolist()}).json()
    expected = cnn_trace(PIXELS, cnn.training_checkpoints[name])

    relu2 = np.moveaxis(expected["relu2"], -1, 0)
    np.testing.assert_allclose(values(answer, "relu2"), relu2, atol=1e-4)
    np.testing.assert_allclose(values(answer, "logits"), expected["logits"], atol=1e-4)
    assert answer["weights"] == checkpoints.digest(cnn.training_checkpoints[name])


def test_gates_are_those_of_that_time(client: TestClient, lstm: ResidentModel) -> None:
    """A checkpoint of the LSTM equals the float64 network, too."""
    for name, weights in lstm.training_checkpoints.items():
        answer = client.get(f"/lstm/gates?sequence={BITS}&checkpoint={name}").json()
        expected = lstm_trace(np.array([int(bit) for bit in BITS]), weights)
        np.testing.assert_allclose(
            values(answer, "forget_gate"), expected["forget_gate"], atol=1e-4
        )


def test_filters_are_those_of_that_time(client: TestClient, cnn: ResidentModel) -> None:
    """And the answer may be kept under a name of its own."""
    first = client.get("/cnn/filters?layers=conv1&order=index&checkpoint=round-0")
    last = client.get("/cnn/filters?layers=conv1&order=index")

    held = cnn.training_checkpoints["round-0"]["conv1.kernel"].transpose(3, 2, 0, 1)
    np.testing.assert_allclose(values(first.json(), "conv1.kernel"), held, atol=1e-6)
    assert first.headers["etag"] != last.headers["etag"]
    assert first.json()["weights"] != last.json()["weights"]


def test_metrics_of_the_rounds_are_listed(client: TestClient) -> None:
    """The number of rounds, and the report's metrics after those with a checkpoint."""
    training = client.get("/models/cnn").json()["training"]

    assert training["rounds"] == 90
    assert list(training["checkpoints"]) == ["round-1", "round-4", "round-12"]
    assert training["checkpoints"]["round-4"]["validation_accuracy"] == 0.9938
    assert (
        "prefix_errors" in client.get("/models/lstm").json()["training"]["checkpoints"]["round-5"]
    )


def post(client: TestClient, query: str, **fields: Any) -> Any:
    """Ask about the pixels as they are, at the checkpoint `round-1`."""
    path = f"/cnn/{query}&preprocess=none&checkpoint=round-1"
    return client.post(path, json={"pixels": PIXELS.tolist(), **fields})


def test_a_pixel_is_that_of_that_time(client: TestClient, cnn: ResidentModel) -> None:
    """Kernel and sum of a value are those of the checkpoint."""
    weights = cnn.training_checkpoints["round-1"]
    answer = post(client, "pixel?layer=conv2&channel=7&y=6&x=9").json()
    measures = {one["name"]: one["value"] for one in answer["measures"]}
    expected = cnn_trace(PIXELS, weights)["conv2"][6, 9, 7]

    kernel = np.moveaxis(weights["conv2.kernel"][..., 7], -1, 0)
    np.testing.assert_array_equal(values(answer, "kernel").astype(np.float32), kernel)
    assert measures["sum"] == pytest.approx(expected, abs=1e-4)


def test_an_attribution_is_that_of_that_time(client: TestClient, cnn: ResidentModel) -> None:
    """The gradient of the float64 network with the parameters of the checkpoint."""
    network = Network(cnn.training_checkpoints["round-1"])
    answer = post(client, "attribution?method=gradient&target=3&deletion=false").json()
    expected = network.gradients(PIXELS[None] / 255, np.eye(10)[3])[0]

    np.testing.assert_allclose(values(answer, "attribution"), expected, atol=2e-4)
    refused = post(client, "attribution?method=gradient&sanity=true")
    assert refused.status_code == 422
    assert "resets the served weights" in refused.json()["detail"]


def test_interventions_are_those_of_that_time(client: TestClient, cnn: ResidentModel) -> None:
    """Without a unit of the last layer the logits lack its products; means are not known."""
    weights = cnn.training_checkpoints["round-1"]
    trace = cnn_trace(PIXELS, weights)
    unit = int(trace["relu4"].argmax())
    lost = trace["relu4"][unit] * weights["output.kernel"][unit].astype(np.float64)
    edit = {"layer": "relu4", "channels": [unit], "operation": "zero"}

    edited = values(post(client, "intervene?layers=logits", edits=[edit]).json(), "logits")
    swept = values(post(client, "sweep?layer=relu4&target=2").json(), "effect")

    np.testing.assert_allclose(edited[0], trace["logits"], atol=1e-4)
    np.testing.assert_allclose(edited[0] - edited[1], lost, atol=1e-4)
    assert swept[unit] == pytest.approx(lost[2], abs=1e-4)
    for refused in (
        post(client, "intervene?layers=logits", edits=[{**edit, "operation": "mean"}]),
        post(client, "sweep?layer=relu4&operation=mean"),
    ):
        assert refused.status_code == 422
        assert "no record of units" in refused.text


def test_a_unit_of_that_time_has_no_records(client: TestClient, cnn: ResidentModel) -> None:
    """The image that maximises a unit does so in the checkpoint; test images are left out."""
    query = "/cnn/unit?layer=relu4&channel=5&steps=8&images=1&checkpoint=round-1"
    answer = client.get(query).json()
    image = values(answer, "optimum").reshape(28, 28)
    made = Network(cnn.training_checkpoints["round-1"]).forward(image[None])

    assert {one["name"] for one in answer["tensors"]} == {"optimum", "course", "optimum.value"}
    reached = values(answer, "optimum.value").ravel()[0]
    assert reached == pytest.approx(made.maps["dense1"][0, 5], abs=1e-3)


def test_requests_for_different_times_share_a_queue_and_nothing_else(client: TestClient) -> None:
    """Side by side, each gets the answer that it gets alone."""
    names = ["", "round-0", "round-1", "round-4"] * 4

    def ask(name: str) -> list[float]:
        query = f"&checkpoint={name}" if name else ""
        answer = client.post(
            f"/cnn/predict?preprocess=none{query}", json={"pixels": PIXELS.tolist()}
        )
        logits: list[float] = answer.json()["prediction"]["logits"]
        return logits

    alone = {name: ask(name) for name in set(names)}
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(ask, names))

    for name, logits in zip(names, together, strict=True):
        np.testing.assert_allclose(logits, alone[name], atol=2e-5)
    assert len({tuple(np.round(logits, 3)) for logits in alone.values()}) == 4


def test_a_time_that_is_not_recorded_is_refused(client: TestClient) -> None:
    """With those that are; and a probe of the trained network alone takes none."""
    unknown = client.get("/cnn/filters?checkpoint=round-3")
    no_such_parameter = client.get(f"/lstm/summary?sequence={BITS}&checkpoint=round-1")

    assert unknown.status_code == 422
    assert "round-0, round-1" in unknown.json()["detail"]
    assert no_such_parameter.status_code == 422


def test_records_of_other_weights_are_refused(tmp_path: Path) -> None:
    """Every record names its weights; a start with a wrong one stops with its name."""
    checkpoints.save(tmp_path / "cnn.safetensors", draw(CNN_SHAPES, 3), {})
    assert load("cnn", tmp_path).training_checkpoints == {}
    for kind in ARTIFACT_KINDS:
        path = tmp_path / f"cnn.{kind}.safetensors"
        copy(shipped_files("cnn").artifact(kind), path)
        with pytest.raises(CheckpointError, match=f"{path.name} was made for other weights"):
            load("cnn", tmp_path)
        path.unlink()


def test_milestones_come_back_as_they_were_kept(tmp_path: Path) -> None:
    """Rounds are in the order of training, other names after them; all float32."""
    names = ("zero", "round-12", "round-0", "another-1", "round-4")
    kept = {name: draw(CNN_SHAPES, seed) for seed, name in enumerate(names)}
    path = tmp_path / "cnn.milestones.safetensors"
    artifacts.save(path, artifacts.pack_training_checkpoints(kept, "float16"), "the digest")

    found = artifacts.training_checkpoints(artifacts.load(path, "the digest"))

    assert list(found) == ["round-0", "round-4", "round-12", "another-1", "zero"]
    for name, tensors in kept.items():
        for parameter, expected in tensors.items():
            given = found[name][parameter]
            assert given.dtype == np.float32
            np.testing.assert_array_equal(given, expected.astype(np.float16))
    assert artifacts.training_checkpoints(None) == {}


@pytest.mark.parametrize("name", ["Round-1", "1st", "reset-conv1", "a" * 33, "", "old_one", "ä"])
def test_a_name_that_no_checkpoint_may_have_stops_the_start(name: str, tmp_path: Path) -> None:
    """Names are lowercase letters, digits and hyphens, and not those of randomised weights."""
    weights = draw(lstm_shapes(2), 1)
    checkpoints.save(tmp_path / "lstm.safetensors", weights, {})
    packed = artifacts.pack_training_checkpoints({name: weights}, "float32")
    path = tmp_path / "lstm.milestones.safetensors"
    artifacts.save(path, packed, checkpoints.digest(weights))

    with pytest.raises(CheckpointError, match=f"'{name}' is not the name of a checkpoint"):
        load("lstm", tmp_path)


def test_a_checkpoint_of_other_shapes_stops_the_start(tmp_path: Path) -> None:
    """A checkpoint that no program could run is an error that names file, checkpoint and tensor."""
    weights = draw(lstm_shapes(2), 1)
    checkpoints.save(tmp_path / "lstm.safetensors", weights, {})
    packed = artifacts.pack_training_checkpoints({"wide": draw(lstm_shapes(3), 1)}, "float32")
    path = tmp_path / "lstm.milestones.safetensors"
    artifacts.save(path, packed, checkpoints.digest(weights))

    message = r"lstm\.milestones.*'wide' does not fit these weights: tensor cell\.dense_"
    with pytest.raises(CheckpointError, match=message):
        load("lstm", tmp_path)
