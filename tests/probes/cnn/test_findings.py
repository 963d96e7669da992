"""Probe `findings` of the CNN: its measures against other programs, and networks it refuses."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from models.cnn.layout import CONVOLVED_IMAGES, layout_of
from models.cnn.random_convolutions import permuted
from models.cnn.randomisation import cascade
from models.data.samples import Samples
from models.registry import ResidentModel
from models.runtime.programs import Call, Outputs
from models.runtime.resident import drive
from probes.cnn.findings import (
    DRAWS,
    PROBES,
    CNNFindings,
    displaced_images,
    displacements,
    findings,
    run,
)
from probes.cnn.representations import same_digit_auc
from probes.declaration import ModelContext, ProbeCall, ProbeInput
from probes.figures.figures import measures
from tests.networks import SIMPLE_CNN
from tests.oracles.numpy64 import cnn_trace
from tests.probes.handmade import answered

LAYOUT = layout_of(SIMPLE_CNN)
NAMES = ["edges_to_patterns", "filters_specialise", "space_is_kept"]


def called(weights: dict[str, np.ndarray], *names: Any) -> ProbeCall[CNNFindings]:
    """Return the call of the probe for some weights."""
    parameters = CNNFindings(finding=list(names or NAMES))
    return ProbeCall(ModelContext(SIMPLE_CNN, weights), ProbeInput(), parameters)


@pytest.fixture(scope="module")
def measured(cnn: ResidentModel) -> Callable[..., Outputs]:
    """Measure any weights with the resident program."""
    return lambda weights, *names: drive([run(called(weights, *names))], cnn.programs)[0]


def verdicts(weights: dict[str, np.ndarray], outputs: Outputs) -> dict[str, Any]:
    """Return the measures of all statements by name."""
    figure = findings(called(weights).with_outputs(outputs))
    return {one.name: one.value for one in measures(figure)}


def test_maps_are_those_of_the_float64_network(cnn: ResidentModel, digits: Samples) -> None:
    """With the convolutions of the row, not with the resident ones."""
    convolutions = permuted(cnn.weights, LAYOUT.convolutions, 7)
    row = {"images": digits.images[:CONVOLVED_IMAGES], **convolutions}
    (found,) = cnn.programs["convolve"]([Call("convolve", row, frozenset({"relu3"}))])
    expected = cnn_trace(digits.images[3], {**cnn.weights, **convolutions})["relu3"]

    assert found["relu3"][3] == pytest.approx(np.moveaxis(expected, -1, 0), abs=1e-4)


def test_similarity_and_accuracy_are_those_of_the_resident_network(
    cnn: ResidentModel, digits: Samples, measured: Callable[..., Outputs]
) -> None:
    """Of its own trace of the sample images; permuted networks read images worse."""
    found = measured(cnn.weights, "filters_specialise")
    wanted = frozenset({"pool1", "relu3", "logits"})
    program = cnn.programs["trace"]
    traced = [program([Call("trace", {"image": image}, wanted)])[0] for image in digits.images]
    answers = np.array([one["logits"].argmax() for one in traced])

    assert found["right"][0] == (answers == digits.labels).mean()
    assert found["right"][1 : 1 + DRAWS].max() < 0.5
    for column, layer in ((0, "pool1"), (-1, "relu3")):
        values = np.stack([one[layer].ravel() for one in traced])
        expected = same_digit_auc(values, digits.labels)
        assert found["similar"][0, column] == pytest.approx(expected, abs=1e-4)


def test_the_shipped_network_is_supported_except_for_space(
    cnn: ResidentModel, measured: Callable[..., Outputs]
) -> None:
    """Its answers follow selective channels; positions are kept by every convolution."""
    found = verdicts(cnn.weights, measured(cnn.weights))

    assert [found[f"{name}.supported"] for name in NAMES] == [True, True, False]
    assert found["space_is_kept.architectural"]
    assert not found["edges_to_patterns.why"]
    assert "architecture" in found["space_is_kept.why"]


def test_space_is_not_learned_if_any_random_convolutions_keep_it(
    cnn: ResidentModel, measured: Callable[..., Outputs]
) -> None:
    """All redrawn networks must explain less than the threshold, not only one of them."""
    outputs = measured(cnn.weights, "space_is_kept")
    call = called(cnn.weights, "space_is_kept")
    for read, supported in ((0.4, True), (0.6, False)):
        explained = np.full_like(outputs["explained"], 0.1)
        explained[:2, 0] = 0.9, read
        figure = findings(call.with_outputs({**outputs, "explained": explained}))
        found = {one.name: one.value for one in measures(figure)}
        assert found["space_is_kept.reference_low"] == pytest.approx(0.1)
        assert found["space_is_kept.supported"] == supported
        assert not found["space_is_kept.architectural"]


def test_networks_that_learned_nothing_are_refused(
    cnn: ResidentModel, measured: Callable[..., Outputs]
) -> None:
    """Random weights; trained convolutions with random dense layers; and no weights at all."""
    reset = cascade(cnn.weights, LAYOUT.cascade)
    silent = {name: value * 0 for name, value in cnn.weights.items()}
    for weights in (reset["reset-conv1"], reset["reset-dense1"], silent):
        found = verdicts(weights, measured(weights))

        assert not any(found[f"{name}.supported"] for name in NAMES)
        assert all(found[f"{name}.why"] for name in NAMES)


def test_random_convolutions_below_trained_dense_layers_are_refused(
    cnn: ResidentModel, measured: Callable[..., Outputs]
) -> None:
    """Random convolutions are neither tuned nor selective, with any dense layers after them."""
    weights = {**cnn.weights, **permuted(cnn.weights, LAYOUT.convolutions, 99)}
    found = verdicts(weights, measured(weights))

    assert not any(found[f"{name}.supported"] for name in NAMES)
    assert "orientation" in found["edges_to_patterns.why"]
    assert "selective" in found["filters_specialise.why"]


def test_reasons_name_the_condition_that_fails(
    cnn: ResidentModel, measured: Callable[..., Outputs]
) -> None:
    """Trained convolutions are tuned and tell digits; random dense layers do not use them."""
    weights = cascade(cnn.weights, LAYOUT.cascade)["reset-dense1"]
    found = verdicts(weights, measured(weights))

    assert found["edges_to_patterns.why"].startswith("The answers hardly depend")
    assert "exchanging them" in found["filters_specialise.why"]
    assert "more selective than" not in found["filters_specialise.why"]


def test_images_are_displaced_without_being_cut(digits: Samples) -> None:
    """By up to 4 pixels each way, the first by 4 to the right."""
    assert displacements()[0].tolist() == [0, 4]
    assert np.abs(displacements()).max() == 4
    assert np.array_equal(displaced_images()[0], np.roll(digits.images[0], 4, axis=1))


@pytest.mark.parametrize("names", [[name] for name in NAMES] + [NAMES, NAMES[:2]])
def test_rows_are_the_images_that_run(cnn: ResidentModel, names: list[str]) -> None:
    """Counted in calls of the program: each image of a full slice, for every network."""
    seen = 0
    zeros = {
        name: np.zeros((CONVOLVED_IMAGES, channels, size, size), np.float32)
        for name, channels, size in (
            ("conv1", 32, 28),
            ("pool1", 32, 14),
            ("conv2", 64, 14),
            ("pool2", 64, 7),
            ("relu3", 64, 7),
        )
    }

    def answer(call: Call) -> Outputs:
        nonlocal seen
        seen += CONVOLVED_IMAGES
        assert set(call.row) == {"images", *LAYOUT.convolution_parameters}
        return {name: zeros[name] for name in call.outputs}

    call = called(cnn.weights, *names)
    answered(run(call), answer)
    (probe,) = PROBES
    # The map that is drawn takes a slice for a single image.
    padding = CONVOLVED_IMAGES - 1 if "space_is_kept" in names else 0

    assert probe.rows(call) == seen - padding


def test_findings_arise_in_training(client: TestClient) -> None:
    """Of the network before training nothing is supported, of later checkpoints it is."""
    asked = "/cnn/findings?finding=edges_to_patterns&checkpoint=round-"
    first, last = (client.get(f"{asked}{number}").json() for number in (0, 12))
    values = [{one["name"]: one["value"] for one in answer["measures"]} for answer in (first, last)]

    assert first["weights"] != last["weights"]
    assert [one["edges_to_patterns.supported"] for one in values] == [False, True]
