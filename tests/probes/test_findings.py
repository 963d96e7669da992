"""Findings: the numbers against float64 networks, and their failure on random weights."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from models.runtime import checkpoints
from probes.shared.statements import STATEMENTS, Measurement
from tests.applications import running
from tests.conftest import TESTS_BYTES
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
    app = create_app(Settings(weights=folder, memory=TESTS_BYTES))
    with running(app) as client:
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


def test_all_findings_hold_no_memory_afterwards(untrained: TestClient) -> None:
    """The bytes of a run about the weights are given back at the end of `/findings`."""
    memory = untrained.app.state.engine.admission.memory  # type: ignore[attr-defined]
    stated(untrained)
    assert memory.held == 0
    assert memory.holders == {}


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


def test_findings_of_a_training_checkpoint(client: TestClient) -> None:
    """The LSTM's findings are measured on a checkpoint too: untrained, it supports none."""
    query = "/lstm/findings?checkpoint=round-0"
    found = {one["name"]: one["value"] for one in client.get(query).json()["measures"]}
    trained = stated(client)

    for key, one in STATEMENTS.items():
        if one.model == "lstm":
            assert not found[f"{key}.supported"]
            assert found[f"{key}.value"] != trained[key]["value"]
            assert found[f"{key}.reference_high"] == trained[key]["reference_high"]
