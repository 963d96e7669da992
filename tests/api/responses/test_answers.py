"""Responses of the endpoints, compared with oracles."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from models.data.datasets import mnist
from models.data.samples import Samples
from models.model_files import shipped_files
from models.registry import ResidentModel
from probes.figures.colormaps import lookup_table
from probes.output.render import place
from probes.output.results import ProbeResult
from probes.shared.class_probabilities import answer_bars
from tests.networks import SIMPLE_CNN
from tests.oracles.numpy64 import cnn_trace, lstm_trace

TEST_SPLIT = Path(__file__).parents[2] / "tensorflow_datasets"
PNG = {"Content-Type": "image/png"}
TOLERANCE = {"rtol": 2e-4, "atol": 2e-4}


def tensors_of(answer: dict[str, Any]) -> dict[str, np.ndarray]:
    """Read every tensor of an answer."""
    return {tensor["name"]: np.array(tensor["data"]) for tensor in answer["tensors"]}


def test_activations_are_those_of_the_oracle(
    client: TestClient, cnn: ResidentModel, digits: Samples
) -> None:
    """All layers, channel first, equal a float64 pass over the very pixels that were echoed."""
    pixels = digits.images[3].tolist()
    answer = client.post("/cnn/activations?layers=all", json={"pixels": pixels}).json()

    expected = cnn_trace(np.array(answer["input"]["pixels"]), cnn.weights)
    made = tensors_of(answer)
    assert set(made) == {"image", *SIMPLE_CNN.layers}
    for name, value in expected.items():
        np.testing.assert_allclose(made[name], np.moveaxis(value, -1, 0), **TOLERANCE)


def test_default_layers_are_those_after_the_nonlinearity(
    client: TestClient, digit_png: bytes
) -> None:
    """Without `layers`, an answer has the ReLUs and pools in order."""
    answer = client.post("/cnn/activations", content=digit_png, headers=PNG).json()

    names = [tensor["name"] for tensor in answer["tensors"]]
    assert names == ["image", "relu1", "pool1", "relu2", "pool2", "relu3", "relu4"]


def test_selected_channels_are_those_rows(client: TestClient, digit_png: bytes) -> None:
    """`channels` picks rows of every selected layer, in the order asked for, and says which."""
    ask = {"content": digit_png, "headers": PNG}
    whole = tensors_of(client.post("/cnn/activations?layers=relu2,pool2", **ask).json())
    answer = client.post("/cnn/activations?layers=relu2,pool2&channels=31,3", **ask).json()

    for tensor in answer["tensors"][1:]:
        assert tensor["coordinates"] == {"channel": [31, 3]}
        np.testing.assert_array_equal(tensor["data"], whole[tensor["name"]][[31, 3]])


def test_prediction_is_the_softmax_of_the_logits(
    client: TestClient, cnn: ResidentModel, digits: Samples
) -> None:
    """Label, probabilities and logits agree with one another and with the oracle."""
    for at in range(0, 200, 23):
        answer = client.post("/cnn/predict", json={"pixels": digits.images[at].tolist()}).json()
        stated = answer["prediction"]
        logits = cnn_trace(np.array(answer["input"]["pixels"]), cnn.weights)["logits"]
        np.testing.assert_allclose(stated["logits"], logits, **TOLERANCE)
        powers = np.exp(logits)
        np.testing.assert_allclose(stated["probabilities"], powers / powers.sum(), atol=1e-4)
        assert stated["label"] == logits.argmax()
        assert stated["name"] == str(stated["label"])


def test_samples_are_recognised(client: TestClient, digits: Samples) -> None:
    """Nearly every sample is classified as its label says."""
    right = [
        client.post("/cnn/predict", json={"pixels": image.tolist()}).json()["prediction"]["label"]
        == label
        for image, label in zip(digits.images[::4], digits.labels[::4], strict=True)
    ]

    assert np.mean(right) >= 0.98


def test_a_channel_is_one_row_of_its_layer(
    client: TestClient, cnn: ResidentModel, digit_png: bytes
) -> None:
    """The map is the layer's, the kernel is the weights', the box holds the peak."""
    ask = {"content": digit_png, "headers": PNG}
    layer = tensors_of(client.post("/cnn/activations?layers=relu2", **ask).json())["relu2"]
    answer = client.post("/cnn/channel?layer=relu2&channel=5", **ask).json()

    made = tensors_of(answer)
    measured = {one["name"]: one["value"] for one in answer["measures"]}
    np.testing.assert_array_equal(made["relu2.5"], layer[5])
    expected = np.moveaxis(cnn.weights["conv2.kernel"][..., 5], -1, 0)
    np.testing.assert_allclose(made["conv2.kernel.5"], expected, rtol=1e-6)
    y, x = measured["peak_y"], measured["peak_x"]
    assert layer[5][y, x] == layer[5].max() == pytest.approx(measured["max"])
    fields = SIMPLE_CNN.layers["relu2"].receptive_field
    assert fields is not None
    ends = measured["receptive_field_top"], measured["receptive_field_bottom"]
    assert ends == fields[0].span(y)


def test_filters_are_the_weights_in_the_order_that_is_stated(
    client: TestClient, cnn: ResidentModel
) -> None:
    """Sorted or not, `coordinates` says which kernel is where, and norms fall."""
    for order in ("norm", "index"):
        answer = client.get(f"/cnn/filters?order={order}").json()
        for tensor in answer["tensors"]:
            if tensor["kind"] != "filter":
                continue
            kernel = cnn.weights[tensor["name"]].transpose(3, 2, 0, 1)
            rows = tensor["coordinates"]["output_channel"]
            columns = tensor["coordinates"]["input_channel"]
            np.testing.assert_allclose(tensor["data"], kernel[rows][:, columns], rtol=1e-6)
            norms = np.linalg.norm(kernel[rows].reshape(len(rows), -1), axis=1)
            assert order == "index" or (np.diff(norms) <= 1e-6).all()


def test_filters_with_their_biases(client: TestClient, cnn: ResidentModel) -> None:
    """`biases=true` adds the bias of each filter, in the order of the filters; default none."""
    asked = "/cnn/filters?layers=conv2,output&channels=7,3"
    answer = client.get(f"{asked}&biases=true").json()

    found = {one["name"]: one for one in answer["tensors"]}
    for layer in ("conv2", "output"):
        tensor = found[f"{layer}.bias"]
        assert tensor["kind"] == "bias"
        assert tensor["coordinates"] == {
            "output_channel": found[f"{layer}.kernel"]["coordinates"]["output_channel"]
        }
        expected = cnn.weights[f"{layer}.bias"][tensor["coordinates"]["output_channel"]]
        np.testing.assert_array_equal(np.float32(tensor["data"]), expected)
    assert [one["name"] for one in client.get(asked).json()["tensors"]] == [
        name for name in found if not name.endswith(".bias")
    ]


def test_dense_filters_undo_the_flattening(client: TestClient, cnn: ResidentModel) -> None:
    """A dense unit's kernel is turned back to the maps of relu3 that it reads."""
    answer = client.get("/cnn/filters?layers=dense1&channels=9&order=index").json()

    made = tensors_of(answer)["dense1.kernel"]
    expected = cnn.weights["dense1.kernel"][:, 9].reshape(7, 7, 64).transpose(2, 0, 1)
    assert made.shape == (1, 64, 7, 7)
    np.testing.assert_allclose(made[0], expected, rtol=1e-6)


@pytest.mark.parametrize("bits", ["1", "10110", "0" * 40, "10" * 150])
def test_a_trace_is_that_of_the_oracle(bits: str, client: TestClient, lstm: ResidentModel) -> None:
    """Gates, states and running logits equal float64 NumPy; gates start at step 1, states at 0."""
    answer = client.post("/lstm/trace", json={"sequence": bits}).json()

    expected = lstm_trace(np.array([int(bit) for bit in bits]), lstm.weights)
    steps = {tensor["name"]: tensor["coordinates"]["step"] for tensor in answer["tensors"]}
    made = tensors_of(answer)
    for name, value in expected.items():
        np.testing.assert_allclose(made[name], value, err_msg=name, **TOLERANCE)
        first = 0 if name in {"cell", "hidden"} else 1
        assert steps[name] == list(range(first, len(bits) + 1))
    np.testing.assert_allclose(answer["prediction"]["logits"], expected["logits"][-1], **TOLERANCE)


def test_a_sequence_may_be_sent_in_every_form(client: TestClient) -> None:
    """A text, a list and the query give the same answer."""
    text = client.post("/lstm/gates", json={"sequence": "10110"}).content

    assert text == client.post("/lstm/gates", json={"sequence": [1, 0, 1, 1, 0]}).content
    assert text == client.get("/lstm/gates?sequence=10110").content


def test_an_image_may_be_sent_in_every_form(client: TestClient, digits: Samples) -> None:
    """Raw bytes, a form, base64, a data URL and pixels give the same tensors."""
    import base64  # noqa: PLC0415 - only here

    png = client.get("/samples/0.png").content
    coded = base64.b64encode(png).decode()
    answers = [
        client.post("/cnn/activations", content=png, headers=PNG),
        client.post("/cnn/activations", files={"file": ("a.png", png, "image/png")}),
        client.post("/cnn/activations", json={"image": coded}),
        client.post("/cnn/activations", json={"image": f"data:image/png;base64,{coded}"}),
        client.post("/cnn/activations", json={"pixels": digits.images[0].tolist()}),
    ]

    assert all(answer.status_code == 200 for answer in answers)
    assert len({str(answer.json()["tensors"]) for answer in answers}) == 1


def test_echoed_pixels_can_be_posted_again(client: TestClient, digit_png: bytes) -> None:
    """The echoed pixels, posted with preprocess=none, give the same input."""
    first = client.post("/cnn/predict", content=digit_png, headers=PNG).json()

    again = client.post(
        "/cnn/predict?preprocess=none", json={"pixels": first["input"]["pixels"]}
    ).json()

    assert again["input"]["pixels"] == first["input"]["pixels"]
    assert again["prediction"] == first["prediction"]


def test_a_final_state_is_an_initial_state(client: TestClient) -> None:
    """Going on from a final state ends where the whole sequence ends."""
    whole = tensors_of(client.post("/lstm/predict", json={"sequence": "1011001"}).json())
    first = tensors_of(client.post("/lstm/predict", json={"sequence": "1011"}).json())
    state = {"cell": first["final_cell"].tolist(), "hidden": first["final_hidden"].tolist()}

    rest = client.post("/lstm/predict", json={"sequence": "001", "initial_state": state}).json()

    assert rest["input"]["initial_state"] == "given"
    for name in ("final_cell", "final_hidden"):
        np.testing.assert_allclose(tensors_of(rest)[name], whole[name], atol=1e-5)


def test_steps_and_units_select(client: TestClient) -> None:
    """The rows that come back are those asked for, by their own numbers."""
    whole = tensors_of(client.get("/lstm/trace?sequence=1011001").json())
    answer = client.get("/lstm/trace?sequence=1011001&steps=0,2,7&units=1,0").json()

    by_name = {tensor["name"]: tensor for tensor in answer["tensors"]}
    assert by_name["cell"]["coordinates"] == {"step": [0, 2, 7], "unit": [1, 0]}
    assert by_name["input_gate"]["coordinates"] == {"step": [2, 7], "unit": [1, 0]}
    np.testing.assert_array_equal(by_name["cell"]["data"], whole["cell"][[0, 2, 7]][:, [1, 0]])
    np.testing.assert_array_equal(
        by_name["input_gate"]["data"], whole["input_gate"][[1, 6]][:, [1, 0]]
    )


def test_units_are_described_whatever_the_sequence(client: TestClient) -> None:
    """Roles and R² come from held-out sequences: every posted one gets the same."""
    one, other = (client.get(f"/lstm/summary?sequence={bits}").json() for bits in ("1", "0011010"))

    assert one["measures"] == other["measures"]
    np.testing.assert_array_equal(tensors_of(one)["r2"], tensors_of(other)["r2"])
    assert {m["name"] for m in one["measures"]} == {
        f"role.{unit}" for unit in range(tensors_of(one)["cell"].shape[1])
    }


def test_running_values_count_the_bits(client: TestClient) -> None:
    """The running count is ones minus zeros, and the last probability is the prediction's."""
    answer = client.get("/lstm/summary?sequence=1101").json()

    made = tensors_of(answer)
    assert made["running_count"].tolist() == [1, 2, 1, 2]
    assert made["running_probability"][-1] == pytest.approx(
        answer["prediction"]["probabilities"][1], abs=1e-6
    )


def test_gate_weights_are_the_parameters(client: TestClient, lstm: ResidentModel) -> None:
    """The four recurrent kernels put side by side are the packed parameter."""
    made = tensors_of(client.get("/lstm/weights").json())

    order = ("input_gate", "forget_gate", "candidate", "output_gate")
    packed = np.concatenate([made[f"cell.dense_h.kernel.{gate}"] for gate in order], axis=1)
    np.testing.assert_allclose(packed, lstm.weights["cell.dense_h.kernel"], rtol=1e-6)


def test_the_picture_shows_what_the_json_says(client: TestClient, lstm: ResidentModel) -> None:
    """The colour of every cell of every gate is its value's place in the colour map."""
    answer = client.get("/lstm/gates?sequence=10110").json()
    picture = np.array(Image.open(io.BytesIO(client.get("/lstm/gates.png?sequence=10110").content)))
    from api.routes.probes import PROBES  # noqa: PLC0415 - only here
    from probes.declaration import ProbeCall, ProbeInput  # noqa: PLC0415

    gates = next(probe for probe in PROBES if probe.name == "gates")
    app: Any = client.app
    row = {"sequence": np.array([1, 0, 1, 1, 0], np.uint8), "cell": np.zeros(1)}
    made = tensors_of(answer)
    outputs = {name: values.astype(np.float32) for name, values in made.items()}
    context = app.state.engine.served["lstm"].context
    call = ProbeCall(context, ProbeInput(row), gates.parameters())
    figure = gates.figure(call.with_outputs(outputs))
    probabilities = np.array(answer["prediction"]["probabilities"])
    shown = ProbeResult(
        {}, figure, (), lambda: answer_bars(probabilities, lstm.architecture.classes)
    )
    areas = {area.tensor: area for area in place(shown.picture)}
    for name in ("input_gate", "forget_gate", "output_gate"):
        area, values = areas[name], made[name].T
        height, width = area.height // values.shape[0], area.width // values.shape[1]
        index = np.round(values * 255).astype(int)
        for unit, step in np.ndindex(*values.shape):
            y = area.y + unit * height + height // 2
            x = area.x + step * width + width // 2
            assert picture[y, x, :3].tolist() == lookup_table("viridis")[index[unit, step]].tolist()


def test_warnings_say_what_is_doubtful(client: TestClient) -> None:
    """A blank image, two digits and a checkerboard warn, each by its code."""
    blank = np.zeros((28, 28), int)
    board = (np.indices((28, 28)).sum(axis=0) % 2) * 255

    def codes(pixels: np.ndarray) -> list[str]:
        answer = client.post("/cnn/predict", json={"pixels": pixels.tolist()}).json()
        return [one["code"] for one in answer["warnings"]]

    assert codes(blank) == ["blank"]
    assert "unfamiliar" in codes(board)


def test_a_digit_that_may_be_another_is_ambiguous(client: TestClient) -> None:
    """A picture without another warning is ambiguous where no digit has a probability of 0.7."""
    report = json.loads(shipped_files("cnn").report.read_text())
    images = mnist("test", TEST_SPLIT).images
    found = []
    for index in report["misclassified_test_images"]:
        pixels = images[index].tolist()
        answer = client.post("/cnn/predict?preprocess=none", json={"pixels": pixels}).json()
        highest = max(answer["prediction"]["probabilities"])
        codes = [one["code"] for one in answer["warnings"]]
        others = set(codes) - {"ambiguous"}
        assert ("ambiguous" in codes) == (highest < 0.7 and not others), codes
        found += codes
    assert "ambiguous" in found
