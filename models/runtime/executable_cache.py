"""Cache of compiled executables on disk, so that the next start compiles nothing.

Loading an executable runs its code. Therefore the folder must be private, and files whose digest is
wrong are not loaded. Every fault is one line in the log, after which the programs are compiled.
"""

import contextlib
import hashlib
import logging
import os
import pickle
import stat
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import jax
from jax.experimental import serialize_executable

from models.runtime.compilation import ExecutableKey, Executables, compile_programs, fingerprint
from models.runtime.durable_files import write_atomically
from models.runtime.parameters import Parameters
from models.runtime.programs import Program

MAX_BYTES = 2_000_000_000
"""Executable cache: bytes of the files kept; the least recently used ones beyond are removed."""

SUFFIX = ".executables"

logger = logging.getLogger("lightwell")


class CacheError(Exception):
    """The executable cache's folder or a file in it cannot be used; the message is the reason."""


class ExecutableCache:
    """Executable cache in a private folder, one file per fingerprint.

    Args:
        folder: Created with mode 0700 if it is missing.

    Raises:
        CacheError: The folder cannot be created, or other users may write to it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = folder.stat()
        except OSError as error:
            raise CacheError(error.strerror) from error
        if sys.platform == "win32":
            return
        if found.st_uid not in (os.geteuid(), 0):
            msg = f"it belongs to user {found.st_uid}"
            raise CacheError(msg)
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            msg = f"others may write to it (mode {stat.S_IMODE(found.st_mode):o})"
            raise CacheError(msg)

    def executables(
        self, name: str, programs: Sequence[Program], parameters: Parameters, buckets: Sequence[int]
    ) -> tuple[Executables, bool]:
        """Load executables from the cache, or compile and store them.

        Returns:
            The executables, and whether they were loaded.
        """
        path = self._folder / f"{name}-{fingerprint(programs, parameters, buckets)}{SUFFIX}"
        loaded = _load(path)
        if loaded is not None:
            return loaded, True
        executables = compile_programs(programs, parameters, buckets)
        if _store(path, executables):
            self._prune()
        return executables, False

    def _prune(self) -> None:
        """Remove the least recently used files of the executable cache beyond `MAX_BYTES`."""
        with contextlib.suppress(OSError):  # another server may do the same
            files = [(file.stat(), file) for file in self._folder.glob(f"*{SUFFIX}")]
            total = 0
            for found, file in sorted(files, key=lambda one: -one[0].st_mtime):
                total += found.st_size
                if total > MAX_BYTES:
                    file.unlink()


def _load(path: Path) -> Executables | None:
    """Load executables from a file of the cache onto the first device; None if it is unusable."""
    try:
        content = path.read_bytes()
        executables = _parsed(content)
    except FileNotFoundError:
        return None
    except Exception as error:
        logger.warning("cached programs are not used: %s: %s", path.name, error)
        return None
    with contextlib.suppress(OSError):
        path.touch()  # its time of modification is that of the last use
    return executables


def _parsed(content: bytes) -> Executables:
    digest, content = content[:32], content[32:]
    if hashlib.sha256(content).digest() != digest:
        msg = "the file is damaged"
        raise CacheError(msg)
    # Only after the digest: unpickling a damaged file may run anything or crash XLA.
    parts = pickle.loads(content)  # noqa: S301 - the folder is private
    load = partial(serialize_executable.deserialize_and_load, execution_devices=jax.devices()[:1])
    return {ExecutableKey(*part): load(*serialised) for part, serialised in parts.items()}


def _store(path: Path, executables: Executables) -> bool:
    """Write executables to a file of the cache; return whether that succeeded."""
    try:
        parts = {tuple(part): serialize_executable.serialize(e) for part, e in executables.items()}
        content = pickle.dumps(parts)
        write_atomically(path, hashlib.sha256(content).digest() + content)
    except FileNotFoundError:
        pass  # another server writes the same file now
    except Exception as error:  # a full disk, or a device whose programs cannot be written
        logger.warning("compiled programs are not kept: %s: %s", path.name, error)
        return False
    return True
