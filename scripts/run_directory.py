"""What a training run leaves on disk: its checkpoints, its metrics, and a lock against a second."""

import fcntl
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.runtime import checkpoints
from models.runtime.checkpoints import CheckpointError, Tensors
from models.runtime.training_loop import TrainingState, restore, state_tensors

logger = logging.getLogger(__name__)

_KEPT = 3


class RunError(Exception):
    """A run cannot start in this directory, or cannot go on in it."""


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        state: After the last whole round.
        rounds: How many rounds are done.
        seconds: How long they took, on all occasions together.
    """

    state: TrainingState
    rounds: int
    seconds: float


class RunDirectory:
    """A directory that one run writes to; obtained from `claim`.

    ```
    runs/lstm/
      lstm.safetensors            the trained weights, at the end
      lstm.report.json            how they were made
      metrics.jsonl               a line for each round
      checkpoints/round-00012.safetensors …
      milestones/round-00004.safetensors …      parameters only, from along the way
    ```
    """

    def __init__(self, path: Path, options: Mapping[str, Any]) -> None:
        self.path = path
        self._options = dict(options)
        self._metrics = path / "metrics.jsonl"

    def is_new(self) -> bool:
        """Return whether no run has written here."""
        return not self._metrics.exists() and not self._checkpoints()

    def save(self, progress: Progress) -> None:
        """Write a checkpoint and remove all but the newest three."""
        described = {
            "rounds": progress.rounds,
            "seconds": progress.seconds,
            "options": self._options,
        }
        name = f"round-{progress.rounds:05d}.safetensors"
        checkpoints.save(self.path / "checkpoints" / name, state_tensors(progress.state), described)
        for old in self._checkpoints()[:-_KEPT]:
            old.unlink()

    def keep(self, rounds: int, parameters: Tensors) -> None:
        """Write the network as it is after so many rounds, to stay."""
        path = self.path / "milestones" / f"round-{rounds:05d}.safetensors"
        checkpoints.save(path, parameters, {"rounds": rounds})

    def milestones(self) -> dict[int, Tensors]:
        """Return the networks that were kept, by how many rounds they had."""
        files = sorted((self.path / "milestones").glob("round-*.safetensors"))
        kept = (checkpoints.load(file) for file in files)
        return {one.metadata["rounds"]: one.tensors for one in kept}

    def latest(self, start: TrainingState) -> Progress:
        """Return where to go on: after the newest checkpoint that is whole, else at the start.

        Metrics of later rounds are dropped: those rounds will be done again.

        Raises:
            RunError: The checkpoints are those of a run with other options.
        """
        progress = self._newest_whole(start) or Progress(start, 0, 0.0)
        kept = [line for line in self.metrics() if line["round"] <= progress.rounds]
        content = "".join(json.dumps(line) + "\n" for line in kept)
        checkpoints.write_atomically(self._metrics, content.encode())
        return progress

    def record(self, line: Mapping[str, Any]) -> None:
        """Add the metrics of one round."""
        with self._metrics.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """Return the metrics of all rounds; a last line that was cut off is left out."""
        if not self._metrics.exists():
            return []
        lines = self._metrics.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def _checkpoints(self) -> list[Path]:
        return sorted((self.path / "checkpoints").glob("round-*.safetensors"))

    def _newest_whole(self, start: TrainingState) -> Progress | None:
        for path in reversed(self._checkpoints()):
            try:
                checkpoint = checkpoints.load(path)
            except CheckpointError as error:
                logger.warning("%s; going back to the checkpoint before it", error)
                continue
            described = checkpoint.metadata
            if described["options"] != self._options:
                msg = f"{self.path} holds a run with other options: {described['options']}"
                raise RunError(msg)
            state = restore(checkpoint.tensors, start)
            return Progress(state, described["rounds"], described["seconds"])
        return None


@contextmanager
def claim(path: Path, options: Mapping[str, Any], *, resume: bool) -> Iterator[RunDirectory]:
    """Hold a directory for one run; a second that asks for it is refused at once.

    Args:
        path: The directory, made where it does not exist.
        options: What the run depends on; only a run with the same can go on in it.
        resume: Whether to go on with the run that is there; else there must be none.

    Raises:
        RunError: Another run holds the directory, or has written to it and is not to go on.
        OSError: It cannot be made or written to.
    """
    path.mkdir(parents=True, exist_ok=True)
    with (path / ".lock").open("w") as lock:
        try:
            # Held until the file is closed, by the system if the process is killed.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            msg = f"another training run is writing to {path}"
            raise RunError(msg) from error
        directory = RunDirectory(path, options)
        if not (resume or directory.is_new()):
            msg = f"{path} holds a run: give --resume, or another --output"
            raise RunError(msg)
        yield directory
