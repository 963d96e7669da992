"""Measurement of a device: limits, chosen batch sizes, sections and their time."""

import sys

import pytest

from models.registry import load
from scripts.bench import device, roofline
from scripts.bench.roofline import Roofline
from scripts.bench.training import Training

LIMITS = Roofline(launch_s=1e-4, flops_per_s=1e9, bytes_per_s=1e8)


def test_the_largest_least_time_limits_a_program() -> None:
    """A call is limited by its launch, arithmetic or memory, whichever needs most of its time."""
    assert LIMITS.limit(2e-4, 0, 0) == ("launch", pytest.approx(0.5))
    assert LIMITS.limit(4e-3, 2e6, 1e4) == ("arithmetic", pytest.approx(0.5))
    assert LIMITS.limit(2e-2, 2e6, 1e6) == ("memory", pytest.approx(0.5))


def test_batch_sizes_follow_from_the_time_of_a_call() -> None:
    """A size that costs as much as a larger one is left out, and so are those that gain nothing."""
    assert device.chosen_buckets({1: 1.0, 2: 2.0, 4: 4.0}) == [1]
    assert device.chosen_buckets({1: 1.0, 2: 1.2, 4: 2.0, 8: 3.9}) == [1, 2, 4]
    assert device.chosen_buckets({1: 1.0, 8: 1.05, 32: 1.5, 128: 5.9}) == [8, 32]


def test_programs_are_timed_with_and_without_copies() -> None:
    """Each batch size has two times, and estimates of the compiler."""
    model = load("lstm")
    [program] = [one for one in model.declared if one.name == "predict.128"]
    [found] = device.timed(model, program, [1])

    assert found.rows == 1
    assert 0 < found.call_s < 10
    assert 0 < found.whole_s < 10
    assert found.moved > 0
    assert found.row(LIMITS)[0] == "1"
    measured = roofline.measure(8, 1 << 10)
    assert min(measured.launch_s, measured.flops_per_s, measured.bytes_per_s) > 0


def test_accuracy_needs_mnist() -> None:
    """Time to 99 % is a claim about MNIST; repeated samples have a rate alone."""
    found = Training([10.0, 5.0], [0.98, 0.991])

    assert "99% test accuracy after 15.0 s" in device.described(found, 100, is_mnist=True)
    never = Training([10.0], [0.98])
    assert "not reached" in device.described(never, 100, is_mnist=True)
    assert "accuracy was not measured" in device.described(found, 100, is_mnist=False)
    assert "20 images/s" in device.described(found, 100, is_mnist=False)


def test_a_section_that_does_not_end_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sections run in processes of their own; one that fails or is too slow ends with status 1."""
    assert device._has_ended([sys.executable, "-c", ""], 60)
    assert not device._has_ended([sys.executable, "-c", "raise SystemExit(1)"], 60)
    assert not device._has_ended([sys.executable, "-c", "import time; time.sleep(60)"], 0.2)

    asked = []

    def fail(command: list[str], timeout_s: float) -> bool:
        asked.append((command[-2:], timeout_s <= 5))
        return "training" not in command

    monkeypatch.setattr(device, "_has_ended", fail)
    assert device.main(["--only", "programs", "--seconds", "5"]) == 0
    assert device.main(["--only", "training", "--small", "--seconds", "5"]) == 1
    assert "Without a whole result: training." in capsys.readouterr().out
    assert asked == [(["--section", "programs"], True), (["training", "--small"], True)]
