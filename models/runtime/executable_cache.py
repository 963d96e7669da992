"""Cache of compiled executables on disk, so that the next start compiles nothing.

Loading an executable runs its code. Therefore folder and files must be private, and files whose
digest is wrong are not loaded. Every fault is one line in the log, after which the programs are
compiled.
"""

import contextlib
import hashlib
import logging
import pickle
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import jax
from jax.experimental import serialize_executable

from models.runtime.compilation import ExecutableKey, Executables, compile_programs, fingerprint
from models.runtime.durable_files import PARTIAL
from models.runtime.parameters import Parameters
from models.runtime.private_folder import PrivateFolder, PrivateFolderError
from models.runtime.programs import Program

MAX_BYTES = 2_000_000_000
"""Executable cache: bytes of the files kept; the least recently used ones beyond are removed."""

SUFFIX = ".executables"

ABANDONED_S = 3600.0
"""Age of a temporary file of the cache, in seconds, at which no server still writes it."""

logger = logging.getLogger("lightwell")


class CacheError(Exception):
    """The executable cache's folder or a file in it cannot be used; the message is the reason."""


class ExecutableCache:
    """Executable cache in a private folder, one file per fingerprint.

    Args:
        folder: Created with mode 0700 if it is missing.

    Raises:
        CacheError: The folder cannot be created, or other users could write to it.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._folder = PrivateFolder(folder)
        except OSError as error:
            raise CacheError(error.strerror) from error
        except PrivateFolderError as error:
            raise CacheError(str(error)) from error
        self._is_writable = True

    def executables(
        self, name: str, programs: Sequence[Program], parameters: Parameters, buckets: Sequence[int]
    ) -> tuple[Executables, bool]:
        """Load executables from the cache, or compile and store them.

        Returns:
            The executables, and whether they were loaded.
        """
        file = f"{name}-{fingerprint(programs, parameters, buckets)}{SUFFIX}"
        loaded = self._load(file)
        if loaded is not None:
            return loaded, True
        executables = compile_programs(programs, parameters, buckets)
        if self._is_writable and self._store(file, executables):
            self._prune()
        return executables, False

    def _load(self, name: str) -> Executables | None:
        """Load executables from a file of the cache onto the first device; None if unusable."""
        try:
            return _parsed(self._folder.read(name, MAX_BYTES))
        except FileNotFoundError:
            return None
        except Exception as error:
            logger.warning("cached programs are not used: %s: %s", name, error)
            return None

    def _store(self, name: str, executables: Executables) -> bool:
        """Write executables to a file of the cache; return whether that succeeded."""
        try:
            self._folder.write(name, _serialised(executables))
        except FileNotFoundError:
            pass  # another server writes the same file now
        except Exception as error:  # a full disk, or a device whose programs cannot be written
            # One line: every other file would meet the same fault.
            self._is_writable = False
            logger.warning("compiled programs are not kept: %s: %s", name, error)
            return False
        return True

    def _prune(self) -> None:
        """Remove abandoned temporary files and the least recently used files of the cache."""
        with contextlib.suppress(OSError):  # another server may do the same
            files = sorted(self._folder.files(), key=lambda one: -one[1].st_mtime)
            total = 0
            for name, found in files:
                total += found.st_size if name.endswith(SUFFIX) else 0
                is_beyond = name.endswith(SUFFIX) and total > MAX_BYTES
                is_left = name.endswith(PARTIAL) and time.time() - found.st_mtime > ABANDONED_S
                if is_beyond or is_left:
                    self._folder.remove(name)


def _serialised(executables: Executables) -> bytes:
    """Return the content of a file of the cache: digest and executables."""
    parts = {tuple(part): serialize_executable.serialize(e) for part, e in executables.items()}
    content = pickle.dumps(parts)
    return hashlib.sha256(content).digest() + content


def _parsed(content: bytes) -> Executables:
    """Parse the content of a file of the cache, if its digest is right."""
    digest, content = content[:32], content[32:]
    if hashlib.sha256(content).digest() != digest:
        msg = "the file is damaged"
        raise CacheError(msg)
    # Only after the digest: unpickling a damaged file may run anything or crash XLA.
    parts = pickle.loads(content)  # noqa: S301 - the folder is private
    load = partial(serialize_executable.deserialize_and_load, execution_devices=jax.devices()[:1])
    return {ExecutableKey(*part): load(*serialised) for part, serialised in parts.items()}
