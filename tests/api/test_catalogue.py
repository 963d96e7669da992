"""Descriptions of the resident models, and the MNIST samples."""

from threading import Event

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.inference.large_work import large_work
from api.routes import samples
from models.data.samples import Samples
from probes.output.render import render
from tests.networks import SIMPLE_CNN


def test_models_say_what_is_resident(client: TestClient) -> None:
    """Parameters add up, and every probe is listed with its path."""
    models = {one["name"]: one for one in client.get("/models").json()["models"]}

    assert models["cnn"] == client.get("/models/cnn").json()
    assert models["cnn"]["parameters"] == 458_570
    for model in models.values():
        assert sum(layer["parameters"] for layer in model["layers"]) == model["parameters"]
        assert model["training"]["metrics"]
        for probe in model["probes"]:
            assert probe["path"] in client.get("/openapi.json").json()["paths"]


def test_a_page_can_place_receptive_fields(client: TestClient) -> None:
    """Stride and offset give the input rows of an output row; dense layers have no field."""
    layers = {one["name"]: one for one in client.get("/models/cnn").json()["layers"]}

    for name, layer in SIMPLE_CNN.layers.items():
        told = layers[name]["receptive_field"]
        assert (told is None) == (layer.receptive_field is None)
        for row in range(layer.shape[0] if layer.receptive_field else 0):
            first = told["stride"] * row - told["offset"]
            span = max(first, 0), min(first + told["size"] - 1, 27)
            assert span == layer.receptive_field[0].span(row)


def test_samples_are_mnists(client: TestClient, digits: Samples) -> None:
    """Samples have labels, in turn from 0 to 9, and each is also a PNG with these pixels."""
    listed = client.get("/samples?count=10").json()["samples"]

    assert [one["label"] for one in listed] == list(range(10))
    chosen = client.get("/samples?label=7&count=3").json()["samples"]
    assert [one["label"] for one in chosen] == [7, 7, 7]
    png = client.get(f"/samples/{chosen[0]['index']}.png").content
    echoed = client.post("/cnn/predict", content=png, headers={"Content-Type": "image/png"})
    assert echoed.json()["input"]["pixels"] == chosen[0]["pixels"]
    assert client.get("/samples.png").headers["content-type"] == "image/png"


def test_pictures_of_samples_have_the_limits_of_any_request(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more than the requests in flight is a 503; one large picture is painted at a time."""
    guards: list[object] = []

    def draw(*arguments: object) -> bytes:
        guards.append(arguments[-1])
        return render(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(samples, "render", draw)
    assert client.get("/samples.png?count=3&width=640").status_code == 200
    assert guards == [large_work]

    monkeypatch.setattr(app.state.engine.admission.request(), "count", 10**6)
    for path in ("/samples.png", "/samples.svg", "/samples/0.png", "/samples"):
        refused = client.get(path)
        assert (refused.status_code, refused.json()["type"]) == (
            503,
            "urn:lightwell:problem:busy",
        )


def test_a_sheet_of_samples_has_the_deadline_of_any_request(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drawing that does not end is a 504."""
    is_over = Event()

    def draw(*_: object) -> bytes:
        is_over.wait(60)
        return b""

    monkeypatch.setattr(samples, "render", draw)
    settings = app.state.settings
    app.state.settings = settings.model_copy(update={"deadline_s": 0.1})
    try:
        late = client.get("/samples.png")
    finally:
        app.state.settings = settings
        is_over.set()

    assert (late.status_code, late.json()["type"]) == (504, "urn:lightwell:problem:deadline")
