"""Findings: the numbers against float64 networks, and their failure on random weights."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from models.data import samples
from models.registry import ResidentModel
from models.rnn.unit_statistics import held_out_sequences
from models.runtime import checkpoints
from probes.cnn.findings import selectivities
from probes.rnn.findings import HARD_SEQUENCES, HARD_STEPS, WIPED_STEP, hard_sequences
from probes.shared.statements import STATEMENTS, Measurement
from tests.oracles.numpy64 import lstm_trace, sigmoid
from tests.oracles.parameters import CNN_SHAPES, draw, lstm_shapes


def stated(client: TestClient) -> dict[str, dict[str, Any]]:
    """Ask for all findings."""
    answer = client.get("/findings")
    assert answer.status_code == 200, answer.text
    return {one["key"]: one for one in answer.json()["findings"]}


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server of weights that have learned nothing."""
    folder: Path = tmp_path_factory.mktemp("untrained")
    checkpoints.save(folder / "cnn.safetensors", draw(CNN_SHAPES, 21), {})
    checkpoints.save(folder / "lstm.safetensors", draw(lstm_shapes(8), 21), {})
    app = create_app(Settings(weights=folder))
    with TestClient(app) as client:
        assert client.portal is not None
        client.portal.call(app.state.engine.analyses_warmed)
        yield client


def test_findings_are_measured_on_the_resident_networks(client: TestClient) -> None:
    """Each of six has the request that measures it again, its picture, and a reason if refused."""
    found = stated(client)

    assert list(found) == list(STATEMENTS)
    for key, one in found.items():
        assert one["supported"] == (one["value"] >= max(one["least"], one["reference_high"])), one
        assert one["supported"] or one["why"]
        assert one["reference_low"] <= one["reference"] <= one["reference_high"]
        again = client.get(one["request"]).json()
        measures = {each["name"]: each["value"] for each in again["measures"]}
        assert measures[f"{key}.value"] == one["value"]
        assert again["weights"] == one["weights"]
        assert client.get(one["picture"]).content.startswith(b"\x89PNG")


def test_networks_that_learned_nothing_do_not(client: TestClient, untrained: TestClient) -> None:
    """With random weights no statement is supported; the architecture alone keeps space."""
    trained, found = stated(client), stated(untrained)

    for key, one in found.items():
        assert one["value"] != trained[key]["value"]
        assert one["weights"] != trained[key]["weights"]
    assert not any(one["supported"] for one in found.values())
    assert [key for key, one in found.items() if one["architectural"]] == ["space_is_kept"]


@pytest.mark.parametrize(
    ("value", "references", "supported", "architectural"),
    [
        (1.0, (0.1, 0.4), True, False),
        (0.4, (0.1, 0.2), False, False),
        (0.6, (0.1, 0.6), False, False),
        (0.9, (0.7, 0.8), False, True),
        (0.7, (0.7, 0.8), False, True),
    ],
)
def test_a_statement_is_supported_above_threshold_and_references(
    value: float, references: tuple[float, ...], supported: bool, architectural: bool
) -> None:
    """Supported: at least the threshold, above all references, of which one is below it."""
    measured = Measurement(value, references, ())

    assert measured.supports(0.5) == supported
    assert measured.architectural(0.5) == architectural


def test_selectivity_is_by_its_definition() -> None:
    """0 for a channel that does the same for all digits, or nothing; 1 for one that knows one."""
    labels = np.repeat(np.arange(10), 3)
    one_digit = (labels == 4).astype(float)
    twice = 1.0 + (labels == 2)
    values = np.stack([np.ones(30), np.zeros(30), one_digit, twice], axis=1)

    assert selectivities(values, labels) == pytest.approx([0, 0, 1, (2 - 1) / (2 + 1)])


def test_images_are_counted_next_to_the_nearest_mean(client: TestClient) -> None:
    """Of the pictures themselves, by distances written out."""
    held = samples.load()
    images = held.images.reshape(len(held.labels), -1) / 255.0
    right = 0
    for index, image in enumerate(images):
        others = np.arange(len(images)) % 2 != index % 2
        apart = [
            np.linalg.norm(image - images[others & (held.labels == digit)].mean(axis=0))
            for digit in range(10)
        ]
        right += int(np.argmin(apart) == held.labels[index])

    answer = client.get("/cnn/findings?finding=edges_to_patterns").json()
    curve = next(one for one in answer["tensors"] if one["name"] == "trained")

    assert curve["data"][0] == pytest.approx(right / len(images))


def edited_answers(weights: Any, name: str) -> np.ndarray:
    """Run the hard sequences in float64 with one of the findings' edits."""
    wide = {key: value.astype(np.float64) for key, value in weights.items()}
    held_out = [lstm_trace(bits, weights) for bits in held_out_sequences()]
    means = {
        gate: np.mean([one[gate] for one in held_out], axis=(0, 1))
        for gate in ("input_gate", "forget_gate", "output_gate")
    }
    bits = hard_sequences()
    cell = hidden = np.zeros((HARD_SEQUENCES, len(wide["readout.kernel"])))
    for step in range(HARD_STEPS):
        sums = bits[:, step, None] * wide["cell.dense_i.kernel"][0]
        sums = sums + hidden @ wide["cell.dense_h.kernel"] + wide["cell.dense_h.bias"]
        i, f, g, o = np.split(sums, 4, axis=1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        if name == "all gates":
            i, f, o = (means[gate] for gate in ("input_gate", "forget_gate", "output_gate"))
        cell = f * cell + i * g
        if name == "cell" and step == WIPED_STEP - 1:
            cell = cell * 0
        hidden = o * np.tanh(cell)
        if name == "hidden" and step == WIPED_STEP - 1:
            hidden = hidden * 0
    logits = hidden @ wide["readout.kernel"] + wide["readout.bias"]
    return np.asarray(logits.argmax(axis=1) == 1)


def test_accuracies_are_those_of_the_float64_network(
    client: TestClient, lstm: ResidentModel
) -> None:
    """Accuracies with gates at their mean, and with either state set to zero half way."""
    truth = 2 * hard_sequences().sum(axis=1, dtype=int) > HARD_STEPS
    answer = client.get("/lstm/findings").json()
    still, wiped = (
        np.array(next(one for one in answer["tensors"] if one["name"] == name)["data"])
        for name in ("gates_still", "state_wiped")
    )
    expected = {
        name: (edited_answers(lstm.weights, name) == truth).mean()
        for name in ("untouched", "all gates", "cell", "hidden")
    }

    found = [still[0], still[1], wiped[1], wiped[2]]
    # An answer at the very edge may fall to either side in float32.
    assert found == pytest.approx(list(expected.values()), abs=2 / HARD_SEQUENCES)


def test_hard_sequences_are_decided_by_one_bit() -> None:
    """Half of them ties, half two ones more, in an order that is always the same."""
    margins = 2 * hard_sequences().sum(axis=1, dtype=int) - HARD_STEPS

    assert sorted(set(margins.tolist())) == [0, 2]
    assert (margins == 2).sum() == HARD_SEQUENCES // 2
    assert np.array_equal(hard_sequences(), hard_sequences())
