"""Cache: executables on disk, so that the next start on the same machine compiles nothing.

To read an executable is to run it. So the folder must be private, and a file counts only where its
digest is right. Whatever is wrong, the log says it in a line and the programs are compiled.
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

from models.runtime.checkpoints import write_atomically
from models.runtime.compilation import Executables, Part, compile_programs, fingerprint
from models.runtime.parameters import Parameters
from models.runtime.programs import Program

KEPT = 64
"""Files beyond this number are removed, those first that were not used for longest."""

SUFFIX = ".executables"

logger = logging.getLogger("lightwell")


class CacheError(Exception):
    """A cache cannot be used, for a reason that is told."""


class Cache:
    """A private folder that holds the executables of models, one file for each set.

    Args:
        folder: Made where it is missing, for this user alone.

    Raises:
        CacheError: The folder cannot be made, or somebody else could put something into it.
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
        """Return the executables of a model, and whether they were here.

        What was not here is compiled, and kept for the next time.
        """
        path = self._folder / f"{name}-{fingerprint(programs, parameters, buckets)}{SUFFIX}"
        kept = _load(path)
        if kept is not None:
            return kept, True
        executables = compile_programs(programs, parameters, buckets)
        if _keep(path, executables):
            self._prune()
        return executables, False

    def _prune(self) -> None:
        """Remove what was not used for longest."""
        with contextlib.suppress(OSError):  # another server may do the same
            files = self._folder.glob(f"*{SUFFIX}")
            for stale in sorted(files, key=lambda file: -file.stat().st_mtime)[KEPT:]:
                stale.unlink()


def _load(path: Path) -> Executables | None:
    """Read executables and put them on the first device; None where there are none to use."""
    try:
        content = path.read_bytes()
        executables = _parsed(content)
    except FileNotFoundError:
        return None
    except Exception as error:
        logger.warning("cached programs are not used: %s: %s", path.name, error)
        return None
    with contextlib.suppress(OSError):
        path.touch()  # it was used
    return executables


def _parsed(content: bytes) -> Executables:
    digest, content = content[:32], content[32:]
    if hashlib.sha256(content).digest() != digest:
        msg = "the file is damaged"
        raise CacheError(msg)
    parts = pickle.loads(content)  # noqa: S301 - the folder is private
    load = partial(serialize_executable.deserialize_and_load, execution_devices=jax.devices()[:1])
    return {Part(*part): load(*serialised) for part, serialised in parts.items()}


def _keep(path: Path, executables: Executables) -> bool:
    """Write executables; return whether they are there now."""
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
