"""Folder of a declared network while `scripts.train` writes it: a server reads whole results."""

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from models import registry
from models.declaration.toml_file import DeclarationError
from models.runtime import checkpoints
from models.runtime.checkpoints import CheckpointError
from scripts import train
from tests.reliability.crash_states import Disk, materialise
from tests.reliability.recorder import Recorder


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """Command line that trains a network of a few units for two epochs."""
    folder = tmp_path / "letters"
    folder.mkdir()
    (folder / "lightwell.toml").write_text(
        'format = 1\nclasses = ["a", "b"]\ninput = { alphabet = "ab", encoding = "one-hot" }\n'
        'layers = ["rnn 3", "dense 2"]\n'
    )
    (folder / "recipe.toml").write_text("epochs = 2\nbatch = 4\nvalidation = 0\n")
    (tmp_path / "words.txt").write_text("ab a\nba b\n" * 4)
    return ["--declaration", str(folder), "--data", str(tmp_path / "words.txt"), "--output"]


def test_a_folder_in_training_is_whole_or_refused(command: list[str], tmp_path: Path) -> None:
    """After each operation of the trainer a server loads the final weights, or names their lack."""
    output = tmp_path / "runs" / "letters"
    recorder = Recorder(tmp_path / "runs")
    (tmp_path / "runs").mkdir()
    with recorder.recording():
        assert train.main([*command, str(output)]) == 0
    final = checkpoints.load(output / "weights.safetensors").digest
    disk, loaded = Disk(), []
    for number, operation in enumerate(recorder.operations):
        disk.apply(operation)
        if operation.kind not in ("mkdir", "replace", "unlink"):
            continue
        folder = tmp_path / f"state-{number}"
        folder.mkdir()
        materialise(disk.killed(), folder)
        try:
            loaded.append(registry.load_folder(folder / "letters").checkpoint.digest)
        except (CheckpointError, DeclarationError):
            assert not loaded
        shutil.rmtree(folder)
    assert set(loaded) == {final}


def test_a_reader_beside_a_writer_gets_whole_checkpoints(tmp_path: Path) -> None:
    """Each read while another thread replaces the file has the old values or the new ones."""
    path, wanted = tmp_path / "weights.safetensors", set()
    written = [{"kernel": np.full(20_000, one, np.float32)} for one in (1, 2)]
    checkpoints.save(path, written[0], {})
    wanted = {checkpoints.digest(one) for one in written}
    done = threading.Event()

    def replace() -> None:
        for number in range(60):
            checkpoints.save(path, written[number % 2], {"number": number})
        done.set()

    writer = threading.Thread(target=replace)
    writer.start()
    found = [checkpoints.load(path).digest]
    while not done.is_set():
        found.append(checkpoints.load(path).digest)
    writer.join()
    assert set(found) <= wanted
    assert len(found) > 2
