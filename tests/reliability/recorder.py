"""Recorder of file-system operations of this process, one of which can be made to fail."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Operation(NamedTuple):
    """File-system operation, with paths relative to the recorded folder.

    Attributes:
        kind: create, write, fsync, replace, unlink, mkdir, sync (of a folder), or a mark of a test.
        path: File or folder.
        content: Bytes of a write.
        target: New path of a replace.
    """

    kind: str
    path: str
    content: bytes = b""
    target: str = ""


class Recorder:
    """Recorder of the operations that reach a folder through functions of `os`.

    Args:
        root: Folder whose operations are recorded.
        failing: Number of the operation that raises, from 0 on; None for no failure.
        error: Error number that it raises.
    """

    def __init__(self, root: Path, failing: int | None = None, error: int = 0) -> None:
        self.operations: list[Operation] = []
        self._root = root
        self._failing, self._error = failing, error
        self._paths: dict[int, str] = {}

    @contextmanager
    def recording(self) -> Iterator["Recorder"]:
        """Replace functions of `os` while the context is active."""
        with pytest.MonkeyPatch.context() as patch:
            for name in ("open", "write", "fsync", "close", "replace", "unlink", "mkdir"):
                patch.setattr(os, name, self._replacement(name, getattr(os, name)))
            yield self

    def mark(self, kind: str) -> None:
        """Record an event of the test among the operations."""
        self.operations.append(Operation(kind, ""))

    def _replacement(self, name: str, real: Any) -> Any:
        noted = getattr(self, f"_note_{name}")

        def call(*given: Any, **named: Any) -> Any:
            operation = noted(*given)
            if operation is not None:
                self._record(operation)
            result = real(*given, **named)
            if name == "open" and (path := self._relative(given[0])) is not None:
                self._paths[result] = path
            return result

        return call

    def _record(self, operation: Operation) -> None:
        number = len(self.operations)
        self.operations.append(operation)
        if number == self._failing:
            raise OSError(self._error, os.strerror(self._error))

    def _relative(self, path: Any) -> str | None:
        found = Path(os.fspath(path))
        return (
            found.relative_to(self._root).as_posix() if found.is_relative_to(self._root) else None
        )

    def _note_open(self, path: Any, flags: int, *_: Any) -> Operation | None:
        inside = self._relative(path)
        if inside is None or not flags & os.O_CREAT or Path(path).exists():
            return None
        return Operation("create", inside)

    def _note_write(self, descriptor: int, content: Any) -> Operation | None:
        path = self._paths.get(descriptor)
        return None if path is None else Operation("write", path, bytes(content))

    def _note_fsync(self, descriptor: int) -> Operation | None:
        path = self._paths.get(descriptor)
        if path is None:
            return None
        return Operation("sync" if (self._root / path).is_dir() else "fsync", path)

    def _note_close(self, descriptor: int) -> None:
        self._paths.pop(descriptor, None)

    def _note_replace(self, path: Any, target: Any, *_: Any) -> Operation | None:
        inside, new = self._relative(path), self._relative(target)
        return None if inside is None or new is None else Operation("replace", inside, b"", new)

    def _note_unlink(self, path: Any, *_: Any) -> Operation | None:
        inside = self._relative(path)
        exists = inside is not None and (self._root / inside).exists()
        return Operation("unlink", inside) if inside is not None and exists else None

    def _note_mkdir(self, path: Any, *_: Any) -> Operation | None:
        inside = self._relative(path)
        exists = inside is not None and (self._root / inside).exists()
        return None if inside is None or exists else Operation("mkdir", inside)
