"""Background stream: standard output or error, written by a thread so that no caller waits.

A pipe that is not read is full after 64 KiB, and a disk may be full too: a server that writes its
log on the event loop would stop there.
"""

import errno
import os
import select
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import accumulate
from queue import Empty, SimpleQueue

MAX_TEXTS = 2048
"""Texts that wait in a background stream; further ones are dropped and counted."""

MAX_TEXT_BYTES = 8192
"""Bytes of one text of a background stream; the rest is cut off."""

GATHERED_S = 0.002
"""Seconds for which a background stream gathers texts, to write them together.

Each write takes the interpreter's lock from the event loop, and log lines come in groups.
"""

GATHERED_BYTES = 65_536
"""Bytes from which on gathered texts of a background stream are written."""

CLOSE_S = 1.0
"""Longest time that closing a background stream waits for its reader, in seconds."""

CUT = b" [cut]\n"


class BackgroundStream:
    """Text stream to a file descriptor, such as that of standard error, written by a thread.

    Texts are dropped when too many wait, or when the descriptor cannot be written; the number of
    dropped ones is written as soon as the descriptor takes texts again. It has the methods that
    `print` and `logging.StreamHandler` call.

    Args:
        descriptor: File descriptor, which stays open.

    Attributes:
        dropped: Number of texts that were dropped.
    """

    encoding = "utf-8"

    def __init__(self, descriptor: int) -> None:
        self.dropped = 0
        self._told = 0  # dropped texts that the stream's reader knows of
        self._descriptor = descriptor
        self._texts: SimpleQueue[bytes | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="log", daemon=True)
        self._thread.start()

    def write(self, text: str) -> int:
        """Queue a text for the background stream; drop it where too many wait."""
        if self._texts.qsize() >= MAX_TEXTS:
            self.dropped += 1
            return len(text)
        encoded = text.encode(errors="backslashreplace")
        if len(encoded) > MAX_TEXT_BYTES:
            encoded = encoded[: MAX_TEXT_BYTES - len(CUT)] + CUT
        self._texts.put(encoded)
        return len(text)

    def flush(self) -> None:
        """Return at once: the thread writes each text of a background stream when it can."""

    def isatty(self) -> bool:
        """Tell whether the background stream writes to a terminal."""
        return os.isatty(self._descriptor)

    def fileno(self) -> int:
        """Return the file descriptor of the background stream."""
        return self._descriptor

    def close(self) -> None:
        """Write the texts that wait in the background stream, for at most `CLOSE_S`."""
        self._texts.put(None)
        self._thread.join(CLOSE_S)

    def _serve(self) -> None:
        while (text := self._texts.get()) is not None:
            time.sleep(GATHERED_S)
            texts = [text, *self._waiting(GATHERED_BYTES - len(text))]
            if (missing := self.dropped - self._told) and self._texts.qsize() < MAX_TEXTS // 2:
                self._told += missing
                _write(self._descriptor, b"lightwell: %d lines of the log were dropped\n" % missing)
            written = _write(self._descriptor, b"".join(texts))
            self.dropped += sum(end > written for end in accumulate(map(len, texts)))

    def _waiting(self, nbytes: int) -> Iterator[bytes]:
        """Take texts that wait in the background stream, of some bytes; leave its end in it."""
        with suppress(Empty):
            while nbytes > 0:
                text = self._texts.get_nowait()
                if text is None:
                    self._texts.put(None)
                    return
                nbytes -= len(text)
                yield text


def _write(descriptor: int, content: bytes) -> int:
    """Write bytes to a descriptor, blocking or not; return how many of them it took."""
    written = 0
    while written < len(content):
        try:
            written += os.write(descriptor, content[written:])
        except BlockingIOError:
            select.select([], [descriptor], [])
        except OSError as error:
            if error.errno != errno.EINTR:
                break
    return written


class Redirection:
    """Redirection of a standard file descriptor of the process through a background stream.

    Compiled libraries write their warnings to the descriptor itself: they would wait for its reader
    too, and a thread that waits there cannot be ended.

    Args:
        descriptor: 1 or 2, standard output or error.

    Attributes:
        stream: Writes to the former file of the descriptor.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._kept = os.dup(descriptor)
        self.stream = BackgroundStream(self._kept)
        source, target = os.pipe()
        os.dup2(target, descriptor)
        os.close(target)
        self._source = source
        self._thread = threading.Thread(target=self._forward, name="output", daemon=True)
        self._thread.start()

    def _forward(self) -> None:
        """Pass on lines that are written to the descriptor, until its last copy is closed."""
        with os.fdopen(self._source, "rb") as source:
            # A library may write without the ends of lines: pieces of bounded size are kept.
            while line := source.readline(MAX_TEXT_BYTES):
                self.stream.write(line.decode(errors="backslashreplace"))

    def close(self) -> None:
        """End the redirection, after the texts that wait."""
        os.dup2(self._kept, self._descriptor)
        self._thread.join(CLOSE_S)  # it has read all, unless a child process has a copy
        self.stream.close()


@contextmanager
def written_in_background() -> Iterator[list[BackgroundStream]]:
    """Write standard output and error of this process in the background; yield both streams."""
    kept = sys.stdout, sys.stderr
    redirections = [Redirection(1), Redirection(2)]
    streams = [one.stream for one in redirections]
    sys.stdout, sys.stderr = streams
    try:
        yield streams
    finally:
        for one in redirections:
            one.close()
        sys.stdout, sys.stderr = kept
