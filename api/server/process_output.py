"""Process output: log and standard streams of a process that serves the application by itself."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from api.background_stream import BackgroundStream, written_in_background

if TYPE_CHECKING:
    from fastapi import FastAPI


def configure_logging() -> None:
    """Configure logging of a server's process: standard error, a line for each request."""
    # No line has a thread, process or task: to look them up would take time for each.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")


@contextmanager
def output_in_background(app: "FastAPI") -> Iterator[None]:
    """Let the output of a server's process make no request wait."""
    with written_in_background() as streams:
        app.state.access_log.metrics.add_dropped(lambda: sum(one.dropped for one in streams))
        _redirect_logging()
        yield


@contextmanager
def own_output_in_background() -> Iterator[None]:
    """Let this process wait for no reader of its output; its children write to the same files."""
    kept = sys.stdout, sys.stderr
    streams = BackgroundStream(1), BackgroundStream(2)
    sys.stdout, sys.stderr = streams
    _redirect_logging()
    try:
        yield
    finally:
        sys.stdout, sys.stderr = kept
        _redirect_logging()
        for one in streams:
            one.close()


def _redirect_logging() -> None:
    """Let the log of a server's process go to its present standard error."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(sys.stderr)
