"""Training from the command line: interrupted and resumed, refused, and with a full disk."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import jax
import pytest

from models import registry
from models.cnn import training as cnn_training
from models.cnn.calibration import calibration_scores, fit_temperature
from models.data.datasets import Digits, mnist
from models.rnn import training
from models.rnn.evaluation import Measurement
from models.rnn.training import Stage
from models.runtime import checkpoints
from scripts import run_directory, train, training_options
from scripts.calibrate import logits_of
from scripts.run_directory import RunError, claim

ROOT = Path(__file__).parents[2]
TINY = ["lstm", "--hidden", "2", "--longest", "32", "--rounds", "4", "--brief", "--output"]


@pytest.fixture(scope="module", autouse=True)
def _compiled_once(tmp_path_factory):
    """Share a compilation cache among these runs, in this process and in subprocesses."""
    settings = {
        "jax_compilation_cache_dir": str(tmp_path_factory.mktemp("compiled")),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
    }
    before = {name: getattr(jax.config, name) for name in settings}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name.upper(), str(value))
            jax.config.update(name, value)
        yield
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.fixture
def tiny(monkeypatch):
    """Shorten rounds to a few steps on short sequences."""
    monkeypatch.setattr(training, "ROUND", 3)
    short = replace(train.counting_recipe(), stages=(Stage(8, 8, 4, 0.01),))
    monkeypatch.setattr(train, "counting_recipe", lambda: short)
    brief = Measurement(longest=3, length=8, sequences=4, flips=(), exhaustive_kinds=False)
    monkeypatch.setattr(train, "BRIEF_MEASUREMENT", brief)


def lines(output: Path) -> list[dict]:
    """Read the metrics without the times, which differ between runs."""
    text = (output / "metrics.jsonl").read_text()
    assert text.endswith("\n")
    read = [json.loads(line) for line in text.splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in read]


def start(output: Path, *more: str) -> subprocess.Popen:
    """Start a training run from the command line in a subprocess."""
    command = [sys.executable, "-m", "scripts.train", *TINY, str(output), *more]
    return subprocess.Popen(  # noqa: S603 - our own command
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def test_a_killed_run_resumes_to_equal_weights(tmp_path):
    """After `kill -9` and `--resume` the weights equal those of an uninterrupted run."""
    with start(tmp_path / "whole") as whole:
        whole.communicate()
    with start(tmp_path / "killed") as killed:
        second = tmp_path / "killed" / "checkpoints" / "round-00002.safetensors"
        while not second.exists():
            assert killed.poll() is None
            time.sleep(0.01)
        killed.send_signal(signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed" / "lstm.safetensors").exists()
    with start(tmp_path / "killed", "--resume") as resumed:
        output_text = resumed.communicate()[0].decode()
    assert (whole.returncode, resumed.returncode) == (0, 0)
    assert re.search(r"resuming after round [234] of 4", output_text)
    one = checkpoints.load(tmp_path / "whole" / "lstm.safetensors")
    other = checkpoints.load(tmp_path / "killed" / "lstm.safetensors")
    assert one.digest == other.digest
    assert lines(tmp_path / "whole") == lines(tmp_path / "killed")


def test_a_run_writes_weights_metrics_and_a_report(tmp_path, tiny, capsys):
    """A run writes weights with metadata, a report, metrics, and keeps three checkpoints."""
    output = tmp_path / "run"
    assert train.main([*TINY, str(output), "--seed", "5"]) == 0
    weights = checkpoints.load(output / "lstm.safetensors")
    report = json.loads((output / "lstm.report.json").read_text())
    assert weights.metadata["model"] == "lstm"
    assert weights.metadata["architecture"] == {"hidden": 2}
    assert weights.metadata["seed"] == 5
    assert weights.metadata["versions"].keys() == {"jax", "flax", "optax", "python"}
    assert report["weights"] == weights.digest
    assert report["command"].startswith("python -m scripts.train lstm --hidden 2")
    assert [line["round"] for line in lines(output)] == [1, 2, 3, 4]
    assert len(list((output / "checkpoints").iterdir())) == 3
    assert "round 4/4: length 8, loss" in capsys.readouterr().out


def test_a_seed_changes_the_weights(tmp_path, tiny):
    """Another seed gives other weights."""
    digests = set()
    for seed in ("0", "1"):
        assert train.main([*TINY, str(tmp_path / seed), "--seed", seed]) == 0
        digests.add(checkpoints.load(tmp_path / seed / "lstm.safetensors").digest)
    assert len(digests) == 2


def test_a_terminal_shows_a_progress_bar(tmp_path, tiny, capsys, monkeypatch):
    """On a terminal the progress bar advances with the rounds."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert train.main([*TINY, str(tmp_path / "run")]) == 0
    assert "━" in capsys.readouterr().out


def test_a_corrupted_checkpoint_is_skipped(tmp_path, tiny, caplog):
    """A corrupted newest checkpoint costs one round, and the final weights are equal."""
    output = tmp_path / "run"
    assert train.main([*TINY, str(output)]) == 0
    before = checkpoints.load(output / "lstm.safetensors").digest
    (output / "lstm.safetensors").unlink()
    newest = output / "checkpoints" / "round-00004.safetensors"
    newest.write_bytes(newest.read_bytes()[:-7])
    with (output / "metrics.jsonl").open("a") as metrics:
        metrics.write('{"round": 5, "lo')
    assert train.main([*TINY, str(output), "--resume"]) == 0
    assert "round-00004.safetensors is not a whole safetensors file; going back" in caplog.text
    assert checkpoints.load(output / "lstm.safetensors").digest == before
    assert [line["round"] for line in lines(output)] == [1, 2, 3, 4]


def test_a_run_is_not_overwritten(tmp_path, tiny, capsys):
    """Without `--resume` a directory that holds a run is not modified."""
    output = tmp_path / "run"
    assert train.main([*TINY, str(output)]) == 0
    assert train.main([*TINY, str(output)]) == 1
    assert "holds a run: give --resume, or another --output" in capsys.readouterr().err


@pytest.mark.parametrize("more", [[], ["--resume"]])
def test_weights_that_no_run_wrote_are_kept(tmp_path, tiny, more, capsys):
    """A folder of weights is no output of a run, and its weights stay as they are."""
    (tmp_path / "lstm.safetensors").write_text("of the user")
    assert train.main([*TINY, str(tmp_path), *more]) == 1
    sentence = "lstm.safetensors exists, and no training run wrote it: give another --output"
    assert sentence in capsys.readouterr().err
    assert (tmp_path / "lstm.safetensors").read_text() == "of the user"


def test_a_run_resumes_only_with_its_options(tmp_path, tiny, capsys):
    """A run cannot be resumed with another seed."""
    output = tmp_path / "run"
    assert train.main([*TINY, str(output)]) == 0
    assert train.main([*TINY, str(output), "--resume", "--seed", "9"]) == 1
    assert "holds a run with other options: seed was 1, now 9\n" in capsys.readouterr().err


def test_a_run_resumes_only_with_its_recipe(tmp_path, tiny, capsys, monkeypatch):
    """Hyperparameters that no option sets are compared too; runs of before do not state them."""
    output = tmp_path / "run"
    assert train.main([*TINY, str(output)]) == 0
    assert train.main([*TINY, str(output), "--resume"]) == 0
    other = replace(train.counting_recipe(), clip=0.125)
    monkeypatch.setattr(train, "counting_recipe", lambda: other)
    capsys.readouterr()
    assert train.main([*TINY, str(output), "--resume"]) == 1
    told = capsys.readouterr().err
    assert re.search(r"holds a run with other options: clip was [\d.]+, now 0\.125\n", told)
    for path in (output / "checkpoints").iterdir():
        saved = checkpoints.load(path)
        saved.metadata["options"].pop("recipe")
        checkpoints.save(path, saved.tensors, saved.metadata)
    assert train.main([*TINY, str(output), "--resume"]) == 0


def test_a_concurrent_run_is_refused(tmp_path, tiny, capsys):
    """Two runs cannot write to one directory; the lock is released after the first."""
    output = tmp_path / "run"
    with claim(output, resume=False):
        assert train.main([*TINY, str(output)]) == 1
        assert f"another training run is writing to {output}" in capsys.readouterr().err
        with pytest.raises(RunError), claim(output, resume=True):
            pytest.fail("claimed twice")
    assert train.main([*TINY, str(output)]) == 0


def test_a_directory_that_cannot_be_created_is_an_error(tmp_path, capsys):
    """A directory that cannot be created is an error of one sentence."""
    (tmp_path / "file").write_text("in the way")
    assert train.main([*TINY, str(tmp_path / "file" / "run")]) == 1
    output_text = capsys.readouterr().err
    assert output_text.startswith("scripts.train: cannot write to")
    assert output_text.endswith("Not a directory\n")


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path, tiny, capsys, monkeypatch):
    """With a full disk the run ends with a sentence, and resumes from the last checkpoint."""
    output = tmp_path / "run"
    written = checkpoints.write_atomically

    def full(path, content):
        if path.name == "round-00003.safetensors":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written(path, content)

    monkeypatch.setattr(checkpoints, "write_atomically", full)
    assert train.main([*TINY, str(output)]) == 1
    assert f"cannot write to {output}: No space left on device" in capsys.readouterr().err
    assert len(list((output / "checkpoints").iterdir())) == 2
    monkeypatch.setattr(checkpoints, "write_atomically", written)
    assert train.main([*TINY, str(output), "--resume"]) == 0
    assert "resuming after round 2 of 4" in capsys.readouterr().out
    assert [line["round"] for line in lines(output)] == [1, 2, 3, 4]


def test_an_interrupt_names_the_resume_option(tmp_path, tiny, capsys, monkeypatch):
    """Ctrl-C ends the run with a message that names `--resume`."""

    def interrupt(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(run_directory.RunDirectory, "record", interrupt)
    assert train.main([*TINY, str(tmp_path / "run")]) == 130
    assert "stopped; --resume continues" in capsys.readouterr().err


def test_missing_mnist_is_an_error(tmp_path, capsys, monkeypatch):
    """Without MNIST and without a network, the error says how to provide it."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "empty"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("models.data.datasets._answers", lambda _address: False)
    assert train.main(["cnn", "--output", str(tmp_path / "run")]) == 1
    output_text = capsys.readouterr().err
    assert "set TFDS_DATA_DIR to a directory" in output_text
    assert len(output_text.splitlines()) == 1


def test_unreadable_mnist_is_no_fault_of_the_output(tmp_path, capsys, monkeypatch):
    """The sentence names the data set and its folder, not the folder of the run."""

    def denied(_split):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "mnist/3.0.1")

    monkeypatch.setattr("models.data.datasets.find", denied)
    assert train.main(["cnn", "--output", str(tmp_path / "run")]) == 1
    sentence = "scripts.train: MNIST cannot be read: mnist/3.0.1: Permission denied\n"
    assert capsys.readouterr().err == sentence


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--hidden", "65", "hidden must be between 1 and 64, got 65"),
        ("--longest", "7", "--longest must be at least 8, the length of the first stage"),
    ],
)
def test_impossible_options_are_refused(tmp_path, tiny, capsys, option, value, sentence):
    """An option out of range is an error that names the limit."""
    assert train.main(["lstm", option, value, "--output", str(tmp_path / "run")]) == 1
    assert sentence in capsys.readouterr().err


def test_counts_are_at_least_one(capsys):
    """Options that count things refuse zero."""
    with pytest.raises(SystemExit):
        train.main(["cnn", "--epochs", "0"])
    assert "0 is not at least 1" in capsys.readouterr().err


@pytest.mark.parametrize("validation", [200, 0])
def test_a_run_of_the_cnn_is_calibrated(tmp_path, monkeypatch, validation):
    """Report and metadata have the calibration, and a server loads it with the weights.

    Without validation images no temperature is fitted.
    """
    digits = mnist("test", ROOT / "tests" / "tensorflow_datasets")
    few = Digits(digits.images[:600], digits.labels[:600])
    monkeypatch.setattr(train, "mnist", lambda _split: few)
    monkeypatch.setattr(train.artifacts, "write_artifacts", lambda *_arguments: None)
    monkeypatch.setattr(cnn_training, "augment_batch", lambda _key, *batch: batch[:2])
    output, few_epochs = str(tmp_path / "run"), ["--epochs", "2", "--validation", str(validation)]
    assert train.main(["cnn", "--output", output, *few_epochs]) == 0
    model = registry.load("cnn", tmp_path / "run")
    report = json.loads((tmp_path / "run" / "cnn.report.json").read_text())
    assert report["calibration"] == model.checkpoint.metadata["calibration"]
    assert model.calibration is not None
    assert model.calibration.validation_images == validation
    assert (model.calibration.temperature is None) == (validation == 0)
    assert (model.calibration.calibrated is None) == (validation == 0)
    assert sum(one.images for one in model.calibration.reliability) == 600
    logits = logits_of(model.checkpoint, few)
    held_out = slice(600 - validation, 600)
    fitted = fit_temperature(logits[held_out], few.labels[held_out])
    assert model.calibration.temperature == pytest.approx(fitted, abs=1e-3)
    scores = asdict(calibration_scores(logits, few.labels))
    assert asdict(model.calibration.softmax) == pytest.approx(scores, abs=1e-4)


def test_the_defaults_are_the_shipped_configuration():
    """The default options are the training configuration of the shipped weights."""
    options = training_options.parse(["lstm"])
    assert train._lstm_trainer(options).config == train.counting_recipe()
    assert options.output == Path("runs/lstm")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--output", "x", "--every", "7", "--resume", "cnn"],
        ["cnn", "--output", "x", "--every", "7", "--resume"],
        ["--output", "x", "cnn", "--every", "7", "--resume"],
    ],
)
def test_options_of_a_run_precede_or_follow_the_network(arguments):
    """A value is taken in either place, and defaults are those of none."""
    options = training_options.parse(arguments)
    assert (options.output, options.every, options.resume) == (Path("x"), 7, True)
    options = training_options.parse(["cnn"])
    assert (options.output, options.every, options.resume) == (Path("runs/cnn"), 1, False)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--declaration", "m", "--data", "d", "lstm"], "leave --declaration and --data out"),
        (["--recipe", "r.toml", "cnn"], "cnn has its own: leave --recipe out"),
        (["--declaration", "m"], "give cnn, lstm, or --declaration and --data"),
        (["--resume"], "give cnn, lstm, or --declaration and --data"),
    ],
)
def test_options_select_one_network(arguments, sentence, capsys):
    """Options of a declared network are not ignored where a shipped one is named."""
    with pytest.raises(SystemExit):
        train.main(arguments)
    assert sentence in capsys.readouterr().err
