"""lightwell_client answers: tensors, measures, and HTML for notebooks."""

import base64

import httpx2
import numpy as np
import pytest

from lightwell_client import Lightwell, Sample, Tensor

BITS = "1011010010"


def test_tensors_equal_the_json(lightwell: Lightwell, http: httpx2.Client, digit: Sample) -> None:
    """Every name, axis, coordinate, value and colour equals the one of the JSON answer."""
    query = {"layers": "conv1,relu4", "channels": "3,7"}
    said = http.post("/cnn/activations", params=query, json={"pixels": digit.pixels.tolist()})

    answer = lightwell.activations(digit, layers=["conv1", "relu4"], channels=[3, 7])

    assert answer.weights == said.json()["weights"]
    assert answer.input == said.json()["input"]
    assert answer.prediction is not None
    assert answer.prediction.name == "7" == said.json()["prediction"]["name"]
    assert list(answer.tensors) == ["image", "conv1", "relu4"]
    for entry in said.json()["tensors"]:
        tensor = answer[entry["name"]]
        assert (tensor.kind, list(tensor.axes)) == (entry["kind"], entry["axes"])
        assert {axis: list(held) for axis, held in tensor.coordinates.items()} == entry[
            "coordinates"
        ]
        assert tensor.values.dtype == entry["dtype"]
        np.testing.assert_allclose(tensor.values, entry["data"], rtol=1e-6)
        assert tensor.colour == entry["colour"]


def test_measures_and_warnings_equal_the_json(lightwell: Lightwell, http: httpx2.Client) -> None:
    """A blank image has a warning; the measures of a summary equal those of the JSON."""
    blank = lightwell.predict(np.zeros((28, 28), np.uint8))
    said = http.post("/lstm/summary", json={"sequence": BITS}).json()["measures"]

    measures = lightwell.summary(BITS).measures

    assert "blank" in " ".join(one.code for one in blank.warnings)
    assert said
    assert [(name, *one) for name, one in measures.items()] == [
        (one["name"], one["value"], one["unit"]) for one in said
    ]


def test_calibrated_probabilities_equal_the_json(
    lightwell: Lightwell, http: httpx2.Client, digit: Sample
) -> None:
    """`calibrated` and `reliability` are those of the JSON; the notebook shows both."""
    said = http.post("/cnn/predict", json={"pixels": digit.pixels.tolist()}).json()["prediction"]

    answer = lightwell.predict(digit)

    assert answer.prediction is not None
    assert answer.prediction.calibrated is not None
    np.testing.assert_allclose(answer.prediction.calibrated, said["calibrated"], rtol=1e-6)
    assert answer.prediction.reliability == said["reliability"]
    shown = answer._repr_html_()
    assert f"calibrated {max(said['calibrated']):.2%}" in shown
    assert said["reliability"]["sentence"] in shown


def test_predictions_without_a_calibration_have_none(lightwell: Lightwell, digit: Sample) -> None:
    """A sequence and a training checkpoint have neither field; a blank image no reliability."""
    plain = (lightwell.predict("1101"), lightwell.predict(digit, checkpoint="round-1"))
    for answer in plain:
        assert answer.prediction is not None
        assert (answer.prediction.calibrated, answer.prediction.reliability) == (None, None)
        assert "calibrated" not in answer._repr_html_()
    blank = lightwell.predict(np.zeros((28, 28), np.uint8)).prediction
    assert blank is not None
    assert blank.calibrated is not None
    assert blank.reliability is None


def test_take_selects_by_coordinate() -> None:
    """`take` selects by coordinate, not by position; a missing coordinate is a KeyError."""
    values = np.arange(12).reshape(2, 2, 3)
    tensor = Tensor("relu1", "post_activation", ("channel", "y", "x"), {"channel": (3, 7)}, values)

    one = tensor.take(channel=7, x=2)
    several = tensor.take(channel=[7, 3], y=0)

    assert one.axes == ("y",)
    np.testing.assert_array_equal(one, [8, 11])
    assert several.axes == ("channel", "x")
    assert several.coordinates == {"channel": (7, 3)}
    np.testing.assert_array_equal(several, [[6, 7, 8], [0, 1, 2]])
    np.testing.assert_array_equal(several.take(channel=3), [0, 1, 2])
    assert tensor.take(channel=3, y=1, x=0).values == 3
    for wrong in ({"channel": 0}, {"y": 2}, {"y": -1}, {"unit": 0}):
        with pytest.raises(KeyError):
            tensor.take(**wrong)


def test_a_notebook_shows_the_picture(
    lightwell: Lightwell, http: httpx2.Client, digit: Sample
) -> None:
    """The HTML of an answer has its prediction, the PNG of the server, and its tensors."""
    query = {"layers": "relu1", "format": "png"}
    picture = http.post(
        "/cnn/activations", params=query, json={"pixels": digit.pixels.tolist()}
    ).content

    shown = lightwell.activations(digit, layers="relu1")._repr_html_()

    assert f'src="data:image/png;base64,{base64.b64encode(picture).decode()}"' in shown
    assert "cnn: 7" in shown
    assert "<td>relu1</td><td>post_activation</td><td>channel, y, x</td>" in shown


def test_a_notebook_outlives_its_server(url: str, digit: Sample) -> None:
    """When the server has stopped, the HTML has the tensors and a note instead of the picture."""
    with Lightwell(url) as lightwell:
        answer = lightwell.predict(digit)

    shown = answer._repr_html_()

    assert "<img" not in shown
    assert "No picture" in shown
    assert "<td>probabilities</td>" in shown


def test_html_is_escaped() -> None:
    """Names are escaped; values that are not finite have no range."""
    values = np.array([np.nan, np.inf])

    shown = Tensor("<b>", "kind", ("unit",), {}, values)._repr_html_()

    assert "&lt;b&gt;" in shown
    assert "<b>" not in shown


def test_an_answer_has_the_included_parts(lightwell: Lightwell) -> None:
    """Other parts are absent; values of `encoding=uint8` are within half a level."""
    sample = lightwell.samples(count=1)[0]
    whole = lightwell.activations(sample, layers="conv1", range="channel")
    near = lightwell.ask(
        "cnn", "activations", sample, layers="conv1", range="channel", encoding="uint8"
    )
    bare = lightwell.ask("cnn", "activations", sample, include="prediction")

    colour = whole["conv1"].colour
    assert colour is not None
    level = (np.array(colour["vmax"]) - np.array(colour["vmin"])) / 255
    assert (abs(near["conv1"].values - whole["conv1"].values) <= level[:, None, None]).all()
    assert (bare.input, dict(bare.tensors), bare.warnings) == (None, {}, ())
    assert bare.prediction is not None
