"""Crash states: every content of a folder that a crash during recorded operations may leave.

A *killed* process leaves its operations so far, and a part of the last write. A *loss of power* may
also lose everything that was not synchronised: any subset of the changes of names, and new data of
a file in part or as zeros, since its length may reach the disk before its bytes.
"""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.reliability.recorder import Operation

Tree = dict[str, bytes | None]
"""Content of files by relative path; None for a folder."""

Names = dict[str, int | None]
"""Changes of names: number of a file or folder by path, None where the name is removed."""

FOLDER = -1
"""Number of any folder."""


class Disk:
    """Model of a disk: files and names in memory, and those of them that were synchronised."""

    def __init__(self) -> None:
        self._data: list[bytes] = []
        self._synced: list[bytes] = []
        self._names: Names = {}
        self._synced_names: Names = {}
        self._pending: list[tuple[str, Names]] = []

    def apply(self, operation: Operation) -> None:
        """Apply an operation; marks of a test change nothing."""
        kind, path = operation.kind, operation.path
        if kind == "create":
            self._data.append(b"")
            self._synced.append(b"")
            self._change(path, {path: len(self._data) - 1})
        elif kind == "mkdir":
            self._change(path, {path: FOLDER})
        elif kind == "unlink":
            self._change(path, {path: None})
        elif kind == "replace":
            self._change(path, {path: None, operation.target: self._names[path]})
        elif kind == "write":
            self._data[self._number(path)] += operation.content
        elif kind == "fsync":
            self._synced[self._number(path)] = self._data[self._number(path)]
        elif kind == "sync":
            self._synchronise(path)

    def _number(self, path: str) -> int:
        number = self._names[path]
        assert number is not None
        return number

    def _change(self, path: str, names: Names) -> None:
        self._names.update(names)
        self._pending.append((Path(path).parent.as_posix(), names))

    def _synchronise(self, folder: str) -> None:
        for place, names in self._pending:
            if place == folder:
                self._synced_names.update(names)
        self._pending = [change for change in self._pending if change[0] != folder]

    def killed(self) -> Tree:
        """Return the content that a killed process leaves."""
        return _tree(self._names, dict(enumerate(self._data)))

    def without_power(self) -> Iterator[Tree]:
        """Yield the contents that a loss of power may leave."""
        for chosen in itertools.product((False, True), repeat=len(self._pending)):
            names = dict(self._synced_names)
            for (_, change), arrived in zip(self._pending, chosen, strict=True):
                names.update(change if arrived else {})
            numbers = sorted({one for one in names.values() if one is not None and one != FOLDER})
            for contents in itertools.product(*(self._arrived(number) for number in numbers)):
                yield _tree(names, dict(zip(numbers, contents, strict=True)))

    def _arrived(self, number: int) -> list[bytes]:
        """Return the contents of a file that may have arrived on the disk."""
        old, new = self._synced[number], self._data[number]
        if old == new:
            return [new]
        added = len(new) - len(old)
        return [old, new, new[: len(old) + added // 2], old + bytes(added)]


def _tree(names: Names, contents: dict[int, bytes]) -> Tree:
    """Return the content of a folder; a name whose folder is missing is lost."""
    tree: Tree = {".": None}
    for path in sorted(path for path, number in names.items() if number is not None):
        if Path(path).parent.as_posix() in tree:
            number = names[path]
            tree[path] = None if number == FOLDER or number is None else contents[number]
    return tree


def crash_states(operations: Sequence[Operation]) -> Iterator[tuple[int, Tree]]:
    """Yield each content that a crash may leave, with the number of operations before it."""
    disk = Disk()
    seen: set[tuple[tuple[str, bytes | None], ...]] = set()
    for number, operation in enumerate(operations):
        for part in _parts(operation):
            disk.apply(part)
            for tree in (disk.killed(), *disk.without_power()):
                key = tuple(sorted(tree.items()))
                if key not in seen:
                    seen.add(key)
                    yield number, tree


def _parts(operation: Operation) -> list[Operation]:
    """Return a write as two, as a crash may come between any of its bytes."""
    half = len(operation.content) // 2
    if operation.kind != "write" or not half:
        return [operation]
    first, second = operation.content[:half], operation.content[half:]
    return [operation._replace(content=first), operation._replace(content=second)]


def materialise(tree: Tree, folder: Path) -> None:
    """Write a crash state to a new folder."""
    for path, content in sorted(tree.items()):
        if content is None:
            (folder / path).mkdir(exist_ok=True)
        else:
            (folder / path).write_bytes(content)
