"""Metrics folder: where workers keep their expositions, and ask each other for the newest.

A worker answers on a socket in the folder with its exposition, and writes the same text into a file
before. So what a monitor has read of a worker stays in the sum when the worker is killed.
"""

import asyncio
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from api.workers.expositions import Exposition, joined

ASKED_S = 2.0
"""Longest time that a worker waits for the exposition of another one, in seconds."""

MOST_TRIES = 5
"""Times that the metrics folder is read where a worker ends meanwhile."""

LONGEST_PATH = 80
"""Longest path of the folder: that of a Unix socket has at most 104 bytes on macOS."""

SOCKET, TEXT = ".socket", ".prom"
ENDED = "ended"


def create_folder() -> "tempfile.TemporaryDirectory[str]":
    """Create the metrics folder of a server, which its user alone may read.

    Raises:
        OSError: No folder for temporary files can be written.
    """
    parent = tempfile.gettempdir()
    return tempfile.TemporaryDirectory(
        prefix="lightwell-",
        dir=parent if len(parent) < LONGEST_PATH else "/tmp",  # noqa: S108
    )


class Retired(Exception):  # noqa: N818 - no error: the folder is read again
    """Worker whose counts were moved into those of ended workers while the folder was read."""


class MetricsFolder:
    """Metrics folder of a server, as one of its workers sees it.

    Args:
        folder: Private folder of the server.
        slot: Number of the worker, which is the value of its label.
        exposition: Returns the worker's own metrics.
    """

    def __init__(self, folder: Path, slot: int, exposition: Callable[[], bytes]) -> None:
        self._folder, self._exposition = folder, exposition
        self._name = name_of(slot, os.getpid())
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to answer other workers from the metrics folder."""
        path = self._folder / f"{self._name}{SOCKET}"
        self._server = await asyncio.start_unix_server(self._answer, str(path))

    def stop(self) -> None:
        """Leave the worker's last counts in the metrics folder."""
        if self._server is not None:
            self._written()
            self._server.close()

    async def _answer(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self._written())
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()

    def _written(self) -> bytes:
        """Write the worker's exposition into the metrics folder, and return it."""
        text = self._exposition()
        _write(self._folder / f"{self._name}{TEXT}", text)
        return text

    async def joined(self) -> bytes:
        """Return the exposition of all workers of the metrics folder as one."""
        for _ in range(MOST_TRIES):
            with suppress(Retired):
                return joined(await self._gathered()).encode()
        return self._written()

    async def _gathered(self) -> list[Exposition]:
        """Gather the expositions of the metrics folder, its own worker's first.

        Raises:
            Retired: A worker has ended meanwhile.
        """
        with _locked(self._folder):
            ended = _read(self._folder / f"{ENDED}{TEXT}") or ""
            names = {path.stem for path in self._folder.iterdir() if path.suffix in (SOCKET, TEXT)}
        others = sorted(names - {self._name, ENDED})
        texts = await asyncio.gather(*map(self._ask, others))
        own = Exposition(self._written().decode(), self._name.partition("-")[0])
        return [own, *texts, Exposition(ended, None)]

    async def _ask(self, name: str) -> Exposition:
        """Ask another worker of the metrics folder; the last counts of one that does not answer.

        Raises:
            Retired: It has ended, and counts among the ended ones.
        """
        slot = name.partition("-")[0]
        path = self._folder / f"{name}{SOCKET}"
        try:
            async with asyncio.timeout(ASKED_S):
                reader, writer = await asyncio.open_unix_connection(str(path))
                try:
                    text = await reader.read()
                finally:
                    writer.close()
            if text:
                return Exposition(text.decode(), slot)
        except TimeoutError:
            # It is busy, and its gauges were right a while ago.
            return Exposition(_read(self._folder / f"{name}{TEXT}") or "", slot)
        except OSError:
            pass
        left = _read(self._folder / f"{name}{TEXT}")
        if left is None and not path.exists():
            raise Retired
        return Exposition(left or "", None)


def name_of(slot: int, process: int | None) -> str:
    """Return the name of a worker's files in the metrics folder."""
    return f"{slot}-{process}"


def retire(folder: Path, name: str) -> None:
    """Add the counts of a worker that has ended to those of earlier ones in the metrics folder."""
    with _locked(folder):
        kept = folder / f"{ENDED}{TEXT}"
        texts = [_read(kept), _read(folder / f"{name}{TEXT}")]
        _write(kept, joined([Exposition(one, None) for one in texts if one]).encode())
        for suffix in (TEXT, SOCKET):
            (folder / f"{name}{suffix}").unlink(missing_ok=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes from moving counts within the metrics folder."""
    with (folder / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


def _write(path: Path, text: bytes) -> None:
    """Write a file of the metrics folder, so that it is never read half."""
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_bytes(text)
    partial.replace(path)
