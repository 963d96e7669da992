"""Calibration: temperature and calibration error against plain loops, and a search over a grid."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import rotate

from models.cnn.calibration import (
    LabelledLogits,
    calibration_of,
    calibration_scores,
    describe,
    fit_temperature,
    measure_calibration,
    negative_log_likelihood,
    reliability_bins,
    top_probabilities,
)
from models.data.datasets import Digits, mnist
from models.model_files import shipped_files
from models.registry import load
from models.runtime import checkpoints
from models.runtime.checkpoints import CheckpointError
from scripts import calibrate

TEST_COPY = Path(__file__).parents[2] / "tensorflow_datasets"


def drawn(temperature: float, images: int = 4_000) -> tuple[np.ndarray, np.ndarray]:
    """Draw logits, and labels by the softmax of logits / temperature: its true temperature."""
    draw = np.random.default_rng(3)
    logits = draw.normal(0, 3, (images, 10)).astype(np.float32)
    shares = np.exp(logits / temperature)
    shares /= shares.sum(axis=1, keepdims=True)
    labels = np.array([draw.choice(10, p=row) for row in shares])
    return logits, labels


def plain_scores(logits, labels, temperature):
    """Compute ECE over 15 equal widths, NLL and mean top probability, image by image."""
    bins = {at: [] for at in range(15)}
    losses, tops = [], []
    for row, label in zip(logits.astype(float), labels, strict=True):
        powers = [np.exp(value / temperature) for value in row]
        shares = [power / sum(powers) for power in powers]
        top = max(shares)
        at = next(at for at in range(15) if top <= (at + 1) / 15 or at == 14)
        bins[at].append((top, shares.index(top) == label))
        losses.append(-np.log(shares[label]))
        tops.append(top)
    error = 0.0
    for held in bins.values():
        if held:
            confidence = sum(top for top, _ in held) / len(held)
            accuracy = sum(right for _, right in held) / len(held)
            error += len(held) / len(labels) * abs(confidence - accuracy)
    return error, float(np.mean(losses)), float(np.mean(tops))


@pytest.mark.parametrize("temperature", [1.0, 0.6, 2.5])
def test_scores_are_those_of_a_plain_loop(temperature):
    """ECE, NLL and mean top probability equal sums over single images."""
    logits, labels = drawn(1.7, 500)
    scores = calibration_scores(logits, labels, temperature)
    expected = plain_scores(logits, labels, temperature)
    found = (scores.ece, scores.nll, scores.mean_top_probability)
    assert found == pytest.approx(expected, abs=2e-6)


def test_bins_of_equal_mass_hold_equally_many_images():
    """The ECE over bins of equal mass equals that of fifteen consecutive parts of sorted images."""
    logits, labels = drawn(1.7, 600)
    powers = np.exp(logits.astype(float))
    tops = (powers / powers.sum(axis=1, keepdims=True)).max(axis=1)
    order = np.argsort(tops, kind="stable")
    right = (logits.argmax(axis=1) == labels)[order]
    gaps = [
        abs(part.mean() - hits.mean())
        for part, hits in zip(tops[order].reshape(15, 40), right.reshape(15, 40), strict=True)
    ]
    assert calibration_scores(logits, labels).ece_equal_mass == pytest.approx(
        np.mean(gaps), abs=2e-6
    )


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_is_that_of_the_best_point_of_a_grid(temperature):
    """No temperature of a fine grid has less loss, and the fit is near the one drawn with."""
    logits, labels = drawn(temperature)
    fitted = fit_temperature(logits, labels)
    grid = np.linspace(0.3, 4, 371)
    losses = [negative_log_likelihood(logits, labels, each) for each in grid]
    assert fitted == pytest.approx(grid[np.argmin(losses)], abs=0.0051)
    assert negative_log_likelihood(logits, labels, fitted) <= min(losses)
    assert fitted == pytest.approx(temperature, rel=0.1)


def test_no_temperature_is_fitted_where_none_is_best():
    """Without images, without an error, or with labels against the logits no temperature is given.

    Without an error the likelihood grows as the temperature falls to 0; against the logits it grows
    as the temperature rises.
    """
    logits = np.eye(10, dtype=np.float32) * 5
    assert fit_temperature(logits[:0], np.arange(0)) is None
    assert fit_temperature(logits, np.arange(10)) is None
    assert fit_temperature(logits, (np.arange(10) + 1) % 10) is None


def test_reliability_bins_hold_all_images_and_few_images_are_merged():
    """Bins cover 0 to 1 without gaps, each with at least 30 images where there are 30."""
    logits, labels = drawn(1.0, 900)
    powers = np.exp(logits.astype(float))
    tops = (powers / powers.sum(axis=1, keepdims=True)).max(axis=1)
    right = logits.argmax(axis=1) == labels
    bins = reliability_bins(tops, right)
    assert [one.low for one in bins] == [0.0, *(one.high for one in bins[:-1])]
    assert bins[-1].high == 1.0
    assert sum(one.images for one in bins) == 900
    for one in bins:
        inside = (tops >= one.low) & ((tops < one.high) | (one.high == 1.0))
        assert (one.images, one.right) == (inside.sum(), right[inside].sum())
        assert one.images >= 30
        assert one.accuracy_low <= one.right / one.images <= one.accuracy_high
    [single] = reliability_bins(tops[:5], right[:5])
    assert (single.low, single.high, single.images) == (0.0, 1.0, 5)


def test_the_interval_of_an_accuracy_without_error_is_that_of_the_formula():
    """Where all of n images are right the interval begins at 0.025 to the power of 1 / n."""
    [single] = reliability_bins(np.full(50, 0.97), np.ones(50, bool))[-1:]
    assert single.accuracy_low == pytest.approx(0.025 ** (1 / 50), abs=1e-6)
    assert single.accuracy_high == 1.0
    assert "right for all of them: an accuracy of 92.89 % to 100 %" in single.sentence(50)


def test_the_calibration_survives_metadata():
    """A calibration that is written to metadata and read again is equal."""
    measured = measure_calibration(
        LabelledLogits(*drawn(2.0, 300)), LabelledLogits(*drawn(2.0, 500))
    )
    written = json.loads(json.dumps({"calibration": describe(measured)}))
    assert calibration_of(written) == measured
    assert calibration_of({}) is None


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("temperature", -1, "calibration.temperature"),
        ("temperature", float("nan"), "calibration.temperature"),
        ("reliability", [], "calibration.reliability"),
        ("softmax", None, "calibration.softmax"),
    ],
)
def test_a_wrong_calibration_is_refused(key, value, place):
    """A calibration that no fit gives is refused, by its place and with the way out."""
    described = describe(
        measure_calibration(LabelledLogits(*drawn(2.0, 300)), LabelledLogits(*drawn(2.0, 500)))
    )
    with pytest.raises(CheckpointError, match=f"{place}.*is not valid.*scripts.calibrate"):
        calibration_of({"calibration": {**described, key: value}})


def test_weights_with_a_wrong_calibration_are_not_served(tmp_path):
    """Weights with a temperature of 0 end the start, with the name of the file."""
    shipped = checkpoints.load(shipped_files("cnn").weights)
    described = {"calibration": {**shipped.metadata["calibration"], "temperature": 0}}
    checkpoints.save(tmp_path / "cnn.safetensors", shipped.tensors, described)
    with pytest.raises(CheckpointError, match="cnn.safetensors: metadata calibration.temperature"):
        load("cnn", tmp_path)


def test_the_shipped_calibration_is_measured_again():
    """On the 10,000 test images the shipped weights have the scores of their metadata and report.

    A temperature of 1 is far from calibrated, the fitted one near.
    """
    trained = checkpoints.load(shipped_files("cnn").weights)
    report = json.loads(shipped_files("cnn").report.read_text())
    stated = calibration_of(trained.metadata)
    assert report["calibration"] == describe(stated) == trained.metadata["calibration"]
    digits = mnist("test", TEST_COPY)
    logits = calibrate.logits_of(trained, digits)
    tops = np.exp(logits - logits.max(axis=1, keepdims=True))
    tops = (tops / tops.sum(axis=1, keepdims=True)).max(axis=1)
    for scores, temperature in ((stated.softmax, 1.0), (stated.calibrated, stated.temperature)):
        again = calibration_scores(logits, digits.labels, temperature)
        for name in ("ece", "ece_equal_mass", "nll", "mean_top_probability"):
            assert getattr(again, name) == pytest.approx(getattr(scores, name), abs=2e-5)
        expected = plain_scores(logits[:1_000], digits.labels[:1_000], temperature)
        part = calibration_scores(logits[:1_000], digits.labels[:1_000], temperature)
        assert (part.ece, part.nll, part.mean_top_probability) == pytest.approx(expected, abs=2e-6)
    assert stated.softmax.ece > 0.04
    assert stated.calibrated.ece < 0.002
    for one in stated.reliability:
        inside = (tops >= one.low) & ((tops < one.high) | (one.high == 1.0))
        # Another processor rounds otherwise; an image on an edge may fall to the other side.
        assert abs(int(inside.sum()) - one.images) <= 2


def test_the_shipped_temperature_does_not_hold_for_other_images():
    """Of noise the calibrated network is more certain; of rotated digits it has a larger loss."""
    trained = checkpoints.load(shipped_files("cnn").weights)
    temperature = calibration_of(trained.metadata).temperature
    digits = mnist("test", TEST_COPY)
    noise = np.random.default_rng(0).integers(0, 256, (500, 28, 28), np.uint8)
    logits = calibrate.logits_of(trained, Digits(noise, np.zeros(500, np.uint8)))
    plain, calibrated = (
        top_probabilities(logits, np.zeros(500, np.uint8), each)[0] for each in (1.0, temperature)
    )
    assert np.median(plain) < 0.7
    assert np.median(calibrated) > 0.8
    angles = np.where(np.arange(1_000) % 2, 45, -45)
    turned = [
        rotate(image.astype(np.float32), angle, reshape=False, order=1)
        for image, angle in zip(digits.images[:1_000], angles, strict=True)
    ]
    rotated = Digits(np.stack(turned).clip(0, 255).astype(np.uint8), digits.labels[:1_000])
    logits = calibrate.logits_of(trained, rotated)
    plain, calibrated = (
        calibration_scores(logits, rotated.labels, each) for each in (1.0, temperature)
    )
    assert calibrated.ece > 0.02
    assert calibrated.nll > plain.nll


def test_weights_of_a_folder_are_calibrated_in_place(tmp_path, monkeypatch, capsys):
    """`scripts.calibrate` adds the calibration to metadata and report, and leaves the digest."""
    shipped = checkpoints.load(shipped_files("cnn").weights)
    plain = {key: value for key, value in shipped.metadata.items() if key != "calibration"}
    checkpoints.save(tmp_path / "cnn.safetensors", shipped.tensors, plain)
    report = {"weights": shipped.digest, "metrics": {}, "recipe": {}}
    (tmp_path / "cnn.report.json").write_text(json.dumps(report))
    assert load("cnn", tmp_path).calibration is None
    digits = mnist("test", TEST_COPY)
    few = Digits(digits.images[:700], digits.labels[:700])
    monkeypatch.setattr(calibrate, "mnist", lambda _split: few)

    assert calibrate.main(["--folder", str(tmp_path), "--validation", "600"]) == 0

    model = load("cnn", tmp_path)
    assert model.calibration is not None
    assert (model.calibration.validation_images, model.calibration.test_images) == (600, 700)
    assert model.checkpoint.digest == shipped.digest
    written = json.loads((tmp_path / "cnn.report.json").read_text())
    assert list(written) == ["weights", "metrics", "calibration", "recipe"]
    assert written["calibration"] == model.checkpoint.metadata["calibration"]
    assert calibrate.main(["--folder", str(tmp_path), "--validation", "701"]) == 1
    assert "--validation must be between 0 and 700, got 701" in capsys.readouterr().err
    assert calibrate.main(["--folder", str(tmp_path), "--validation", "0"]) == 0
    without = load("cnn", tmp_path).calibration
    assert (without.temperature, without.calibrated) == (None, None)
    assert without.reliability == model.calibration.reliability


def test_a_report_of_other_weights_is_refused(tmp_path, monkeypatch, capsys):
    """A report of other weights is neither overwritten nor are the weights changed."""
    shipped = checkpoints.load(shipped_files("cnn").weights)
    checkpoints.save(tmp_path / "cnn.safetensors", shipped.tensors, {"seed": 1})
    (tmp_path / "cnn.report.json").write_text(json.dumps({"weights": "other"}))
    digits = mnist("test", TEST_COPY)
    few = Digits(digits.images[:50], digits.labels[:50])
    monkeypatch.setattr(calibrate, "mnist", lambda _split: few)
    assert calibrate.main(["--folder", str(tmp_path), "--validation", "0"]) == 1
    assert "cnn.report.json was made for other weights (other)" in capsys.readouterr().err
    unchanged = checkpoints.load(tmp_path / "cnn.safetensors").metadata
    assert "calibration" not in unchanged
