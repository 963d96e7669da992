"""Probe `layers`: identities that CKA and linear probe accuracies of the record satisfy."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from models.cnn.records import check_record
from models.data.samples import Samples
from models.registry import ResidentModel
from models.runtime.checkpoints import CheckpointError
from probes.cnn import embedded, embedding, layers
from probes.cnn.layers import compared_layers
from probes.declaration import Coloured, ModelContext, ProbeCall, ProbeInput
from probes.output.render import render
from probes.output.style import Style
from tests.models.cnn.test_cka import direct
from tests.networks import SIMPLE_CNN
from tests.oracles.numpy64 import cnn_trace

COMPARED_LAYERS = compared_layers(SIMPLE_CNN)


@pytest.fixture(scope="module")
def told(client: TestClient) -> dict[str, Any]:
    """The answer: tensors as arrays and measures, by name."""
    given = client.get("/cnn/layers").json()
    tensors = {one["name"]: np.array(one["data"]) for one in given["tensors"]}
    return tensors | {one["name"]: one["value"] for one in given["measures"]}


def test_a_layer_is_like_itself(told: dict[str, Any]) -> None:
    """CKA is symmetric, 1 with itself and at most 1; the pixels never change in training."""
    cka = told["cka"]

    assert cka.shape == (len(COMPARED_LAYERS), len(COMPARED_LAYERS)) == (12, 12)
    np.testing.assert_allclose(np.diagonal(cka), 1, atol=1e-6)
    np.testing.assert_allclose(cka, cka.T, atol=1e-6)
    assert cka.max() <= 1 + 1e-6
    np.testing.assert_allclose(told["cka.training"][:, 0], 1, atol=1e-6)


def test_training_ends_at_the_end(told: dict[str, Any], cnn: ResidentModel) -> None:
    """The last milestone is more like the trained network than the first, but for conv1."""
    during = told["cka.training"]

    assert len(during) == len(cnn.training_checkpoints)
    # Filters of conv1 hardly change, so that their similarity is near 1 all along.
    assert (during[-1] >= during[0] - 0.01).all()
    assert during[0, -1] < 0.6 < during[-1, -1]


def test_cka_is_near_that_of_other_images(
    told: dict[str, Any], cnn: ResidentModel, digits: Samples
) -> None:
    """The formula, in float64, of 100 sample images as the float64 network sees them."""
    traces = [cnn_trace(image, cnn.weights) for image in digits.images[:100]]
    for one, other in (("relu1", "pool1"), ("pool2", "relu3"), ("conv1", "relu4")):
        values = [np.stack([trace[name].ravel() for trace in traces]) for name in (one, other)]
        at = COMPARED_LAYERS.index(one), COMPARED_LAYERS.index(other)
        assert told["cka"][at] == pytest.approx(direct(*values), abs=0.08)


def test_what_can_be_read_off_grows_with_depth(told: dict[str, Any]) -> None:
    """Pixels have the known accuracy of linear classifiers on MNIST; later layers are higher."""
    accuracy = told["accuracy"]

    assert 0.85 < accuracy[0] < 0.93
    assert accuracy[-1] > 0.99
    for stage in ("pool1", "pool2", "relu3"):
        assert accuracy[COMPARED_LAYERS.index(stage)] > accuracy[0]
    assert told["majority"] == 0.1135


def test_random_labels_cannot_be_read_off_other_images(told: dict[str, Any]) -> None:
    """Held out, they are guessed; learned by heart, the better the more values a layer has."""
    assert np.abs(told["control"] - 0.1).max() < 0.02
    assert (told["control.fitted"] > told["control"]).all()
    fitted = dict(zip(COMPARED_LAYERS, told["control.fitted"], strict=True))
    assert fitted["relu3"] > fitted["relu4"] > fitted["logits"]
    assert told["gradient_left"] < 1e-3


def test_weights_without_a_record_have_no_such_probe(cnn: ResidentModel) -> None:
    """Own weights may have none: the need says why, and how a record is made."""
    for probe in (*layers.PROBES, *embedding.PROBES, *embedded.PROBES):
        assert probe.unmet(cnn) is None
        need = probe.unmet(replace(cnn, artifacts={}))
        assert need is not None
        assert "no record of layers" in need.reason
        assert need.reason.endswith("scripts.artifacts makes for the architecture of cnn only.")


def test_a_constant_layer_is_like_no_other(cnn: ResidentModel) -> None:
    """Its similarity is not a number: its record is loaded, and is drawn; infinity is refused."""
    record = cnn.artifacts["layers"]
    place = COMPARED_LAYERS.index("relu3")
    tensors = {name: value.copy() for name, value in record.tensors.items()}
    tensors["cka"][place] = tensors["cka"][:, place] = tensors["cka.training"][:, place] = np.nan
    constant = replace(record, tensors=tensors)

    check_record("layers", constant, SIMPLE_CNN)

    context = ModelContext(SIMPLE_CNN, cnn.weights, artifacts={"layers": constant})
    figure = layers.layers(ProbeCall(context, ProbeInput(), Coloured()).with_outputs({}))
    assert render(figure, Style()).startswith(b"\x89PNG")
    tensors["cka"][place] = np.inf
    with pytest.raises(CheckpointError, match="tensor cka holds values that are not finite"):
        check_record("layers", constant, SIMPLE_CNN)


def test_every_layer_is_compared(cnn: ResidentModel) -> None:
    """The record holds every layer, in the order of the probe."""
    assert (
        tuple(cnn.artifacts["layers"].metadata["layers"])
        == COMPARED_LAYERS
        == ("image", *SIMPLE_CNN.layers)
    )
