"""Probe `unit`: its statistics and images against the activations of the network."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from models.data.datasets import Digits, mnist
from models.declaration.declaration import FILE, parse_declaration
from models.derivation import derive
from models.model_files import SHIPPED
from models.registry import ResidentModel
from models.runtime.programs import Call
from models.runtime.resident import drive
from probes.cnn.unit import UnitParameters, check_unit, run_unit, unit
from probes.cnn.unit_record import UnitRecord, selectivity
from probes.declaration import ModelContext, ParameterError, ProbeCall, ProbeInput
from probes.figures.figures import measures, tensors
from tests.networks import SIMPLE_CNN, network

COPY = Path(__file__).parents[2] / "tensorflow_datasets"
LAYERS_ASKED = ["conv1", "relu1", "pool1", "conv2", "pool2", "conv3", "relu3", "relu4", "logits"]


@pytest.fixture(scope="module")
def test_set() -> Digits:
    """All test images."""
    return mnist("test", COPY)


def trace(cnn: ResidentModel, images: np.ndarray, layer: str) -> np.ndarray:
    """Return one layer's values of some images, channel last, by the program that is served."""
    program = cnn.programs["trace"]
    calls = [Call("trace", {"image": image}, frozenset({layer})) for image in images]
    parts = [
        program(calls[start : start + program.max_rows])
        for start in range(0, len(calls), program.max_rows)
    ]
    return np.moveaxis(np.stack([one[layer] for part in parts for one in part]), 1, -1)


def ask(client: TestClient, **query: Any) -> dict[str, Any]:
    """Return tensors by name, with their coordinates, and measures by name."""
    answer = client.get("/cnn/unit", params={"steps": 0, **query})
    assert answer.status_code == 200, answer.text
    given = answer.json()
    tensors = {one["name"]: np.array(one["data"]) for one in given["tensors"]}
    places = {f"{one['name']}@": one["coordinates"] for one in given["tensors"]}
    return tensors | places | {one["name"]: one["value"] for one in given["measures"]}


@pytest.mark.parametrize("layer", LAYERS_ASKED)
def test_strongest_images_have_the_values_and_places_stated(
    layer: str, client: TestClient, cnn: ResidentModel, test_set: Digits
) -> None:
    """The served network gives these images these maxima, at these places."""
    channel = SIMPLE_CNN.layers[layer].shape[-1] - 1
    told = ask(client, layer=layer, channel=channel)
    indices = told["strongest.value@"]["image"]
    values = trace(cnn, test_set.images[indices], layer)[..., channel]

    np.testing.assert_array_equal(told["strongest"], test_set.images[indices])
    names = [f"{test_set.labels[index]} · {index}" for index in indices]
    assert told["strongest@"]["image"] == names
    maxima = values.reshape(len(values), -1).max(axis=1)
    np.testing.assert_allclose(told["strongest.value"], maxima, atol=1e-4)
    assert (np.diff(told["strongest.value"]) <= 0).all()
    if SIMPLE_CNN.layers[layer].has_maps:
        y, x, _, _ = told["strongest.place"]
        np.testing.assert_allclose(values[np.arange(9), y, x], maxima, atol=1e-4)


def test_no_other_image_is_stronger(
    client: TestClient, cnn: ResidentModel, test_set: Digits
) -> None:
    """Of 400 test images none has a larger maximum than the ninth, unless it is among the nine."""
    values = trace(cnn, test_set.images[3_000:3_400], "conv3")
    maxima = values.reshape(400, -1, 64).max(axis=1)
    for channel in range(0, 64, 9):
        told = ask(client, layer="conv3", channel=channel)
        named = np.isin(np.arange(3_000, 3_400), told["strongest.value@"]["image"])
        assert maxima[~named, channel].max() <= told["strongest.value"][-1] + 1e-4


@pytest.mark.parametrize("layer", ["conv1", "pool1", "relu2", "pool2", "conv3"])
def test_a_crop_is_all_that_the_value_sees(
    layer: str, client: TestClient, cnn: ResidentModel
) -> None:
    """With the crop pasted where it belongs, on a picture of noise, the value is the same."""
    channel = 11
    told = ask(client, layer=layer, channel=channel)
    size = told["crops"].shape[-1]
    noise = np.random.default_rng(0).integers(0, 256, (9, 28, 28)).astype(np.uint8)
    framed = np.pad(noise, ((0, 0), (size, size), (size, size)))
    y, x, top, left = told["strongest.place"]
    for image, crop, up, over in zip(framed, told["crops"], top + size, left + size, strict=True):
        image[up : up + size, over : over + size] = crop
    pasted = framed[:, size:-size, size:-size]
    # Beyond the border a crop is black.
    outside = framed.copy()
    outside[:, size:-size, size:-size] = 0
    values = trace(cnn, pasted, layer)[np.arange(9), y, x, channel]

    np.testing.assert_allclose(values, told["strongest.value"], atol=1e-4)
    for image, up, over in zip(outside, top + size, left + size, strict=True):
        assert not image[up : up + size, over : over + size].any()


def test_histograms_count_all_test_images(client: TestClient) -> None:
    """Histogram counts and silent shares add up to all 10,000 images and all their values."""
    for layer, places in (("relu2", 196), ("pool1", 196), ("relu4", 1)):
        told = ask(client, layer=layer, channel=20)
        silent = round(told["silent_values"] * 10_000 * places)
        assert told["histogram"].sum() == pytest.approx(10_000 * places - silent, abs=places)
        if places > 1:
            assert told["maxima"].sum() == 10_000 - round(told["silent_images"] * 10_000)
            assert told["maxima_high"] == pytest.approx(told["strongest.value"][0], rel=1e-6)
    assert ask(client, layer="conv3", channel=2)["histogram"].sum() == 490_000


def test_selectivity_is_that_of_the_paper(client: TestClient) -> None:
    """Selectivity is 1 for one active class, 0 for equal classes, and that of the class means."""
    assert selectivity(np.array([0.0, 3, 0, 0])) == 1
    assert selectivity(np.array([2.0, 2, 2])) == 0
    assert selectivity(np.array([3.0, 1, 2])) == pytest.approx((3 - 1.5) / (3 + 1.5))
    assert selectivity(np.zeros(3)) is None
    assert selectivity(np.array([-1.0, 2])) is None
    told = ask(client, layer="relu3", channel=30)
    means = np.sort(told["class_means"])
    expected = (means[-1] - means[:-1].mean()) / (means[-1] + means[:-1].mean())
    assert told["selectivity"] == pytest.approx(expected, rel=1e-5)
    assert int(told["favourite"]) == told["class_means"].argmax()
    assert ask(client, layer="conv3", channel=30)["selectivity"] is None


def test_the_optimum_is_stated_beside_the_test_set(client: TestClient) -> None:
    """Maximised logits exceed those of all test images; the course ends near the final value."""
    told = ask(client, layer="logits", channel=3, steps=40, images=2, jitter=0)

    assert told["test_reference"] == pytest.approx(told["strongest.value"][0])
    assert told["reached"] > told["test_reference"]
    assert told["reached"] == pytest.approx(told["optimum.value"].max())
    assert told["course"].shape == (2, 40)
    assert told["optimum"].shape == (2, 28, 28)
    assert "optimum" not in ask(client, layer="logits", channel=3)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("layer=conv1&channel=32", "channel 32 of conv1 is not one of its 32 (0 to 31)"),
        ("layer=relu4&channel=1&y=0&x=0", "relu4 has no maps, so a unit of it has no y"),
        ("layer=pool2&channel=1&x=3", "y and x go together: give both, or neither"),
        ("layer=pool2&channel=1&y=7&x=3", "y 7 of pool2 is not one of its 7 (0 to 6)"),
    ],
)
def test_a_unit_that_is_not_there_is_refused(query: str, said: str, client: TestClient) -> None:
    """With the limit named."""
    refused = client.get(f"/cnn/unit?{query}")

    assert (refused.status_code, refused.json()["detail"]) == (422, f"{said}.")


def test_weights_without_a_record_have_the_optimum_alone(cnn: ResidentModel) -> None:
    """Activation maximisation needs no test set; without steps nothing would be shown."""
    context = ModelContext(SIMPLE_CNN, cnn.weights)
    call = ProbeCall(context, ProbeInput(), UnitParameters(layer="relu2", channel=7, steps=12))
    check_unit(call)
    (outputs,) = drive([run_unit(call)], cnn.programs)
    shown = unit(call.with_outputs(outputs))

    names = [one.name for one in tensors(shown)]
    assert names == ["optimum", "course", "optimum.value"]
    assert (outputs["values"] > outputs["course"][:, 0]).all()
    assert {one.name: one.value for one in measures(shown)}["test_reference"] is None
    nothing = ProbeCall(context, ProbeInput(), UnitParameters(layer="relu2", channel=7, steps=0))
    with pytest.raises(ParameterError, match="0 steps would show nothing"):
        check_unit(nothing)


def test_a_pool_has_the_maxima_of_its_relu(cnn: ResidentModel) -> None:
    """At half the row and column, and with nothing below zero."""
    tensors = cnn.artifacts["units"].tensors
    relu, pool = (UnitRecord(SIMPLE_CNN, tensors, layer, 4) for layer in ("relu1", "pool1"))

    np.testing.assert_array_equal(relu.strongest_values, pool.strongest_values)
    np.testing.assert_array_equal(relu.places // 2, pool.places)
    assert relu.strongest_values.min() >= 0


@pytest.mark.parametrize(
    ("layers", "layer", "has_strongest"),
    [
        (["conv 4", "relu", "pool", "relu"], "relu2", True),
        (["conv 4", "pool 3x3 stride 2 same"], "pool1", True),
        (["conv 4", "relu", "globalpool max"], "globalpool1", True),
        (["conv 4", "tanh"], "conv1", True),
        (["conv 4", "tanh"], "tanh1", False),
        (["conv 4", "leaky_relu 0.1"], "leaky_relu1", False),
        (["conv 4", "relu", "pool avg"], "pool1", False),
        (["conv 4", "relu", "globalpool"], "globalpool1", False),
        (["conv 4", "norm", "relu"], "relu1", True),
        (["conv 4 2x2 valid", "relu", "pool"], "relu1", True),
        (["conv 4 2x2 valid", "relu", "pool"], "pool1", False),
        (["conv 4 2x2 valid", "relu", "pool ceil"], "pool1", True),
        (["conv 4", "relu", "pool 2x2 stride 3"], "pool1", False),
        (["conv 4", "flatten", "relu"], "relu1", False),
    ],
)
def test_only_layers_that_keep_the_order_have_strongest_images(
    layers: list[str], layer: str, has_strongest: bool
) -> None:
    """ReLUs and maxima keep it, if each value of the map is in a window, on odd sides too."""
    end = [] if layers[-1].startswith("globalpool") or "flatten" in layers else ["flatten"]
    lines = ", ".join(f'"{line}"' for line in (*layers, *end, "dense 2"))
    head = 'classes = ["a", "b"]\ninput = { image = [28, 28, 1], prepare = "mnist" }'
    architecture = network(f"{head}\nlayers = [{lines}]\n")

    assert UnitRecord(architecture, {}, layer, 0).has_strongest is has_strongest


def test_a_layer_with_another_order_has_statistics_alone(cnn: ResidentModel) -> None:
    """No test images, values and places: those before a tanh are not those after it."""
    text = (SHIPPED / "cnn" / FILE).read_text().replace("relu", "tanh")
    architecture, units = derive(parse_declaration(text)), cnn.artifacts["units"]
    renamed = {name.replace("relu", "tanh"): value for name, value in units.tensors.items()}
    artifacts = {"units": replace(units, tensors=renamed)}
    context = ModelContext(architecture, cnn.weights, artifacts=artifacts)
    call = ProbeCall(context, ProbeInput(), UnitParameters(layer="tanh2", channel=7, steps=0))
    check_unit(call)

    names = {one.name for one in tensors(unit(call.with_outputs({})))}

    assert names == {"histogram", "maxima", "class_means"}
