"""How the benchmark reads and compares training runs."""

import json
import sys

import numpy as np
import pytest

from models.data.datasets import Digits
from scripts.bench import training
from scripts.bench.training import (
    NAMES,
    SPEED_NAMES,
    PlainTrainer,
    Training,
    measure,
    speed,
    table,
)


def test_the_goal_is_reached_at_the_end_of_an_epoch():
    """The time to 99 % is that of all epochs up to the first that reaches it."""
    run = Training([5.0, 2.0, 3.0, 2.0], [0.95, 0.98, 0.99, 0.985])
    assert run.goal_s == 10.0
    assert run.first_s == 5.0
    assert run.epoch_s == 2.0


def test_a_run_may_not_reach_the_goal():
    """Without an epoch at 99 % there is no time; a single epoch is the fastest."""
    run = Training([5.0], [0.98])
    assert run.goal_s is None
    assert run.epoch_s == 5.0


def test_the_plain_trainer_does_not_augment():
    """The comparison with a plain script augments no image."""
    images, labels = np.zeros((2, 28, 28), np.float32), np.zeros(2, np.uint8)
    batch = PlainTrainer.augment(None, None, images, labels)
    assert batch[0] is images
    assert batch[1] is labels


@pytest.fixture
def stand_ins(monkeypatch):
    """Replace MNIST by a few images, and each variant by a process that prints fixed results."""
    few = Digits(np.zeros((8, 28, 28), np.uint8), np.zeros(8, np.uint8))
    monkeypatch.setattr(training, "mnist", lambda _split: few)
    line = json.dumps({"seconds": [4.0, 2.0], "accuracies": [0.5, 0.995]})
    command = [sys.executable, "-c", f"print('a line before'); print('{line}')"]
    monkeypatch.setattr(training, "_commands", lambda: dict.fromkeys(NAMES, (command, [])))


def test_results_are_the_last_lines_printed(stand_ins):
    """The last line that a process prints is its result."""
    found = measure(epochs=2, images=6)
    assert tuple(found) == NAMES
    assert found["pytorch"]["images_per_s"] == 3.0
    assert found["pytorch"]["goal_s"] == 6.0
    assert table(found).row_count == len(NAMES)


def test_the_speed_of_each_is_its_fastest_epoch(stand_ins):
    """The fastest epoch of all rounds counts; no data set is read for it."""
    assert speed(rounds=2) == dict.fromkeys(SPEED_NAMES, 2.0)


def test_variants_can_be_selected(stand_ins):
    """Only the selected variants are trained."""
    assert tuple(measure(epochs=2, only=["pytorch"])) == ("pytorch",)


def test_a_process_that_fails_is_an_error(stand_ins, monkeypatch):
    """The error message is the end of the process's error output."""
    command = [sys.executable, "-c", "raise SystemExit('no torch here')"]
    monkeypatch.setattr(training, "_commands", lambda: {"pytorch": (command, [])})
    with pytest.raises(RuntimeError, match="no torch here"):
        measure(epochs=2)
