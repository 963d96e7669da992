"""Folder of shards: killed at every write, locked, and refused where it holds other files."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.runtime.folder_lock import locked
from scripts.activations.shard_folder import FolderError, claim
from scripts.activations.storage import SafetensorsStorage, Shard
from tests.scripts.activations.runs import index_of
from tests.servers import ROOT, TIMEOUT_S

FACTS = {"model": "cnn", "weights": "digest", "shard_rows": 2, "data": {"digest": "rows"}}

KILLED = """
import os, sys
from pathlib import Path
import numpy as np
from scripts.activations.shard_folder import claim
from scripts.activations.storage import SafetensorsStorage, Shard

FACTS = {"model": "cnn", "weights": "digest", "shard_rows": 2, "data": {}}
CALLS = ("write", "fsync", "replace", "open", "close", "fchmod")

def write(folder):
    with claim(folder, FACTS, 3, SafetensorsStorage) as held:
        for number in held.missing:
            rows = np.arange(2, dtype=np.float32) + 10 * number
            held.store(Shard(number, 2 * number, {"a": rows, "b": rows[:, None]}, {}))

def die_at(count):
    calls = [0]
    def counted(call):
        def made(*arguments, **more):
            calls[0] += 1
            if calls[0] == count:
                # Half of the content reaches the file.
                if call is os_write:
                    os_write(arguments[0], arguments[1][: len(arguments[1]) // 2])
                os._exit(9)
            return call(*arguments, **more)
        return made
    os_write = os.write
    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))

def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}

base = Path(sys.argv[1])
write(base / "whole")
expected, count, status = contents(base / "whole"), 0, 9
while status:
    count += 1
    folder = base / str(count)
    child = os.fork()
    if not child:
        die_at(count)
        write(folder)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in {0, 9}, status
    write(folder)
    assert contents(folder) == expected, count
print(count)
"""
"""Program without JAX's threads, which kills a writer at each of its calls of the system."""


def shard(number: int) -> Shard:
    """Make a shard of two rows."""
    return Shard(number, 2 * number, {"a": np.full(2, number, np.float32)}, {})


def test_a_kill_at_any_write_loses_at_most_one_shard(tmp_path: Path) -> None:
    """Killed at any call of the system, the next run ends with the files of a whole one."""
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    done = subprocess.run(  # noqa: S603
        command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 60


def test_whole_shards_are_not_computed_again(tmp_path: Path) -> None:
    """A run that is begun again has the shards that were stored, and lacks the others."""
    with claim(tmp_path, FACTS, 3, SafetensorsStorage) as folder:
        folder.store(shard(1))
    assert not index_of(tmp_path)["complete"]
    with claim(tmp_path, FACTS, 3, SafetensorsStorage) as folder:
        assert (folder.missing, folder.rows, folder.damaged) == ([0, 2], 2, [])


def test_the_same_rows_from_another_path_go_on(tmp_path: Path) -> None:
    """The spelling of the data set's place is no other run; other rows are."""
    first = {**FACTS, "data": {"source": "a.npy", "digest": "rows"}}
    with claim(tmp_path, first, 1, SafetensorsStorage) as folder:
        folder.store(shard(0))
    moved = {**FACTS, "data": {"source": "b.npy", "digest": "rows"}}
    with claim(tmp_path, moved, 1, SafetensorsStorage) as folder:
        assert not folder.missing
    other = {**FACTS, "data": {"source": "a.npy", "digest": "others"}}
    with (
        pytest.raises(FolderError, match="another data set"),
        claim(tmp_path, other, 1, SafetensorsStorage),
    ):
        pass


def test_an_index_without_a_fact_is_of_an_older_version(tmp_path: Path) -> None:
    """An index that does not state what this version compares is refused, and says why."""
    with claim(tmp_path, FACTS, 1, SafetensorsStorage) as folder:
        folder.store(shard(0))
    before = (tmp_path / "index.json").read_bytes()
    words = "of an older version of Lightwell, whose index.json does not state the declaration of"
    with (
        pytest.raises(FolderError, match=words),
        claim(tmp_path, {**FACTS, "declaration": "digest"}, 1, SafetensorsStorage),
    ):
        pass
    assert (tmp_path / "index.json").read_bytes() == before


def test_a_second_run_is_refused(tmp_path: Path) -> None:
    """While one run writes, another one is refused at once."""
    with (
        locked(tmp_path),
        pytest.raises(FolderError, match="another process writes to"),
        claim(tmp_path, FACTS, 1, SafetensorsStorage),
    ):
        pass


@pytest.mark.parametrize("content", ["{", "[]", '{"shards": 1}', "[" * 100_000])
def test_a_file_that_is_no_index_is_refused(tmp_path: Path, content: str) -> None:
    """An index that cannot be read is a sentence, and stays as it is."""
    (tmp_path / "index.json").write_text(content)
    with (
        pytest.raises(FolderError, match="index.json .*give another --out"),
        claim(tmp_path, FACTS, 1, SafetensorsStorage),
    ):
        pass
    assert (tmp_path / "index.json").read_text() == content


ENTRIES = {
    "no file": {"file": None},
    "no size": {"bytes": None},
    "no checksum": {"crc32": None},
    "no first row": {"first_row": None},
    "no rows": {"rows": None},
    "another file": {"file": 1},
    "a file with a NUL": {"file": "a\0"},
    "a first row within a shard": {"first_row": 3},
    "a negative first row": {"first_row": -2},
    "a first row behind the last": {"first_row": 6},
    "too many rows": {"rows": 3},
}
"""Keys of a damaged entry; None for one that is missing."""


@pytest.mark.parametrize("fault", ENTRIES)
def test_a_shard_with_a_damaged_entry_is_computed_again(tmp_path: Path, fault: str) -> None:
    """An entry without a key, or with a wrong value, is that of a shard which is missing."""
    with claim(tmp_path, FACTS, 3, SafetensorsStorage) as folder:
        for number in range(3):
            folder.store(shard(number))
    whole = (tmp_path / "index.json").read_text()
    index = json.loads(whole)
    changed = {**index["shards"][1], **ENTRIES[fault]}
    index["shards"][1] = {key: value for key, value in changed.items() if value is not None}
    (tmp_path / "index.json").write_text(json.dumps(index))

    with claim(tmp_path, FACTS, 3, SafetensorsStorage) as folder:
        assert (folder.missing, folder.rows) == ([1], 4)
        folder.store(shard(1))
    assert (tmp_path / "index.json").read_text() == whole


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    """A folder without an index, in which the user has files, is left alone."""
    (tmp_path / "thesis.txt").write_text("mine")
    with (
        pytest.raises(FolderError, match="other files such as thesis.txt"),
        claim(tmp_path, FACTS, 1, SafetensorsStorage),
    ):
        pass
