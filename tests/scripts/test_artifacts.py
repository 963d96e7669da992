"""Artifacts are computed from weights, hold their digest, and are read by the server."""

from pathlib import Path

import numpy as np
import pytest

from models import registry
from models.architecture import CNN_PARAMETERS, LAYERS, lstm_parameters
from models.cnn import layer_comparison
from models.data.datasets import Digits
from models.data.samples import Samples
from models.runtime import checkpoints
from scripts import artifacts
from scripts.run_directory import RunDirectory
from tests.oracles.parameters import draw

FEW = 150


def run_with_checkpoints(
    folder: Path, shapes, rounds: tuple[int, ...]
) -> dict[int, dict[str, np.ndarray]]:
    """Make a run directory with training checkpoints."""
    kept = {number: draw(shapes, number) for number in rounds}
    for number, tensors in kept.items():
        RunDirectory(folder, {}).keep(number, tensors)
    return kept


def test_training_checkpoints_are_joined(tmp_path):
    """Checkpoints are in training order; those of an LSTM exact, those of a CNN in float16."""
    for model, shapes, close in (("lstm", lstm_parameters(3), 0), ("cnn", CNN_PARAMETERS, 1e-3)):
        folder = tmp_path / model
        kept = run_with_checkpoints(folder, shapes, (0, 12, 4))
        checkpoints.save(folder / f"{model}.safetensors", draw(shapes, 99), {})
        trained = checkpoints.load(folder / f"{model}.safetensors")
        artifacts.join_checkpoints(model, trained, RunDirectory(folder, {}), folder)

        read = registry.load(model, folder).training_checkpoints
        assert list(read) == ["round-0", "round-4", "round-12"]
        for number, tensors in kept.items():
            for name, values in tensors.items():
                np.testing.assert_allclose(
                    read[f"round-{number}"][name], values, close, close / 1000
                )


def test_a_cnn_gets_all_artifacts(tmp_path, monkeypatch, digits: Samples, capsys):
    """The artifacts hold the digest of the weights and statistics over the given images."""
    for name in ("PROBE_IMAGES", "CKA_IMAGES", "EMBEDDED_IMAGES"):
        monkeypatch.setattr(layer_comparison, name, FEW)
    shown = Digits(digits.images[:FEW], digits.labels[:FEW].astype(np.uint8))
    monkeypatch.setattr(artifacts, "mnist", lambda split: shown)
    run_with_checkpoints(tmp_path, CNN_PARAMETERS, (0,))
    checkpoints.save(tmp_path / "cnn.safetensors", draw(CNN_PARAMETERS, 1), {})

    folder = str(tmp_path)
    assert artifacts.main(["cnn", "--run", folder, "--folder", folder]) == 0

    model = registry.load("cnn", tmp_path)
    units, layers = model.artifacts["units"].tensors, model.artifacts["layers"]
    assert units["relu3.mean"].shape == LAYERS["relu3"].shape
    assert layers.metadata["milestones"] == ["round-0"]
    assert layers.tensors["cka.training"].shape == (1, 12)
    np.testing.assert_array_equal(layers.tensors["images.index"], np.arange(FEW))
    np.testing.assert_array_equal(layers.tensors["images.label"], shown.labels)
    assert layers.tensors["accuracy"][0] == layers.tensors["fitted"][0]  # the same images, here
    assert capsys.readouterr().out.count(" tensors, ") == 3


def test_missing_and_other_weights_are_errors(tmp_path, capsys):
    """Missing weights, and checkpoints of other weights, are errors with a message."""
    folder = str(tmp_path)
    assert artifacts.main(["cnn", "--folder", folder]) == 1
    assert "scripts.artifacts: cnn.safetensors" in capsys.readouterr().err
    trained = checkpoints.Checkpoint({}, {}, "0" * 64)
    run_with_checkpoints(tmp_path, lstm_parameters(2), (1,))
    artifacts.join_checkpoints("lstm", trained, RunDirectory(tmp_path, {}), tmp_path)
    checkpoints.save(tmp_path / "lstm.safetensors", draw(lstm_parameters(2), 3), {})
    with pytest.raises(checkpoints.CheckpointError, match="made for other weights"):
        registry.load("lstm", tmp_path)


def test_a_run_without_checkpoints_writes_no_artifact(tmp_path):
    """A run without training checkpoints writes no file."""
    trained = checkpoints.Checkpoint({}, {}, "0" * 64)
    artifacts.join_checkpoints("lstm", trained, RunDirectory(tmp_path, {}), tmp_path)

    assert not list(tmp_path.glob("*.safetensors"))
