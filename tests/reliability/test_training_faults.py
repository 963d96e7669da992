"""Training runs on a disk that is full, faulty or read-only, and with damaged checkpoints."""

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from models.runtime import checkpoints
from scripts.run_directory import RunDirectory, RunError, claim
from tests.reliability.recorder import Recorder
from tests.reliability.tiny_training import Runs, partial_files, results

ERRORS = {
    errno.ENOSPC: "No space left on device",
    errno.EFBIG: "File too large",
    errno.EIO: "Input/output error",
    errno.EROFS: "Read-only file system",
    errno.EACCES: "Permission denied",
}


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(monkeypatch)


@contextmanager
def limited_files() -> Iterator[None]:
    """Limit the size of files that this process writes to 500 bytes, as `ulimit -f` does.

    Not a fixture: pytest writes its own report, perhaps to a file, before a fixture ends.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("number", ERRORS)
def test_a_failed_operation_ends_the_run_with_a_sentence(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    """Whichever operation fails, the saved rounds stay, no temporary file does, and it resumes."""
    recorder = Recorder(tmp_path)
    with recorder.recording():
        assert runs.run(tmp_path / "whole") == 0
    whole = results(tmp_path / "whole")
    for failing in range(len(recorder.operations)):
        output = tmp_path / f"failing-{failing}"
        with Recorder(tmp_path, failing, number).recording():
            status = runs.run(output)
        said = capsys.readouterr().err
        assert status == 1
        assert said.splitlines() == [f"scripts.train: cannot write to {output}: {ERRORS[number]}"]
        assert partial_files(tmp_path) == []
        saved = RunDirectory(output, {})._checkpoints()
        assert [checkpoints.load(path).metadata["rounds"] for path in saved.values()] == [*saved]
        assert runs.run(output, "--resume") == 0
        assert runs.resumed[-1].rounds == max(saved, default=0)
        assert results(output) == whole


def test_a_limit_of_file_sizes_ends_the_run_with_a_sentence(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file beyond the limit of the process is one sentence, and leaves no temporary file."""
    with limited_files():
        assert runs.run(tmp_path / "run") == 1
    assert capsys.readouterr().err.endswith(f"cannot write to {tmp_path / 'run'}: File too large\n")
    assert partial_files(tmp_path) == []


def test_a_flipped_bit_of_a_checkpoint_never_changes_the_results(
    runs: Runs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With any byte of the newest checkpoint altered, the run goes back a round, or reads it whole.

    Header and metadata count as much as values: the file is refused, or its content is equal.
    """
    assert runs.run(tmp_path / "run") == 0
    newest = tmp_path / "run" / "checkpoints" / "round-00005.safetensors"
    options = checkpoints.load(newest).metadata["options"]
    directory, content = RunDirectory(tmp_path / "run", options), newest.read_bytes()
    whole = directory.latest(_start())
    refused = 0
    for place in range(len(content)):
        altered = bytearray(content)
        altered[place] ^= 1 << place % 8
        newest.write_bytes(altered)
        found = directory.latest(_start())
        assert found.rounds in {4, 5}
        refused += found.rounds == 4
        if found.rounds == 5:
            assert np.array_equal(found.state["weights"], whole.state["weights"])
            assert found.seconds == whole.seconds
    assert refused > 0.9 * len(content)
    assert "going back to the checkpoint before it" in caplog.text


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"cos\nsystem\n(S'touch ran'\ntR.", "is not a whole safetensors file"),
        (b"", "is not a whole safetensors file"),
        (
            {"['weights']": np.zeros(3, np.float32)},
            r"is of another network: ['weights'] is float32",
        ),
        ({"['weights']": np.zeros(48, np.float16)}, "this run needs float32(48,)"),
        ({"['bias']": np.zeros(48, np.float32)}, "is in only one of the checkpoint and this run"),
        ({}, "does not state the round, time and options of its run"),
    ],
)
def test_an_unfit_checkpoint_is_passed_over_with_a_warning(
    runs: Runs,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    content: bytes | dict[str, np.ndarray],
    sentence: str,
) -> None:
    """A pickle, an empty file or another network's state costs rounds, and results are equal."""
    assert runs.run(tmp_path / "run") == 0
    whole = results(tmp_path / "run")
    newest = tmp_path / "run" / "checkpoints" / "round-00005.safetensors"
    metadata = checkpoints.load(newest).metadata if content else {}
    for path in (newest, newest.with_name("round-00009.safetensors")):
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            stated = {**metadata, "rounds": int(path.stem[-5:])} if metadata else {}
            checkpoints.save(path, content, stated)
    assert runs.run(tmp_path / "run", "--resume") == 0
    assert runs.resumed[-1].rounds == 4
    assert sentence in caplog.text
    assert caplog.text.count("going back to the checkpoint before it") == 2
    assert results(tmp_path / "run") == whole


def test_a_damaged_line_of_metrics_is_left_out(
    runs: Runs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A damaged line of metrics does not keep a run from resuming; a warning names it."""
    assert runs.run(tmp_path / "run") == 0
    metrics = tmp_path / "run" / "metrics.jsonl"
    lines = metrics.read_bytes().splitlines(keepends=True)
    metrics.write_bytes(b"".join([lines[0], b"\0\xff\n", *lines[2:]]))
    assert runs.run(tmp_path / "run", "--resume") == 0
    assert [line["round"] for line in results(tmp_path / "run")["metrics"]] == [1, 3, 4, 5]
    assert "metrics.jsonl: line 2 is damaged and left out" in caplog.text


def test_temporary_files_of_a_killed_run_are_removed(runs: Runs, tmp_path: Path) -> None:
    """A resumed run removes temporary files of every name, in each folder of the run."""
    assert runs.run(tmp_path / "run") == 0
    for folder in ("", "checkpoints", "milestones"):
        (tmp_path / "run" / folder / ".round-00007.safetensors.abc.partial").write_bytes(b"half")
    assert runs.run(tmp_path / "run", "--resume") == 0
    assert partial_files(tmp_path) == []


def test_a_second_run_ends_before_it_writes(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second run in the directory of a running one exits with a sentence and changes nothing."""
    assert runs.run(tmp_path / "run") == 0
    before = results(tmp_path / "run")
    with claim(tmp_path / "run", resume=True):
        partial = tmp_path / "run" / ".lstm.safetensors.abc.partial"
        partial.write_bytes(b"of the running one")
        assert runs.run(tmp_path / "run", "--resume") == 1
        assert "another training run is writing to" in capsys.readouterr().err
        assert partial.exists()
        with pytest.raises(RunError), claim(tmp_path / "run", resume=True):
            pytest.fail("claimed twice")
    assert results(tmp_path / "run") == before


def _start() -> dict[str, np.ndarray]:
    return {"weights": np.zeros(48, np.float32)}
