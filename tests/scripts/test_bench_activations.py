"""Benchmark of scripts.activations beside `drive`: equal tensors, ratio, exit status."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from scripts.bench import activations


def test_both_ways_write_equal_tensors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A short run compares the tensors of both ways, prints the ratio, and leaves no files."""
    # Times of so few rows on a shared machine say nothing.
    monkeypatch.setattr(activations, "LIMIT", np.inf)
    arguments = ["--rows", "20", "--rounds", "1", "--layers", "relu3", "--folder", str(tmp_path)]

    assert activations.main(arguments) == 0

    assert "ratio" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("ours", "status"), [(1.0, 0), (3.0, 0), (3.1, 1)])
def test_the_exit_status_tells_whether_the_ratio_is_above_the_limit(
    ours: float, status: int
) -> None:
    """1.5 times the CPU of `drive` is within the limit; the median of the rounds counts."""
    seconds = {"drive": [(2.0, 2.0), (2.0, 2.0), (9.0, 9.0)], "ours": [(ours, ours)] * 3}

    assert activations._verdict(seconds, rows=10) == status


def test_other_tensors_are_not_equal(tmp_path: Path) -> None:
    """A changed value, another name and a missing file are differences."""
    values = np.arange(3, dtype=np.float32)
    for name, tensors in {
        "first": {"a": values},
        "changed": {"a": values + 1},
        "renamed": {"b": values},
    }.items():
        (tmp_path / name).mkdir()
        save_file(tensors, tmp_path / name / "shard-00000.safetensors")
    (tmp_path / "empty").mkdir()

    assert activations._equal(tmp_path / "first", tmp_path / "first")
    for name in ("changed", "renamed", "empty"):
        assert not activations._equal(tmp_path / "first", tmp_path / name)
