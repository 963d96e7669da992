"""Training runs that are killed, or lose power, between any two operations on the disk."""

import os
import shutil
from pathlib import Path

import pytest

from models.runtime import checkpoints
from models.runtime.training_loop import state_tensors
from scripts.run_directory import RunDirectory
from tests.reliability.crash_states import crash_states, materialise
from tests.reliability.recorder import Operation, Recorder
from tests.reliability.tiny_training import Runs, partial_files, results, states


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(monkeypatch)


@pytest.fixture
def fast_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave synchronisation out of runs that are not recorded."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


@pytest.fixture
def recorded(runs: Runs, tmp_path: Path) -> list[Operation]:
    """Operations of an uninterrupted run, with a mark where a round's checkpoint is saved."""
    recorder = Recorder(tmp_path)
    save = RunDirectory.save

    def marked(directory: RunDirectory, progress: object) -> None:
        save(directory, progress)
        recorder.mark("saved")

    with pytest.MonkeyPatch.context() as patch, recorder.recording():
        patch.setattr(RunDirectory, "save", marked)
        assert runs.run(tmp_path / "run") == 0
    return recorder.operations


def test_a_run_resumes_from_every_crash_state(
    runs: Runs, recorded: list[Operation], tmp_path: Path, fast_disk: None
) -> None:
    """From each state a run resumes at a whole round, no saved one is lost, and results are equal.

    Parameters, metrics, report and files equal those of the uninterrupted run to the bit.
    """
    whole, expected = results(tmp_path / "run"), states()
    count = 0
    for number, tree in crash_states(recorded):
        saved = sum(one.kind == "saved" for one in recorded[:number])
        folder = tmp_path / f"crash-{count}"
        folder.mkdir()
        materialise(tree, folder)
        assert runs.run(folder / "run", "--resume") == 0
        progress = runs.resumed[-1]
        assert progress.rounds >= saved
        assert checkpoints.digest(state_tensors(progress.state)) == expected[progress.rounds]
        assert results(folder / "run") == whole
        assert partial_files(folder) == []
        shutil.rmtree(folder)
        count += 1
    assert count > 100


@pytest.mark.parametrize("omitted", ["fsync", "sync"])
def test_the_crash_states_show_a_missing_synchronisation(
    runs: Runs, recorded: list[Operation], tmp_path: Path, fast_disk: None, omitted: str
) -> None:
    """Without the synchronisation of files, or that of folders, a crash loses a saved round."""
    careless = [one for one in recorded if one.kind != omitted]
    lost = False
    for number, tree in crash_states(careless[:40]):
        saved = sum(one.kind == "saved" for one in careless[:number])
        folder = tmp_path / "crash"
        folder.mkdir()
        materialise(tree, folder)
        runs.run(folder / "run", "--resume")
        lost = lost or runs.resumed[-1].rounds < saved
        shutil.rmtree(folder)
        if lost:
            return
    pytest.fail("no crash state lost a round")
