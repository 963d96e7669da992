"""Artifacts are computed from weights, hold their digest, and are read by the server."""

import re
from pathlib import Path

import numpy as np
import pytest

from models import registry
from models.cnn import layer_comparison
from models.data.datasets import Digits
from models.data.samples import Samples
from models.model_files import chosen_files
from models.rnn.certificate import certify
from models.rnn.lengths import LengthLimits
from models.runtime import checkpoints
from scripts import artifacts
from scripts.run_directory import RunDirectory
from tests.networks import SIMPLE_CNN
from tests.oracles.parameters import draw, lstm_shapes

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
    for model, shapes, close in (("lstm", lstm_shapes(3), 0), ("cnn", SIMPLE_CNN.parameters, 1e-3)):
        folder = tmp_path / model
        kept = run_with_checkpoints(folder, shapes, (0, 12, 4))
        checkpoints.save(folder / f"{model}.safetensors", draw(shapes, 99), {})
        trained = checkpoints.load(folder / f"{model}.safetensors")
        artifacts.join_checkpoints(
            model, trained, RunDirectory(folder, {}), chosen_files(model, folder)
        )

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
    run_with_checkpoints(tmp_path, SIMPLE_CNN.parameters, (0,))
    checkpoints.save(tmp_path / "cnn.safetensors", draw(SIMPLE_CNN.parameters, 1), {})

    folder = str(tmp_path)
    assert artifacts.main(["cnn", "--run", folder, "--folder", folder]) == 0

    model = registry.load("cnn", tmp_path)
    units, layers = model.artifacts["units"].tensors, model.artifacts["layers"]
    assert units["relu3.mean"].shape == SIMPLE_CNN.layers["relu3"].shape
    assert layers.metadata["milestones"] == ["round-0"]
    assert layers.tensors["cka.training"].shape == (1, 12)
    np.testing.assert_array_equal(layers.tensors["images.index"], np.arange(FEW))
    np.testing.assert_array_equal(layers.tensors["images.label"], shown.labels)
    assert layers.tensors["accuracy"][0] == layers.tensors["fitted"][0]  # the same images, here
    assert capsys.readouterr().out.count(" tensors, ") == 3


def lstm_folder(folder: Path, seed: int = 3) -> checkpoints.Checkpoint:
    """Make a folder of LSTM weights and return these."""
    checkpoints.save(folder / "lstm.safetensors", draw(lstm_shapes(3), seed), {})
    return checkpoints.load(folder / "lstm.safetensors")


def test_weights_are_added_under_a_name_and_kept(tmp_path, capsys):
    """Added weights are exact, state their facts, and stay when a run is joined again."""
    folder = str(tmp_path)
    lstm_folder(tmp_path)
    old = draw(lstm_shapes(3), 8)
    metadata = {"tested_length": 2048, "seed": 1}
    checkpoints.save(tmp_path / "old.safetensors", old, metadata)
    run_with_checkpoints(tmp_path, lstm_shapes(3), (0, 4))

    added = ["--folder", folder, "--add", f"uncertified={tmp_path / 'old.safetensors'}"]
    assert artifacts.main(["lstm", *added]) == 0
    assert list(registry.load("lstm", tmp_path).training_checkpoints) == ["uncertified"]
    assert artifacts.main(["lstm", *added, "--tested-length", "128"]) == 0
    # A new training run writes other weights into the folder, and joins its checkpoints.
    lstm_folder(tmp_path, 4)
    assert artifacts.main(["lstm", "--folder", folder, "--run", folder]) == 0

    model = registry.load("lstm", tmp_path)
    assert list(model.training_checkpoints) == ["round-0", "round-4", "uncertified"]
    assert model.digest("uncertified") == checkpoints.digest(old)
    assert model.length_limits["uncertified"] == LengthLimits(
        128, certify(model.architecture, old).length
    )
    assert model.length_limits["round-0"].tested == 0
    assert not capsys.readouterr().err


def test_a_run_and_added_weights_are_written_together(tmp_path):
    """With `--run` and `--add` the record has both; weights of a name are replaced."""
    folder = str(tmp_path)
    lstm_folder(tmp_path)
    for seed in (8, 9):
        checkpoints.save(tmp_path / f"{seed}.safetensors", draw(lstm_shapes(3), seed), {})
    run_with_checkpoints(tmp_path, lstm_shapes(3), (4,))
    both = ["lstm", "--folder", folder, "--run", folder]

    for seed in (8, 9):
        added = [
            "--add",
            f"a={tmp_path}/{seed}.safetensors",
            "--add",
            f"b={tmp_path}/8.safetensors",
        ]
        assert artifacts.main([*both, *added]) == 0

    model = registry.load("lstm", tmp_path)
    assert list(model.training_checkpoints) == ["round-4", "a", "b"]
    for name, seed in (("a", 9), ("b", 8)):
        assert model.digest(name) == checkpoints.digest(draw(lstm_shapes(3), seed))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("round-7", "'round-7' is a round of the training run"),
        ("Old", "'Old' is not the name of a checkpoint"),
        ("reset-x", "does not begin with 'reset-'"),
    ],
)
def test_a_name_of_another_use_is_not_added(name, message, tmp_path, capsys):
    """Rounds come from runs alone, and names follow their pattern."""
    lstm_folder(tmp_path)
    path = tmp_path / "lstm.safetensors"

    assert artifacts.main(["lstm", "--folder", str(tmp_path), "--add", f"{name}={path}"]) == 1
    assert message in capsys.readouterr().err


def test_weights_that_cannot_be_added_are_errors(tmp_path, capsys):
    """A missing file, another shape and a record of other weights are errors with a message."""
    folder = str(tmp_path)
    trained = lstm_folder(tmp_path)
    checkpoints.save(tmp_path / "wide.safetensors", draw(lstm_shapes(5), 1), {})
    for name, message in (
        ("none", "none.safetensors: No such file"),
        ("wide", "wide.safetensors: checkpoint 'wide' does not fit these weights"),
    ):
        path = tmp_path / f"{name}.safetensors"
        assert artifacts.main(["lstm", "--folder", folder, "--add", f"{name}={path}"]) == 1
        assert message in capsys.readouterr().err
    run_with_checkpoints(tmp_path, lstm_shapes(3), (1,))
    artifacts.join_checkpoints(
        "lstm", trained, RunDirectory(tmp_path, {}), chosen_files("lstm", tmp_path)
    )
    lstm_folder(tmp_path, 4)
    path = tmp_path / "lstm.safetensors"
    assert artifacts.main(["lstm", "--folder", folder, "--add", f"x={path}"]) == 1
    assert "was made for other weights" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--add", "name"], "'name' is not of the form NAME=FILE"),
        (["--add", "=file"], "'=file' is not of the form NAME=FILE"),
        (["--tested-length", "5"], "--tested-length is about the weights that --add names"),
        (["--folder", "x"], "of lstm there are checkpoints alone: give --run or --add"),
        (["--add", "a=b", "--tested-length", "-5"], "'-5' is not a number of steps"),
        (["--add", "a=b", "--tested-length", "5.5"], "'5.5' is not a number of steps from 0 on"),
    ],
)
def test_a_wrong_command_line_is_refused(arguments, message, capsys):
    """The message names the option and its form."""
    with pytest.raises(SystemExit):
        artifacts.main(["lstm", *arguments])
    assert message in capsys.readouterr().err


def test_missing_and_other_weights_are_errors(tmp_path, capsys):
    """Missing weights, and checkpoints of other weights, are errors with a message."""
    folder = str(tmp_path)
    assert artifacts.main(["cnn", "--folder", folder]) == 1
    assert "scripts.artifacts: cnn.safetensors" in capsys.readouterr().err
    trained = checkpoints.Checkpoint(draw(lstm_shapes(2), 1), {}, "0" * 64)
    run_with_checkpoints(tmp_path, lstm_shapes(2), (1,))
    artifacts.join_checkpoints(
        "lstm", trained, RunDirectory(tmp_path, {}), chosen_files("lstm", tmp_path)
    )
    checkpoints.save(tmp_path / "lstm.safetensors", draw(lstm_shapes(2), 3), {})
    with pytest.raises(checkpoints.CheckpointError, match="made for other weights"):
        registry.load("lstm", tmp_path)


def test_a_run_without_checkpoints_writes_no_artifact(tmp_path):
    """A run without training checkpoints writes no file."""
    trained = checkpoints.Checkpoint({}, {}, "0" * 64)
    artifacts.join_checkpoints(
        "lstm", trained, RunDirectory(tmp_path, {}), chosen_files("lstm", tmp_path)
    )

    assert not list(tmp_path.glob("*.safetensors"))


def test_a_folder_without_a_run_is_an_error(tmp_path, capsys):
    """A folder without checkpoints of a run is named, and nothing is written."""
    lstm_folder(tmp_path)
    before = sorted(tmp_path.rglob("*"))

    status = artifacts.main(["lstm", "--folder", str(tmp_path), "--run", str(tmp_path / "runs")])

    assert status == 1
    assert "runs has no checkpoints of a training run (milestones/" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_weights_and_runs_of_another_network_are_errors(tmp_path, capsys):
    """They are named before anything is measured or written."""
    (tmp_path / "run").mkdir()
    lstm_folder(tmp_path)
    checkpoints.save(tmp_path / "cnn.safetensors", draw(lstm_shapes(3), 1), {})
    run_with_checkpoints(tmp_path / "run", lstm_shapes(5), (4,))
    folder = ["--folder", str(tmp_path)]
    before = sorted(tmp_path.rglob("*"))

    assert artifacts.main(["cnn", *folder]) == 1
    assert re.match(r"scripts.artifacts: tensor \S+ is (missing|not exp)", capsys.readouterr().err)
    assert artifacts.main(["lstm", *folder, "--run", str(tmp_path / "run")]) == 1
    sentence = "milestones: checkpoint 'round-4' does not fit these weights"
    assert sentence in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before
