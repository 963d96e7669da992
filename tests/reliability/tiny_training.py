"""Training runs of a network of a few numbers, which take milliseconds without a compiler."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.runtime import checkpoints
from models.runtime.checkpoints import Tensors
from models.runtime.training_loop import state_tensors
from scripts import train
from scripts.run_directory import Progress, RunDirectory

COMMAND = ["lstm", "--output"]
ROUNDS = 5


@dataclass(frozen=True)
class TinyConfig:
    """Hyperparameters of the tiny trainer."""

    factor: float = 1.7


class TinyTrainer:
    """Trainer whose state is a vector; each round changes it by its own value and the number."""

    config = TinyConfig()
    rounds = ROUNDS
    checkpoint_rounds = (0, 2)

    def start(self) -> Tensors:
        """Return the state before the first round."""
        return {"weights": np.linspace(-1, 1, 48, dtype=np.float32)}

    def run(self, state: Tensors, number: int) -> tuple[Tensors, dict[str, Any]]:
        """Return the state after a round."""
        factor = np.float32(self.config.factor)
        turned = np.sin(np.asarray(state["weights"]) * factor + np.float32(number))
        return {"weights": turned}, {"loss": float(turned.sum())}

    def network(self, state: Tensors) -> Tensors:
        """Return parameters by name."""
        return {"dense.kernel": np.asarray(state["weights"])}

    def finish(self, state: Tensors) -> tuple[Tensors, dict[str, Any], dict[str, Any]]:
        """Return final parameters, metadata and report."""
        return self.network(state), {"metrics": {"loss": 0.5}}, {"recipe": {}}


class Runs:
    """Runs of `scripts.train` with the tiny trainer; `resumed` is the progress that each loads."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.resumed: list[Progress] = []
        latest = RunDirectory.latest

        def noted(directory: RunDirectory, start: Any) -> Progress:
            self.resumed.append(latest(directory, start))
            return self.resumed[-1]

        patch.setattr(train, "_trainer", lambda _options: TinyTrainer())
        patch.setattr(RunDirectory, "latest", noted)

    def run(self, output: Path, *more: str) -> int:
        """Train in a folder; return the exit status."""
        return train.main([*COMMAND, str(output), *more])


def results(output: Path) -> dict[str, Any]:
    """Return all results of a run but for times and the command line."""
    report = json.loads((output / "lstm.report.json").read_text())
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    for line in (report, *report["rounds"], *lines):
        line.pop("seconds")
    report.pop("command")
    stored = {path.relative_to(output).as_posix(): path for path in output.rglob("*.safetensors")}
    digests = {name: checkpoints.load(path).digest for name, path in stored.items()}
    return {"report": report, "metrics": lines, "digests": digests}


def states() -> list[str]:
    """Return the digest of the training state after each number of rounds."""
    trainer, digests = TinyTrainer(), []
    state = trainer.start()
    for number in range(ROUNDS):
        digests.append(checkpoints.digest(state_tensors(state)))
        state, _ = trainer.run(state, number)
    return [*digests, checkpoints.digest(state_tensors(state))]


def partial_files(output: Path) -> list[str]:
    """Return the names of temporary files in a run directory."""
    return [name for _, _, names in os.walk(output) for name in names if "partial" in name]
