"""Runs of scripts.activations in tests: shards read back, arrays joined over them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from scripts.activations.__main__ import main
from tests.servers import ROOT

TFDS = ROOT / "tests" / "tensorflow_datasets"
"""Data sets of TensorFlow Datasets that are prepared: the test images of MNIST."""


def index_of(folder: Path) -> dict[str, Any]:
    """Return the index of a run."""
    found: dict[str, Any] = json.loads((folder / "index.json").read_text())
    return found


def joined(folder: Path) -> dict[str, np.ndarray]:
    """Return the tensors of all shards, joined along the rows."""
    shards = [load_file(folder / one["file"]) for one in index_of(folder)["shards"]]
    return {name: np.concatenate([one[name] for one in shards]) for name in shards[0]}


def run(*arguments: object) -> int:
    """Run scripts.activations with a command line; return its exit status."""
    return main([str(one) for one in arguments])


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run a command line that must be refused; return the one line of standard error."""
    assert run(*arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("scripts.activations: ")
    return line
