"""Run directory of a training run: checkpoints, metrics, and a lock against concurrent runs."""

import json
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.runtime import checkpoints
from models.runtime.checkpoints import CheckpointError, Tensors
from models.runtime.durable_files import (
    append,
    create_folder,
    remove_partial_files,
    write_atomically,
)
from models.runtime.folder_lock import FolderLockedError, locked
from models.runtime.training_loop import restore_state, state_tensors

logger = logging.getLogger(__name__)

# More than one, as a fault of the disk can damage the newest.
_KEPT = 3

MAX_SHOWN = 24
"""Characters of an option's value that an error about a run directory shows."""

_FILE = re.compile(r"round-(\d+)\.safetensors")
"""Name of a checkpoint in a run directory; its group is the number of rounds."""

RECIPE = "recipe"
"""Option of a run directory: hyperparameters, which runs of version 0.2 and before do not state."""

_STATED = frozenset({"rounds", "seconds", "options"})
"""Metadata of a checkpoint in a run directory."""


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
    """Run directory that one training run writes to, while it holds it by `claim`.

    ```
    runs/lstm/
      lstm.safetensors            the trained weights, at the end
      lstm.report.json            options, metrics and versions of the run
      metrics.jsonl               one line per round
      checkpoints/round-00012.safetensors …     training state, for resuming
      milestones/round-00004.safetensors …      parameters only, kept from during training
    ```

    Args:
        options: Options that determine the result; a run resumes only with equal ones.
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
        name = _file_name(progress.rounds)
        checkpoints.save(self.path / "checkpoints" / name, state_tensors(progress.state), described)
        self._remove_old(progress.rounds)
        for number, later in self._checkpoints().items():
            # It was refused when the run resumed before it.
            if number > progress.rounds:
                later.unlink(missing_ok=True)

    def keep(self, rounds: int, parameters: Tensors) -> None:
        """Write parameters after some rounds into the run directory as a permanent checkpoint."""
        path = self.path / "milestones" / _file_name(rounds)
        checkpoints.save(path, parameters, {"rounds": rounds})

    def has_training_checkpoints(self) -> bool:
        """Return whether the run directory has permanent checkpoints; none is read."""
        return bool(_numbered(self.path / "milestones"))

    def training_checkpoints(self) -> dict[str, Tensors]:
        """Return the parameters of the run directory's permanent checkpoints, by name."""
        files = _numbered(self.path / "milestones")
        return {f"round-{number}": checkpoints.load(path).tensors for number, path in files.items()}

    def latest(self, start: Any) -> Progress:
        """Return the run directory's newest intact checkpoint to resume from, or the initial state.

        Metrics of later rounds are dropped: those rounds will be repeated.

        Raises:
            RunError: The checkpoints are those of a run with other options.
        """
        progress = self._newest_whole(start) or Progress(start, 0, 0.0)
        kept = [line for line in self.metrics() if line["round"] <= progress.rounds]
        content = "".join(json.dumps(line) + "\n" for line in kept)
        write_atomically(self._metrics, content.encode())
        self._remove_old(progress.rounds)  # left by a run that was killed before it did so
        return progress

    def record(self, line: Mapping[str, Any]) -> None:
        """Append the metrics of one training round to the run directory."""
        # On the disk before the checkpoint of the round, which drops no metrics when it resumes.
        append(self._metrics, (json.dumps(line) + "\n").encode())

    def metrics(self) -> list[dict[str, Any]]:
        """Return the metrics of all rounds in the run directory, without damaged lines."""
        if not self._metrics.exists():
            return []
        lines = self._metrics.read_bytes().splitlines(keepends=True)
        found = [_metrics_of(line) for line in lines]
        # The last line is incomplete where the process was killed while it wrote.
        for number, one in enumerate(found[:-1], 1):
            if one is None:
                logger.warning("%s: line %d is damaged and left out", self._metrics.name, number)
        return [one for one in found if one is not None]

    def _checkpoints(self) -> dict[int, Path]:
        return _numbered(self.path / "checkpoints")

    def _remove_old(self, rounds: int) -> None:
        """Remove checkpoints up to a number of rounds from the run directory, but the newest."""
        files = [path for number, path in self._checkpoints().items() if number <= rounds]
        for path in files[:-_KEPT]:
            path.unlink(missing_ok=True)

    def _newest_whole(self, start: Any) -> Progress | None:
        for rounds, path in reversed(self._checkpoints().items()):
            try:
                return self._resumed(rounds, path, start)
            except CheckpointError as error:
                logger.warning("%s; going back to the checkpoint before it", error)
        return None

    def _resumed(self, rounds: int, path: Path, start: Any) -> Progress:
        """Return the progress that a checkpoint of the run directory holds.

        Raises:
            CheckpointError: The file is damaged, no training state, or that of another network.
            RunError: It belongs to a run with other options.
        """
        checkpoint = checkpoints.load(path)
        described = checkpoint.metadata
        if not described.keys() >= _STATED or described["rounds"] != rounds:
            msg = f"{path.name} does not state the round, time and options of its run"
            raise CheckpointError(msg)
        before, now = described["options"], self._options
        if isinstance(before, dict) and RECIPE not in before:
            now = {name: value for name, value in now.items() if name != RECIPE}
        if before != now:
            changed = _changed(before, now)
            msg = f"{self.path} holds a run with other options: {changed}"
            raise RunError(msg)
        try:
            state = restore_state(checkpoint.tensors, start)
        except CheckpointError as error:
            msg = f"{path.name} is of another network: {error}"
            raise CheckpointError(msg) from error
        return Progress(state, rounds, float(described["seconds"]))


@contextmanager
def claim(path: Path, *, resume: bool, results: Sequence[str] = ()) -> Iterator[None]:
    """Lock a run directory for one training run; a second run is refused immediately.

    Args:
        path: The directory, created if it does not exist.
        resume: Whether to resume the existing run; otherwise there must be none.
        results: Names of files that the run writes at its end. Those of a run are replaced.

    Raises:
        RunError: Another run holds the lock, or has written here and is not to be resumed; or the
            directory has results of another origin.
        OSError: It cannot be created or written to.
    """
    create_folder(path)
    with ExitStack() as held:
        try:
            held.enter_context(locked(path))
        except FolderLockedError as error:
            msg = f"another training run is writing to {path}"
            raise RunError(msg) from error
        _check_free(path, results, resume=resume)
        for folder in (path, *path.glob("*/")):
            remove_partial_files(folder)
        yield


def _check_free(path: Path, results: Sequence[str], *, resume: bool) -> None:
    """Check that a training run may write to a run directory.

    Raises:
        RunError: It holds a run that is not to be resumed, or results of another origin.
    """
    if not RunDirectory(path, {}).is_new():
        if not resume:
            msg = f"{path} holds a run: give --resume, or another --output"
            raise RunError(msg)
        return
    # Converted weights, or a declaration that was written by hand.
    for name in results:
        if os.path.lexists(path / name):
            msg = f"{path / name} exists, and no training run wrote it: give another --output"
            raise RunError(msg)


def _changed(before: Any, now: Mapping[str, Any]) -> str:
    """List the options of a run directory that have changed, short ones with both values."""
    if not isinstance(before, dict):
        return "none that are known"
    changed = []
    for name in sorted(before.keys() | now.keys()):
        one, other = before.get(name), now.get(name)
        if one == other:
            continue
        if isinstance(one, dict) and isinstance(other, dict):
            changed.append(_changed(one, other))
            continue
        is_short = max(len(repr(one)), len(repr(other))) <= MAX_SHOWN
        changed.append(f"{name} was {one!r}, now {other!r}" if is_short else f"{name} has changed")
    return "; ".join(changed)


def _file_name(rounds: int) -> str:
    """Return the name of the checkpoint after a number of rounds in a run directory."""
    return f"round-{rounds:05d}.safetensors"


def _numbered(folder: Path) -> dict[int, Path]:
    """Return the checkpoints in a folder of a run directory, by number of rounds in their order."""
    names = ((path, _FILE.fullmatch(path.name)) for path in folder.glob("round-*"))
    return dict(sorted((int(name[1]), path) for path, name in names if name))


def _metrics_of(line: bytes) -> dict[str, Any] | None:
    """Parse a line of a run directory's metrics; None if it is damaged."""
    try:
        found = json.loads(line) if line.endswith(b"\n") else None
    except (ValueError, RecursionError):
        return None
    is_whole = isinstance(found, dict) and isinstance(found.get("round"), int)
    return found if is_whole else None
