"""Run directory of a training run: checkpoints, metrics, and a lock against concurrent runs."""

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
from models.runtime.training_loop import restore_state, state_tensors

logger = logging.getLogger(__name__)

# More than one, as a crash of the machine can damage the newest.
_KEPT = 3


class RunError(Exception):
    """Run directory in which a training run cannot start or resume."""


@dataclass(frozen=True)
class Progress:
    """Progress of a training run in its run directory: state, completed rounds, elapsed time.

    Attributes:
        state: Training state after the last completed round.
        rounds: Number of completed rounds.
        seconds: Training time, summed over all resumed runs.
    """

    state: Any
    rounds: int
    seconds: float


class RunDirectory:
    """Run directory that one training run writes to; obtained from `claim`.

    ```
    runs/lstm/
      lstm.safetensors            the trained weights, at the end
      lstm.report.json            options, metrics and versions of the run
      metrics.jsonl               one line per round
      checkpoints/round-00012.safetensors …     training state, for resuming
      milestones/round-00004.safetensors …      parameters only, kept from during training
    ```
    """

    def __init__(self, path: Path, options: Mapping[str, Any]) -> None:
        self.path = path
        self._options = dict(options)
        self._metrics = path / "metrics.jsonl"

    def is_new(self) -> bool:
        """Return whether no training run has written to the run directory."""
        return not self._metrics.exists() and not self._checkpoints()

    def save(self, progress: Progress) -> None:
        """Write a checkpoint into the run directory and remove all but the newest three."""
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
        """Write parameters after some rounds into the run directory as a permanent checkpoint."""
        path = self.path / "milestones" / f"round-{rounds:05d}.safetensors"
        checkpoints.save(path, parameters, {"rounds": rounds})

    def training_checkpoints(self) -> dict[str, Tensors]:
        """Return the parameters of the run directory's permanent checkpoints, by name."""
        files = sorted((self.path / "milestones").glob("round-*.safetensors"))
        kept = (checkpoints.load(file) for file in files)
        return {f"round-{one.metadata['rounds']}": one.tensors for one in kept}

    def latest(self, start: Any) -> Progress:
        """Return the run directory's newest intact checkpoint to resume from, or the initial state.

        Metrics of later rounds are dropped: those rounds will be repeated.

        Raises:
            RunError: The checkpoints are those of a run with other options.
        """
        progress = self._newest_whole(start) or Progress(start, 0, 0.0)
        kept = [line for line in self.metrics() if line["round"] <= progress.rounds]
        content = "".join(json.dumps(line) + "\n" for line in kept)
        checkpoints.write_atomically(self._metrics, content.encode())
        return progress

    def record(self, line: Mapping[str, Any]) -> None:
        """Append the metrics of one training round to the run directory."""
        with self._metrics.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """Return the metrics of all rounds in the run directory, without a truncated last line."""
        if not self._metrics.exists():
            return []
        # The last line is incomplete where the process was killed while it wrote.
        lines = self._metrics.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def _checkpoints(self) -> list[Path]:
        return sorted((self.path / "checkpoints").glob("round-*.safetensors"))

    def _newest_whole(self, start: Any) -> Progress | None:
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
            state = restore_state(checkpoint.tensors, start)
            return Progress(state, described["rounds"], described["seconds"])
        return None


@contextmanager
def claim(path: Path, options: Mapping[str, Any], *, resume: bool) -> Iterator[RunDirectory]:
    """Lock a run directory for one training run; a second run is refused immediately.

    Args:
        path: The directory, created if it does not exist.
        options: Options that determine the result; a run resumes only with equal ones.
        resume: Whether to resume the existing run; otherwise there must be none.

    Raises:
        RunError: Another run holds the lock, or has written here and is not to be resumed.
        OSError: It cannot be created or written to.
    """
    path.mkdir(parents=True, exist_ok=True)
    with (path / ".lock").open("w") as lock:
        try:
            # The kernel releases the lock if the process is killed.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            msg = f"another training run is writing to {path}"
            raise RunError(msg) from error
        directory = RunDirectory(path, options)
        if not (resume or directory.is_new()):
            msg = f"{path} holds a run: give --resume, or another --output"
            raise RunError(msg)
        yield directory
