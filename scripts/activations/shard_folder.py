"""Folder of the shards of scripts.activations with their index, which a killed run leaves whole.

activations/
  index.json                 plan, and each shard that is stored with its checksum
  shard-00000.safetensors …  or .parquet, or activations.zarr
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models.printable import printable
from models.runtime.durable_files import create_folder, remove_partial_files, write_atomically
from models.runtime.folder_lock import FolderLockedError, locked
from models.whole_files import WholeFileError, read_whole
from scripts.activations.storage import Shard, Storage

INDEX = "index.json"
MAX_INDEX_BYTES = 2**28

COUNTS = ("first_row", "rows")
"""Numbers that every entry of a shard has in the index of scripts.activations."""

NAMES = {
    "format": "version of the index",
    "model": "network",
    "weights": "weights",
    "declaration": "declaration of the network",
    "data": "data set",
    "tensors": "layers or reductions",
    "versions": "version of JAX",
    "storage": "format",
    "shard_rows": "size of shards",
}
"""Name of each fact of the index of scripts.activations in a sentence, where it is another one."""


class FolderError(Exception):
    """A folder that scripts.activations cannot write to: it holds another run's results."""


class ShardFolder:
    """Folder to which one run of scripts.activations writes; obtained from `claim`.

    Attributes:
        damaged: Numbers of the shards of an earlier run that are missing or altered.
    """

    def __init__(self, path: Path, facts: Mapping[str, Any], shards: int, storage: Storage) -> None:
        self.path = path
        self._facts, self._shards, self._storage = facts, shards, storage
        found = _read(path)
        if found is not None:
            _check(path, found, facts)
        entries = {} if found is None else _entries(found, facts["shard_rows"], shards)
        self._entries = {
            number: entry for number, entry in entries.items() if storage.is_whole(path, entry)
        }
        self.damaged = sorted(entries.keys() - self._entries.keys())
        # The index first: a folder with other files and no index is refused.
        self._write()
        storage.prepare(path, is_new=not self._entries)

    @property
    def missing(self) -> list[int]:
        """Numbers of the shards of scripts.activations that are not stored yet."""
        return [one for one in range(self._shards) if one not in self._entries]

    @property
    def rows(self) -> int:
        """Rows of the shards of scripts.activations that are stored."""
        return sum(entry["rows"] for entry in self._entries.values())

    def store(self, shard: Shard) -> None:
        """Store a shard of scripts.activations, and enter it into the index.

        Raises:
            OSError: The file system is full, read-only or faulty.
        """
        self.enter(shard.number, self._storage.write(self.path, shard))

    def enter(self, number: int, entry: Mapping[str, Any]) -> None:
        """Enter a shard of scripts.activations into the index that is stored already."""
        self._entries[number] = dict(entry)
        self._write()

    def _write(self) -> None:
        """Write the index of scripts.activations."""
        shards = [self._entries[number] for number in sorted(self._entries)]
        lines = ",\n".join(f"  {json.dumps(one)}" for one in shards)
        facts = json.dumps({**self._facts, "complete": not self.missing}, indent=1)
        # A line for each shard.
        content = f'{facts[:-2]},\n "shards": [\n{lines}\n ]\n}}\n'
        write_atomically(self.path / INDEX, content.encode())


@contextmanager
def claim(
    path: Path, facts: Mapping[str, Any], shards: int, make_storage: Callable[[], Storage]
) -> Iterator[ShardFolder]:
    """Lock a folder for one run of scripts.activations, and check the shards that it has.

    Raises:
        FolderError: It holds the results of other arguments or weights, or other files, or another
            run writes to it.
        OSError: It cannot be created or written to.
    """
    storage = make_storage()
    create_folder(path)
    try:
        with locked(path):
            remove_partial_files(path)
            yield ShardFolder(path, facts, shards, storage)
    except FolderLockedError as error:
        raise FolderError(str(error)) from error


def _read(path: Path) -> dict[str, Any] | None:
    """Return the index of an earlier run of scripts.activations; None for an empty folder."""
    file = path / INDEX
    if not file.exists():
        others = [one.name for one in path.iterdir() if not one.name.startswith(".")]
        if others:
            msg = (
                f"{path} has no {INDEX}, and other files such as {printable(min(others))}: give "
                "--out an empty or a new folder"
            )
            raise FolderError(msg)
        return None
    try:
        found = json.loads(read_whole(file, MAX_INDEX_BYTES))
    except (WholeFileError, ValueError, RecursionError) as error:
        msg = f"{file} cannot be read: remove it, or give another --out"
        raise FolderError(msg) from error
    if not isinstance(found, dict) or not isinstance(found.get("shards"), list):
        msg = f"{file} is no index of activations: remove it, or give another --out"
        raise FolderError(msg)
    return found


def _check(path: Path, found: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Check that the index of an earlier run of scripts.activations has the facts of this one."""
    for name, value in facts.items():
        noun = NAMES.get(name, name)
        if name not in found:
            msg = (
                f"{path} has activations of an older version of Lightwell, whose {INDEX} does not "
                f"state the {noun}; give another --out"
            )
            raise FolderError(msg)
        there, here = _compared(name, found[name]), _compared(name, value)
        if there != here:
            details = f": {_shown(there)}, not {_shown(here)}" if name != "tensors" else ""
            msg = f"{path} has activations with another {noun}{details}; give another --out"
            raise FolderError(msg)


def _compared(name: str, value: Any) -> Any:
    """Return a fact of the index of scripts.activations as it is compared."""
    if name == "data" and isinstance(value, dict):
        # The same rows may have another path.
        return {key: one for key, one in value.items() if key != "source"}
    return value


def _shown(value: Any) -> str:
    """Return a fact of the index of scripts.activations for a sentence."""
    text = value if isinstance(value, str) else json.dumps(value)
    return printable(text, 80)


def _entries(found: Mapping[str, Any], shard_rows: int, shards: int) -> dict[int, dict[str, Any]]:
    """Return the shards in the index of an earlier run of scripts.activations, by number.

    Entries of a damaged index that are of no shard are left out.
    """
    first_rows = range(0, shards * shard_rows, shard_rows)
    return {
        entry["first_row"] // shard_rows: entry
        for entry in found["shards"]
        if isinstance(entry, dict)
        and all(type(entry.get(key)) is int for key in COUNTS)
        and entry["first_row"] in first_rows
        and 1 <= entry["rows"] <= shard_rows
    }
